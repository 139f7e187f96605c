"""learn-bench calls: what a call from Python costs above the same call from C++, turn by turn."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

EPILOG = "example: learn-bench calls --models build/demo/models"


def main(argv: Sequence[str] | None = None) -> None:
    """Print one line a call; raises SystemExit 2 usage."""
    parser = argparse.ArgumentParser(prog="learn-bench calls", description=__doc__, epilog=EPILOG)
    parser.add_argument("--models", type=Path, metavar="DIR", help="a model repository (default: the demo's)")
    parser.add_argument("--model", help="one model of it (default: the first; without a repository: printer)")
    parser.add_argument("--seconds", type=float, default=6.0, help="of each comparison (%(default)s)")
    parser.add_argument("--spin", action="store_true", help="let the client's threads poll: needs two idle processors")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)

    from learn_rt.benchmarks.latency.bench import Bench
    from learn_rt.benchmarks.latency.folders import find_models, found_by_default
    from learn_rt.benchmarks.latency.python_call import BUDGET_US, measure

    found, own = (find_models(options.models), []) if options.models else found_by_default(["printer"])
    with Bench(found, own) as bench:
        name = options.model or ("printer" if "printer" in bench.names else bench.names[0])
        if name not in bench.names:
            raise ValueError(f"there is no model {name}: {', '.join(bench.names)}")
        added = measure(bench, name, options.seconds, options.spin)
    if options.json:
        print(json.dumps({"model": name, "budget_us": BUDGET_US, "calls": [each.as_dict() for each in added]}))
        return
    print(f"{name}, p50 in us", file=sys.stderr)
    for each in added:
        cpp, python = (blocks.figures().p50 for blocks in (each.cpp, each.python))
        print(f"{each.call:34} C++ {cpp:8.2f}  Python {python:8.2f}  added {each.added}")
