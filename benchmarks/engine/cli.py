"""learn-bench engine: the native engine beside ONNX Runtime, TorchScript and the machine's own limits."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from learn_rt.benchmarks.arguments import above_0, among
from learn_rt.benchmarks.engine.models import ROWS

EPILOG = "example: chrt -f 50 learn-bench engine --rows gait-mlp-15,cost-mlp --weights fp32,int8 --json engine.json"
FORMS = ("fp32", "bf16", "int8")  # of the table; others where they are asked for
KNOWN_FORMS = ("fp32", "bf16", "int16", "int8")


def main(argv: Sequence[str] | None = None) -> None:
    """Run `learn-bench engine`; raises SystemExit 0 done, 1 failed, 2 usage. A floor that is missed is a result."""
    options = _parser().parse_args(argv)

    from rich.console import Console

    from learn_rt.benchmarks.engine import report, where
    from learn_rt.benchmarks.engine.arms import open_row
    from learn_rt.benchmarks.engine.measure import measure
    from learn_rt.benchmarks.latency import machine
    from learn_rt.spec import Weights

    # fp32 is what the others are compared with.
    forms = tuple(Weights(form) for form in dict.fromkeys(["fp32", *options.weights]))
    log, out = Console(stderr=True), Console(width=200)
    all_measured = []
    try:
        with log.status("") as status:
            for name in options.rows:
                status.update(f"{name}: opening (a net is exported once, in tens of seconds)")
                row = open_row(name, options.cache, forms, options.threads)
                status.update(f"{name}: measuring")
                all_measured.append(measure(row, options.seconds, options.cold_seconds))
        if options.json:
            rows = [found for measured in all_measured for found in report.as_json(measured)]
            options.json.write_text(json.dumps(rows, indent=1, allow_nan=False) + "\n")
        out.print(report.table(all_measured))
        if options.where:
            for line in where.lines(where.limits(), all_measured, where.floor_us()):
                out.print(line, highlight=False)
        out.print(machine.one_line(machine.describe()), highlight=False)
    except (ValueError, OSError, RuntimeError, AssertionError) as error:
        print(f"learn-bench engine: {' '.join(str(error).split())}", file=sys.stderr)
        raise SystemExit(1) from None
    raise SystemExit(0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="learn-bench engine", description=__doc__, epilog=EPILOG)
    add = parser.add_argument
    add("--rows", type=among(ROWS), default=ROWS, metavar="LIST", help=f"default: all of {','.join(ROWS)}")
    add("--weights", type=among(KNOWN_FORMS), default=FORMS, metavar="LIST", help=f"default: {','.join(FORMS)}")
    add("--json", type=Path, metavar="FILE", help="write the rows there")
    add("--where", action="store_true", help="say too where this machine's limits are, and what a session takes of it")
    add("--seconds", type=above_0, default=6.0, metavar="S", help="of each row, all arms together (%(default)s)")
    add("--cold-seconds", type=above_0, default=2.0, metavar="S", help="of each row's cold answers (%(default)s)")
    add("--threads", type=int, metavar="N", help="of rollouts, on both sides (default: 2 of a horizon of 75, else 1)")
    add("--cache", type=Path, default=Path("build/bench/engine-models"), metavar="DIR", help="of nets (%(default)s)")
    return parser
