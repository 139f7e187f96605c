"""docs/table.md is true: its commands run one after another as they stand, with fewer epochs."""

import json
import re
import runpy
import shlex
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
QUICKER = ["loop.epochs=1", "samples_per_epoch=2000", "net.hidden_size=8", "threads=1"]


def test_the_pages_commands_run_as_they_stand(tmp_path, monkeypatch: pytest.MonkeyPatch):
    from learn_rt.export.cli import main as export
    from learn_rt.train import cli

    commands = {"learn-data": cli.data, "learn-train": cli.train, "learn-eval": cli.evaluate, "learn-export": export}
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    [block] = re.findall(r"^```bash\n(.*?)^```", (ROOT / "docs" / "table.md").read_text(), re.MULTILINE | re.DOTALL)
    for line in block.replace("\\\n", " ").splitlines():
        name, *argv = shlex.split(line)
        if name == "python":
            monkeypatch.setattr(sys, "argv", argv)
            runpy.run_path(argv[0], run_name="__main__")
        else:
            commands[name](argv + (QUICKER if name == "learn-train" else []))
    assert json.loads((tmp_path / "runs/arm/eval/metrics.json").read_text())["r2"] > 0.8
    assert (tmp_path / "models/arm/1/model.onnx").is_file()
