"""docs/table.md is true: its commands run one after another as they stand, with fewer epochs."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
QUICKER = {"out=runs/arm": "out=runs/arm loop.epochs=1 samples_per_epoch=3000 net.hidden_size=8 threads=1"}


def test_the_pages_commands_run_as_they_stand(tmp_path):
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    blocks = re.findall(r"^```bash\n(.*?)^```", (ROOT / "docs" / "table.md").read_text(), re.MULTILINE | re.DOTALL)
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    for text in blocks:
        for written, changed in QUICKER.items():
            assert written in text
            text = text.replace(written, changed, 1)
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
    assert json.loads((tmp_path / "runs/arm/eval/metrics.json").read_text())["r2"] > 0.8
    assert (tmp_path / "models/arm/1/model.onnx").is_file()
