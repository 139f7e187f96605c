"""`learn-data cost`: make, look into, merge and convert files of rollouts."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from learn_rt.train.cost.rollouts import Rollout, find_files, read_rollouts
from learn_rt.train.cost.simulate import NOMINAL, RANGES, simulate
from learn_rt.train.cost.tabular import read_rows
from learn_rt.train.cost.writing import write_rollouts

EXAMPLE = """example:
  learn-data cost make --out data/cost
  learn-data cost inspect data/cost
  learn-data cost convert measured.csv --outputs power --out data/measured/rollout_data.h5
"""


def main(argv: list[str]) -> None:
    """Run the command. Raises: SystemExit: 1 failed, 2 usage."""
    given = _parser().parse_args(argv)
    try:
        found = given.run(given)
    except (ValueError, OSError) as error:
        print(f"learn-data: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    if given.json:
        print(json.dumps(found))
    elif given.verb == "inspect":
        _print_inspection(found)
    else:
        print(f"{found['rollouts']} rollouts: {found['file']}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="learn-data cost",
        description="Files of rollouts: what each was run with and what it cost.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", help="print JSON")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="{make,inspect,merge,convert}")

    make = verbs.add_parser("make", parents=[common], help="simulated rollouts of a walker")
    make.add_argument("--out", type=Path, required=True, metavar="DIR", help="DIR/rollout_data.h5 is written")
    make.add_argument("--rollouts", type=_count, default=300, metavar="N", help="default: %(default)s")
    make.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    make.add_argument(
        "--vary",
        default="gait_stride,gait_cadence",
        metavar="NAMES",
        help=f"of {','.join(RANGES)} (default: %(default)s); the rest of {len(NOMINAL)} parameters is nominal",
    )
    make.add_argument("--noise", type=_share, default=0.01, help="of the cost, a share of it (default: %(default)s)")
    make.add_argument("--failures", type=_share, default=0.02, help="share that falls (default: %(default)s)")
    make.set_defaults(run=_make)

    inspect = verbs.add_parser("inspect", parents=[common], help="what is in files: counts, ranges, statistics")
    inspect.add_argument("files", nargs="+", metavar="FILE", help="or folders, or patterns")
    inspect.set_defaults(run=_inspect)

    merge = verbs.add_parser("merge", parents=[common], help="several files into one")
    merge.add_argument("files", nargs="+", metavar="FILE", help="or folders, or patterns")
    merge.add_argument("--out", type=Path, required=True, metavar="FILE.h5")
    merge.set_defaults(run=_merge)

    convert = verbs.add_parser("convert", parents=[common], help="a CSV or TSV file, one row a rollout")
    convert.add_argument("file", type=Path, metavar="TABLE")
    convert.add_argument("--outputs", required=True, metavar="NAMES", help="columns that are costs; others are inputs")
    convert.add_argument("--out", type=Path, required=True, metavar="FILE.h5")
    convert.set_defaults(run=_convert)
    return parser


def _make(given: argparse.Namespace) -> dict[str, Any]:
    vary = tuple(name for name in given.vary.split(",") if name)
    rollouts = simulate(given.rollouts, given.seed, vary, given.noise, given.failures)
    return _written(
        given.out / "rollout_data.h5",
        rollouts,
        {"source": "simulated", "seed": given.seed, "noise": given.noise, "unit:metabolic/cot/MA/mean": "J/kg/m"},
    )


def _inspect(given: argparse.Namespace) -> dict[str, Any]:
    rollouts = list(_all(given.files))
    kept = [r for r in rollouts if r.success]
    inputs: dict[str, list[float]] = {}
    attributes: dict[str, list[float]] = {}
    for rollout in kept:
        for name, value in rollout.state.items():
            inputs.setdefault(name, []).append(value)
        for name, value in rollout.attributes.items():
            if name != "success" and np.ndim(value) == 0 and np.asarray(value).dtype.kind in "fiu":
                attributes.setdefault(name, []).append(float(value))
    return {
        "rollouts": len(rollouts),
        "succeeded": len(kept),
        "parameters": {name: _statistics(values) for name, values in inputs.items()},
        "attributes": {name: _statistics(values) for name, values in attributes.items()},
    }


def _merge(given: argparse.Namespace) -> dict[str, Any]:
    files = [str(p) for text in given.files for p in find_files(text)]
    return _written(given.out, _all(files), {"source": "merged", "files": files})


def _convert(given: argparse.Namespace) -> dict[str, Any]:
    outputs = [name for name in given.outputs.split(",") if name]
    return _written(given.out, read_rows(given.file, outputs), {"source": given.file.name})


def _written(path: Path, rollouts: Iterator[Rollout], metadata: dict[str, Any]) -> dict[str, Any]:
    return {"file": str(path), "rollouts": write_rollouts(path, rollouts, metadata)}


def _all(files: Sequence[str]) -> Iterator[Rollout]:
    for text in files:
        for path in find_files(text):
            yield from read_rollouts(path)


def _statistics(values: list[float]) -> dict[str, float]:
    x = np.array(values)
    return {"n": len(x), "min": x.min(), "mean": x.mean(), "max": x.max(), "std": x.std()}


def _print_inspection(found: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("", "name", "n", "min", "mean", "max", "std", box=None, pad_edge=False)
    for column in table.columns[2:]:
        column.justify = "right"
    for kind in ("parameters", "attributes"):
        for i, (name, row) in enumerate(found[kind].items()):
            figures = (f"{row[key]:.5g}" for key in ("min", "mean", "max", "std"))
            table.add_row(kind if i == 0 else "", name, str(row["n"]), *figures)
    Console(highlight=False).print(table)
    print(f"{found['rollouts']} rollouts, {found['succeeded']} of them succeeded")


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {value}")
    return value


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"must be 0 to 1, got {text}")
    return value
