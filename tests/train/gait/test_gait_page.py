"""docs/gait.md is true: its commands run one after another as they stand, on less data."""

from __future__ import annotations

import re
import runpy
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from learn_rt.export.cli import main as export
from learn_rt.train import cli

ROOT = Path(__file__).parents[3]
LESS = {
    "--sequences 4000": "--sequences 60",
    "loop.epochs=4": "loop.epochs=1 net.hidden=[16] threads=1",
    "--format all": "--format onnx",
    "--out walk.gif": "--out walk.gif --seconds 0.1 --cycle 0.2",
    "deadline_us=5000": "deadline_us=500000",
}


def python(argv: list[str]) -> int:
    """Run a script as `python` does, in this process: torch is imported already."""
    sys.argv = argv
    with pytest.raises(SystemExit) as caught:
        runpy.run_path(argv[0], run_name="__main__")
    return int(caught.value.code or 0)


COMMANDS: dict[str, Callable[[list[str]], int | None]] = {
    "learn-data": cli.data,
    "learn-train": cli.train,
    "learn-eval": cli.evaluate,
    "learn-export": export,
    "python": python,
}


def test_the_pages_blocks_run_as_they_stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", sys.argv)
    blocks = re.findall(r"^```(bash|python)\n(.*?)^```", (ROOT / "docs/gait.md").read_text(), re.MULTILINE | re.DOTALL)
    assert [kind for kind, _ in blocks] == ["bash", "bash", "python"]
    for kind, text in blocks:
        for written, less in LESS.items():
            text = text.replace(written, less)
        if kind == "python":
            exec(text, {})
            continue
        for line in text.replace("\\\n", " ").splitlines():
            command, *argv = shlex.split(line)
            assert not COMMANDS[command](argv), line
    assert (tmp_path / "walk.gif").stat().st_size > 1000
