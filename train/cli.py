"""Commands of this room: `learn-data`, `learn-train`, `learn-eval`. A thin door; each system keeps its own command."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

from learn_rt.train.core.register import systems

RECORDED = "from-recording"


def data(argv: list[str] | None = None) -> None:
    """Run `learn-data SYSTEM ...`. Raises: SystemExit: 0 done, 1 failed, 2 usage."""
    argv = sys.argv[1:] if argv is None else argv
    names = ", ".join(systems())
    usage = (
        f"usage: learn-data SYSTEM ... (one of {names}; learn-data SYSTEM --help says more)\n"
        f"       learn-data {RECORDED} FILE... --out DIR (what learn-serve or a client recorded, for system=table)\n"
        "example: learn-data printer examples/boat.gcode examples/star.gcode --out data/printer"
    )
    if argv[:1] and argv[0] in (*systems(), RECORDED):
        name = "table.from_recording" if argv[0] == RECORDED else f"{argv[0]}.data_cli"
        with _interruptible("learn-data"):
            try:
                module = import_module(f"learn_rt.train.{name}")
            except ModuleNotFoundError as error:
                print(f"learn-data: {argv[0]} needs {error.name}, which is not installed", file=sys.stderr)
                raise SystemExit(1) from None
            module.main(argv[1:])
    elif argv[:1] in (["-h"], ["--help"]):
        print(usage)
    else:
        print(usage, file=sys.stderr)
        raise SystemExit(2)


def train(argv: list[str] | None = None) -> None:
    """Run `learn-train system=... target=... data=DIR`. Raises: SystemExit: 0 done, 1 failed, 2 usage."""
    _share_cores()
    with _interruptible("learn-train"):
        from learn_rt.train.core.commands import train_main

        train_main(sys.argv[1:] if argv is None else argv)


def evaluate(argv: list[str] | None = None) -> None:
    """Run `learn-eval CKPT`. Raises: SystemExit: 0 done, 1 failed, 2 usage."""
    _share_cores()
    with _interruptible("learn-eval"):
        from learn_rt.train.core.commands import evaluate_main

        evaluate_main(sys.argv[1:] if argv is None else argv)


@contextmanager
def _interruptible(command: str) -> Iterator[None]:
    """End with one line on Ctrl-C, while torch is imported too."""
    try:
        yield
    except KeyboardInterrupt:
        print(f"{command}: interrupted", file=sys.stderr)
        raise SystemExit(1) from None


def _share_cores() -> None:
    """Let torch's threads sleep while they wait: spinning beside other work costs up to ten times the training time.

    Read once, when torch is imported.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
