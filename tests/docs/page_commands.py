"""Runs what a page tells its reader to type, in one process where it can: importing torch takes seconds."""

from __future__ import annotations

import re
import runpy
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
# A fenced block, or a run of indented lines.
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```|((?:^    [^\n]*\n)+)", re.MULTILINE | re.DOTALL)
TYPED = re.compile(r"(learn-(?:data|train|eval|export|serve|bench)|python|pytest) ")


def blocks(text: str) -> Iterator[tuple[str, str]]:
    """Give ("python", code) and ("bash", commands) in order, of indented blocks those that begin with a command."""
    for language, fenced, indented in BLOCK.findall(text):
        plain = "\n".join(line[4:] for line in indented.splitlines()) if indented else fenced
        if language == "python":
            yield "python", plain
        elif language == "bash" or (not language and TYPED.match(plain)):
            yield "bash", plain


def run_page(
    page: str,
    monkeypatch: pytest.MonkeyPatch,
    less: Mapping[str, str],
    names: Mapping[str, Any] | None = None,
) -> None:
    """Run all blocks of docs/<page> in the current folder, as they stand but for `less`: text -> what is quicker.

    `names` are what the page's Python takes as given. `learn-serve` runs beside what follows, and is stopped last.
    """
    text = (ROOT / "docs" / page).read_text()
    for written, quicker in less.items():
        assert written in text, f"{page} no longer says {written!r}"
        text = text.replace(written, quicker)
    Path("examples").symlink_to(ROOT / "examples")
    monkeypatch.setattr(sys, "argv", sys.argv)
    found = list(blocks(text))
    assert found, f"{page} has no command"
    with ExitStack() as stopping:
        for kind, block in found:
            if kind == "python":
                exec(block, dict(names or {}))
                continue
            for line in block.replace("\\\n", " ").splitlines():
                command, *argv = typed(line)
                if command == "learn-serve":
                    stopping.callback(_stop, _serve(argv))
                else:
                    assert not _run(command, argv), line


def typed(line: str) -> list[str]:
    """Return a command's words as the shell makes them: quotes, patterns, comments."""
    words = subprocess.run(["bash", "-c", f'printf "%s\\0" {line}'], capture_output=True, text=True, check=True).stdout
    return words.split("\0")[:-1]


def _run(command: str, argv: list[str]) -> int:
    try:
        if command == "python" and argv[0] == "-m":
            sys.argv = argv[1:]
            sys.modules.pop(argv[1], None)  # as in a process of its own: runpy warns of a module it would run twice
            runpy.run_module(argv[1], run_name="__main__")
            return 0
        if command == "python":
            sys.argv = argv
            with pytest.MonkeyPatch.context() as patch:
                patch.syspath_prepend(str(Path(argv[0]).parent))  # as `python` does
                runpy.run_path(argv[0], run_name="__main__")
            return 0
        (entry,) = entry_points(group="console_scripts", name=command)
        return int(entry.load()(argv) or 0)
    except SystemExit as ended:
        return int(ended.code or 0)


def _serve(argv: list[str]) -> subprocess.Popen[bytes]:
    server = subprocess.Popen([Path(sys.executable).parent / "learn-serve", *argv])
    sockets = [Path(text.removeprefix("unix:")) for text in argv if text.startswith("unix:")]
    end = time.monotonic() + 60
    while not all(path.exists() for path in sockets):
        assert server.poll() is None, f"learn-serve {shlex.join(argv)} ended"
        assert time.monotonic() < end, f"learn-serve {shlex.join(argv)} does not listen"
        time.sleep(0.05)
    return server


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.send_signal(signal.SIGTERM)
    assert server.wait(20) == 0
