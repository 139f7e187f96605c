"""docs/gait.md is true: its commands run one after another as they stand, on less data."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
LESS = {
    "--sequences 4000": "--sequences 60",
    "loop.epochs=4": "loop.epochs=1 net.hidden=[16] threads=1",
    "--format all": "--format onnx",
    "--out walk.gif": "--out walk.gif --seconds 0.1 --cycle 0.2",
    "deadline_us=5000": "deadline_us=500000",
}


def test_the_pages_blocks_run_as_they_stand(tmp_path: Path) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    blocks = re.findall(r"^```(bash|python)\n(.*?)^```", (ROOT / "docs/gait.md").read_text(), re.MULTILINE | re.DOTALL)
    assert [kind for kind, _ in blocks] == ["bash", "bash", "python"]
    for kind, text in blocks:
        for written, less in LESS.items():
            text = text.replace(written, less)
        command = ["bash", "-euo", "pipefail", "-c", text] if kind == "bash" else [sys.executable, "-c", text]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
    assert (tmp_path / "walk.gif").stat().st_size > 1000
