"""learn-bench latency: what one prediction costs, in process and over each transport, beside the baselines."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from learn_rt.benchmarks.arguments import above_0, among
from learn_rt.benchmarks.latency.text import TRANSPORTS

if TYPE_CHECKING:
    from learn_rt.benchmarks.latency.baseline import Comparison
    from learn_rt.benchmarks.latency.bench import Bench
    from learn_rt.benchmarks.latency.gate import Report

T = TypeVar("T")
FORMAT = "learn_rt.latency/1"
EPILOG = "example: learn-bench latency --models build/demo/models --transports inproc,unix"


def main(argv: Sequence[str] | None = None) -> None:
    """Run `learn-bench latency`; raises SystemExit 0 done, 1 failed, 2 usage. A gate that fails is a result: exit 0."""
    options = _parser().parse_args(argv)

    from rich.console import Console

    from learn_rt.benchmarks.latency import machine, table
    from learn_rt.benchmarks.latency.bench import Bench
    from learn_rt.benchmarks.latency.folders import find_models, found_by_default
    from learn_rt.benchmarks.latency.own_models import OWN_MODELS

    log = Console(stderr=True)
    try:
        found, own = (find_models(options.models), []) if options.models else found_by_default(list(OWN_MODELS))
        about = machine.describe()
        with Bench(found, own) as bench:
            reports, comparisons = _measure(bench, options, log)
        body = as_json(about, reports, comparisons)
        options.out.mkdir(parents=True, exist_ok=True)
        path = options.out / "latency.json"
        path.write_text(json.dumps(body, indent=2, allow_nan=False) + "\n")
    except (ValueError, OSError, RuntimeError, AssertionError) as error:
        print(f"learn-bench: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    if options.json:
        print(json.dumps(body, indent=2, allow_nan=False))
    else:
        table.show(body)
        print(f"written to {path}", file=sys.stderr)
    raise SystemExit(0)


def as_json(about: dict[str, Any], reports: Sequence[Report], comparisons: Sequence[Comparison]) -> dict[str, Any]:
    """Return what latency.json holds; every latency in it has the one schema, in microseconds."""
    return {
        "format": FORMAT,
        "machine": about,
        "gates": [report.as_dict() for report in reports],
        "beside": [comparison.as_dict() for comparison in comparisons],
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="learn-bench latency", description=__doc__, epilog=EPILOG)
    add = parser.add_argument
    add(
        "--models",
        type=Path,
        metavar="DIR",
        help="a model repository (default: the demo's, and a net of each other system)",
    )
    add("--out", type=Path, default=Path("build/bench"), metavar="DIR", help="where latency.json goes (%(default)s)")
    add("--seconds", type=above_0, metavar="S", help="length of each gate (default: until p99 has its samples)")
    add(
        "--transports",
        type=among(TRANSPORTS),
        default=TRANSPORTS,
        metavar="LIST",
        help=f"default: {','.join(TRANSPORTS)}",
    )
    add("--json", action="store_true", help="print the JSON instead of the table")
    return parser


def _unless_unmeasurable(measured: Callable[[], T], said: set[str]) -> T | None:
    """Return what was measured, or None and say once why not."""
    from learn_rt.benchmarks.latency.streams import Unmeasurable

    try:
        return measured()
    except Unmeasurable as error:
        if str(error) not in said:
            print(f"learn-bench: left out: {error}", file=sys.stderr)
        said.add(str(error))
        return None


def _measure(bench: Bench, options: argparse.Namespace, log: Any) -> tuple[list[Report], list[Comparison]]:
    from learn_rt.benchmarks.latency import gate
    from learn_rt.benchmarks.latency.baseline import compare

    reports: list[Report] = []
    comparisons: list[Comparison] = []
    said: set[str] = set()
    with log.status("exporting the empty models") as status:
        names = [name for name in bench.names if _unless_unmeasurable(partial(bench.subject, name), said)]
        todo = gate.cases(names, options.transports)
        for i, case in enumerate(todo, 1):
            status.update(f"{case.name} ({i} of {len(todo)})")
            if report := _unless_unmeasurable(partial(gate.run, bench, case, seconds=options.seconds), said):
                reports.append(report)
        for name in names:
            status.update(f"{name} beside ONNX Runtime")
            comparisons += compare(bench, name, options.seconds or 3.0)
    return reports, comparisons
