"""`learn-bench cost speed` and `learn-bench cost accuracy`: training beside what one would write or install instead."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

EXAMPLE = """example:
  learn-bench cost speed
  learn-bench cost accuracy airfoil.tsv --output TARGET --json build/bench/airfoil.json
"""


def main(argv: Sequence[str]) -> None:
    """Run the command; raises SystemExit 1 failed, 2 usage."""
    given = _parser().parse_args(argv)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when torch is imported
    try:
        found = _speed(given) if given.verb == "speed" else _accuracy(given)
    except (ValueError, OSError) as error:
        print(f"learn-bench: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    if given.json:
        given.json.parent.mkdir(parents=True, exist_ok=True)
        given.json.write_text(json.dumps(found, indent=2) + "\n")
    from rich.console import Console

    Console(highlight=False).print(_speed_table(found) if given.verb == "speed" else _accuracy_table(found))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="learn-bench cost", epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    verbs = parser.add_subparsers(dest="verb", required=True)
    speed = verbs.add_parser("speed", parents=[common], help="full-batch epochs beside a DataLoader loop, turn by turn")
    speed.add_argument("--epochs", type=_count, default=10_002, help="default: %(default)s")
    speed.add_argument("--rounds", type=_count, default=1, help="the quickest counts (default: %(default)s)")
    speed.add_argument("--rollouts", type=_count, default=225, help="default: %(default)s")
    speed.add_argument("--threads", type=_count, default=1, help="of torch, in all loops (default: %(default)s)")
    accuracy = verbs.add_parser("accuracy", parents=[common], help="test error beside scikit-learn's regressors")
    accuracy.add_argument("table", type=Path, metavar="TABLE", help="CSV or TSV with a header")
    accuracy.add_argument(
        "overrides", nargs="*", metavar="KEY=VALUE", help="after TABLE: configuration of our training"
    )
    accuracy.add_argument("--output", required=True, metavar="NAME", help="the column to predict")
    accuracy.add_argument("--seeds", type=_count, default=3, metavar="N", help="splits 0 to N-1 (default: %(default)s)")
    accuracy.add_argument("--members", default="1,5", metavar="N,N", help="ensembles of ours (default: %(default)s)")
    return parser


def _speed(given: argparse.Namespace) -> dict[str, Any]:
    from learn_rt.benchmarks.cost.speed import measure

    return measure(given.epochs, given.rounds, given.rollouts, given.threads)


def _accuracy(given: argparse.Namespace) -> dict[str, Any]:
    from learn_rt.benchmarks.cost.accuracy import measure

    members = [int(n) for n in given.members.split(",")]
    return measure(given.table, given.output, range(given.seeds), members, given.overrides)


def _speed_table(found: dict[str, Any]) -> Table:
    from rich.table import Table

    title = f"{found['epochs']:,} epochs, {found['rollouts']} rollouts in one batch, threads {found['threads']}"
    table = Table("", title=title, title_justify="left", box=None)
    for heading in ("wall s", "CPU s", "times ours", "last loss"):
        table.add_column(heading, justify="right")
    ours = found["loops"]["learn-train"]["cpu_s"]
    for name, row in found["loops"].items():
        figures = (f"{row['seconds']:.2f}", f"{row['cpu_s']:.2f}", f"{row['cpu_s'] / ours:.2f}", f"{row['loss']:.5f}")
        table.add_row(name, *figures)
    return table


def _accuracy_table(found: dict[str, Any]) -> Table:
    from rich.table import Table

    title = f"{found['table']}: {found['output']}, {len(found['seeds'])} splits, a fifth of the rows to test"
    table = Table("", title=title, title_justify="left", box=None)
    for heading in ("test RMSE", "worst", "seconds"):
        table.add_column(heading, justify="right")
    for name, row in found["methods"].items():
        n = len(row["rmse"])
        mean, seconds = sum(row["rmse"]) / n, sum(row["seconds"]) / n
        table.add_row(name, f"{mean:.3f}", f"{max(row['rmse']):.3f}", f"{seconds:.1f}")
    return table


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {value}")
    return value
