"""learn-bench serve: what serving costs beside a bare echo, under many streams, under a stopped server, for hours.

learn-bench serve --json
learn-bench serve --case unix-paced-cpp --case shm-spin --seconds 10
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from learn_rt.benchmarks.arguments import above_0

FORMAT = "learn_rt.serve/1"


def main(argv: Sequence[str] | None = None) -> None:
    """Print a table, or JSON; all cases but the soak, which must be asked for."""
    from learn_rt.benchmarks.latency import machine
    from learn_rt.benchmarks.serving.cases import CASES
    from learn_rt.benchmarks.serving.place import Place
    from learn_rt.benchmarks.serving.result import show

    parser = argparse.ArgumentParser(
        prog="learn-bench serve", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--case",
        action="append",
        choices=list(CASES),
        metavar="NAME",
        help=f"one of {', '.join(CASES)}; again for more (default: all but the soak)",
    )
    parser.add_argument("--seconds", type=above_0, metavar="S", help="how long a case measures (default: its own)")
    parser.add_argument(
        "--streams",
        type=_streams,
        default=32,
        metavar="N",
        help="streams of streams-32x1khz, whose name then says N (default 32), for a machine that cannot carry 32",
    )
    parser.add_argument("--out", type=Path, default=Path("build/bench"), metavar="DIR", help="where serve.json goes")
    parser.add_argument("--json", action="store_true", help="print the JSON instead of the table")
    given = parser.parse_args(argv)
    results = []
    about = machine.describe()
    with Place(given.streams) as place:
        for name in given.case or [name for name in CASES if name != "soak"]:
            case, seconds = CASES[name]
            print(f"{name}: about {given.seconds or seconds:.0f} s", file=sys.stderr)
            results.append(case(place, given.seconds or seconds))
    body = [result.as_dict() for result in results]
    given.out.mkdir(parents=True, exist_ok=True)
    written = json.dumps({"format": FORMAT, "machine": about, "cases": body}, indent=2)
    (given.out / "serve.json").write_text(written + "\n")
    if given.json:
        print(json.dumps(body, indent=2))
    else:
        show(results)


def _streams(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= 256):
        raise argparse.ArgumentTypeError(f"must be 1 to 256 streams, got {text!r}")
    return int(text)
