"""Commands of this room: `learn-data`, `learn-train`, `learn-eval`. A thin door; each system keeps its own command."""

from __future__ import annotations

import os
import sys


def data(argv: list[str] | None = None) -> None:
    """Run `learn-data SYSTEM ...`. Raises: SystemExit: 0 done, 1 failed, 2 usage."""
    argv = sys.argv[1:] if argv is None else argv
    usage = "usage: learn-data printer FILE.gcode... --out DIR (learn-data printer --help says more)"
    if argv[:1] == ["printer"]:
        from learn_rt.train.printer.data_cli import main

        main(argv[1:])
    elif argv[:1] in (["-h"], ["--help"]):
        print(usage)
    else:
        print(usage, file=sys.stderr)
        raise SystemExit(2)


def train(argv: list[str] | None = None) -> None:
    """Run `learn-train system=... target=... data=DIR`. Raises: SystemExit: 0 done, 1 failed, 2 usage."""
    _share_cores()
    from learn_rt.train.core.commands import train_main

    train_main(sys.argv[1:] if argv is None else argv)


def evaluate(argv: list[str] | None = None) -> None:
    """Run `learn-eval CKPT`. Raises: SystemExit: 0 done, 1 failed, 2 usage."""
    _share_cores()
    from learn_rt.train.core.commands import evaluate_main

    evaluate_main(sys.argv[1:] if argv is None else argv)


def _share_cores() -> None:
    """Let torch's threads sleep while they wait: spinning beside other work costs up to ten times the training time.

    Read once, when torch is imported.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
