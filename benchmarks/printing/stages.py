"""The demo's stages: a line each with its seconds; commands run as a user would; unchanged work is not redone."""

from __future__ import annotations

import hashlib
import json
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.markup import escape

SCRIPTS = {
    "learn-data": "learn_rt.train.cli:data",
    "learn-train": "learn_rt.train.cli:train",
    "learn-eval": "learn_rt.train.cli:evaluate",
    "learn-export": "learn_rt.export.cli:main",
    "learn-serve": "learn_rt.serve.cli:main",
}


class Failed(RuntimeError):
    """A stage that did not do its work; the message is the one line that a user needs."""


class Stages:
    """Prints and times the stages, and remembers in `memory` (a JSON file) which were done with which inputs."""

    def __init__(self, console: Console, n_stages: int, memory: Path, logs: Path) -> None:
        self.seconds: dict[str, float] = {}
        self._console = console
        self._n = n_stages
        self._memory = memory
        self._logs = logs
        self._lock = threading.Lock()  # work may be done side by side
        self._done: dict[str, str] = json.loads(memory.read_text()) if memory.is_file() else {}

    @contextmanager
    def stage(self, name: str, doing: str) -> Iterator[list[str]]:
        """Time a stage. What is appended to the yielded list is told at the end of its line."""
        notes: list[str] = []
        start = time.perf_counter()
        head = f"[dim]{len(self.seconds) + 1}/{self._n}[/dim] [bold]{name:<9}[/bold]"
        with self._console.status(f"{head} {escape(doing)}"):
            yield notes
        self.seconds[name] = round(time.perf_counter() - start, 2)
        text = escape(", ".join([doing, *notes]))
        self._console.print(f"{head} {text} [dim]{self.seconds[name]:.1f} s[/dim]", highlight=False, soft_wrap=True)

    def is_done(self, work: str, key: str) -> bool:
        """Return whether `work` was last done with the inputs that `key` stands for."""
        return self._done.get(work) == key

    def forget(self, work: str) -> None:
        """Forget that it was done, before it is done anew: what is cut off is not taken for done."""
        self._remember(work, None)

    def mark_done(self, work: str, key: str) -> None:
        """Remember it, across runs."""
        self._remember(work, key)

    def _remember(self, work: str, key: str | None) -> None:
        with self._lock:
            others = {name: of for name, of in self._done.items() if name != work}
            self._done = others if key is None else others | {work: key}
            self._memory.parent.mkdir(parents=True, exist_ok=True)
            self._memory.write_text(json.dumps(self._done, indent=2) + "\n")

    def run(self, name: str, script: str, *arguments: str | Path) -> str:
        """Run one of the project's commands and return its standard output; what else it says goes to a log.

        Raises: Failed: it did not end with 0; the message holds its last line.
        """
        command = command_of(script, *arguments)
        log = self._logs / f"{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        shown = shlex.join([script, *map(str, arguments)])
        with log.open("w") as out:
            out.write(f"$ {shown}\n")
            out.flush()
            result = subprocess.run(command, stdout=subprocess.PIPE, stderr=out, text=True, check=False)
        if result.returncode:
            said = [line for line in log.read_text().splitlines()[1:] if line.strip()]
            last = said[-1] if said else f"exit {result.returncode}"
            raise Failed(f"{shown} failed: {last} (all of it: {log})")
        return result.stdout


def command_of(script: str, *arguments: str | Path) -> list[str]:
    """Return the argument list that runs a console script with this interpreter, whether or not it is on the PATH."""
    module, function = SCRIPTS[script].split(":")
    code = f"import sys; sys.argv[0] = {script!r}; from {module} import {function}; sys.exit({function}())"
    return [sys.executable, "-c", code, *map(str, arguments)]


def fingerprint(files: Iterable[Path], texts: Sequence[str] = ()) -> str:
    """Return a hash of files (names and contents, in order) and texts."""
    digest = hashlib.sha256()
    for path in files:
        content = path.read_bytes()
        digest.update(f"{path.name}\0{len(content)}\0".encode() + content)
    for text in texts:
        digest.update(f"{len(text)}\0{text}".encode())
    return digest.hexdigest()


def sources(package: str) -> list[Path]:
    """Return the files that a package of ours is made of, in order: a change of one of them is a change of its work."""
    module = __import__(package, fromlist=["__file__"])
    root = Path(str(module.__file__)).parent
    return sorted(p for p in root.rglob("*") if p.suffix in {".py", ".toml", ".yaml"})
