"""`learn-bench`: measure beside the baselines."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

USAGE = """usage: learn-bench {print,latency,cost} [OPTION ...]

  print    print an unseen part on simulated printers under every method: the long table
  latency  what one prediction costs, in process and over each transport
  cost     system=cost: training speed beside a DataLoader loop, test error beside scikit-learn

example: learn-bench print --models build/demo/models --json build/bench/print.json
'learn-bench VERB --help' tells a verb's options.
"""
VERBS = {
    "print": "learn_rt.benchmarks.printing.table",
    "latency": "learn_rt.benchmarks.latency.cli",
    "cost": "learn_rt.benchmarks.cost.cli",
}


def main(argv: Sequence[str] | None = None) -> None:
    """Run a verb; raises SystemExit 0 done, 1 failed, 2 usage."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] in (["-h"], ["--help"]):
        print(USAGE, end="")
        raise SystemExit(0)
    if not arguments or arguments[0] not in VERBS:
        given = f"unknown verb {arguments[0]!r}" if arguments else "a verb is needed"
        print(f"learn-bench: {given}; verbs: {', '.join(VERBS)} (see learn-bench --help)", file=sys.stderr)
        raise SystemExit(2)
    # imported on use: one verb's needs never burden another
    import_module(VERBS[arguments[0]]).main(arguments[1:])
    raise SystemExit(0)
