"""`learn-bench`: measure beside the baselines."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

VERBS = {
    "print": (
        "learn_rt.benchmarks.printing.table",
        "an unseen part on simulated printers under every method",
    ),
    "latency": ("learn_rt.benchmarks.latency.cli", "what one prediction costs, in process and over each transport"),
    "calls": ("learn_rt.benchmarks.calls", "what a call from Python costs above the same from C++"),
    "serve": ("learn_rt.benchmarks.serving.cli", "what serving costs beside a bare echo, under load and under faults"),
    "engine": ("learn_rt.benchmarks.engine.cli", "the native engine beside ONNX Runtime and the machine's limits"),
    "rollouts": ("learn_rt.benchmarks.rollouts", "what a rollout costs on each backend"),
    "cost": (
        "learn_rt.benchmarks.cost.cli",
        "system=cost: training beside a DataLoader loop, scikit-learn's error",
    ),
    "gait": ("learn_rt.benchmarks.gait.speed", "system=gait: reading a corpus beside usual loaders"),
    "error": ("learn_rt.benchmarks.printer_error.speed", "system=printer target=error: an epoch beside plain loops"),
}
USAGE = f"""usage: learn-bench {{{",".join(VERBS)}}} [OPTION ...]

{"".join(f"  {verb:<9} {about}{chr(10)}" for verb, (_, about) in VERBS.items())}
example: learn-bench latency --models build/demo/models
'learn-bench VERB --help' tells a verb's options.
"""


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
    try:
        import_module(VERBS[arguments[0]][0]).main(arguments[1:])
    except (ValueError, OSError, RuntimeError) as error:
        print(f"learn-bench {arguments[0]}: {' '.join(str(error).split())}", file=sys.stderr)
        raise SystemExit(1) from None
    raise SystemExit(0)
