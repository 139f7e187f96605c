"""The README's latency table: `python -m learn_rt.benchmarks.latency.readme_table latency.json README.md`."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from learn_rt.benchmarks.latency.cli import FORMAT
from learn_rt.benchmarks.latency.machine import one_line
from learn_rt.benchmarks.latency.text import number
from learn_rt.benchmarks.readme import replace_between

BEGIN, END = "<!-- latency: made by `make bench`, do not edit -->", "<!-- /latency -->"
MODES = {"closed": "one after the other", "paced": "at the control rate", "cold": "at the control rate, caches cold"}
OVER = {"inproc": "in process", "unix": "Unix socket", "grpc": "TCP"}


def markdown(body: dict[str, Any]) -> str:
    """Return the table; figures in microseconds, as measured."""
    rows = [
        "| path | asked | p50 | p99 | p99.9 | max | n | without a model p50 / p99 | machine p50 / p99 | verdict |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    rows += [_gate(gate) for gate in body["gates"]]
    beside = [_beside(comparison) for comparison in body["beside"]]
    pinning = {gate["pinning"] for gate in body["gates"]}
    notes = f"Microseconds, {'; '.join([one_line(body['machine']), *sorted(pinning)])}."
    return "\n".join([*rows, "", notes, *(["", *beside] if beside else [])])


def replace(readme: str, table: str) -> str:
    """Return the README with the table between its markers.

    Raises: ValueError: the markers are not there, once each and in order.
    """
    return replace_between(readme, BEGIN, END, table)


def main(argv: Sequence[str] | None = None) -> int:
    """Update a README; return 0 done, 1 failed, 2 usage."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if len(arguments) != 2:
        print("usage: python -m learn_rt.benchmarks.latency.readme_table LATENCY.json README.md", file=sys.stderr)
        return 2
    source, readme = map(Path, arguments)
    try:
        body = json.loads(source.read_text())
        if body.get("format") != FORMAT:
            raise ValueError(f'{source}: "format" must be {FORMAT}')
        readme.write_text(replace(readme.read_text(), markdown(body)))
    except (OSError, ValueError) as error:
        print(f"readme_table: {error}", file=sys.stderr)
        return 1
    return 0


def _gate(gate: dict[str, Any]) -> str:
    figures = [number(gate["latency_us"][name]) for name in ("p50", "p99", "p999", "max", "n")]
    others = [f"{number(gate[key]['p50'])} / {number(gate[key]['p99'])}" for key in ("empty_us", "hiccup_us")]
    cells = [f"{gate['model']}, {OVER[gate['transport']]}", MODES[gate["mode"]], *figures, *others, gate["verdict"]]
    return f"| {' | '.join(cells)} |"


def _beside(comparison: dict[str, Any]) -> str:
    reason = comparison["reason"][:1].upper() + comparison["reason"][1:]
    ours, theirs, ratio = comparison["latency_us"], comparison["baseline_us"], comparison["speedup"]
    settle = comparison["settle_us"]
    return (
        f"- {comparison['model']}: {number(ours['p50'])} / {number(ours['p99'])} (p50 / p99), {comparison['against']}: "
        f"{number(theirs['p50'])} / {number(theirs['p99'])}, {ratio['p50']:.1f} times [{ratio['low']:.1f}, "
        f"{ratio['high']:.1f}] by p50, turn by turn. {reason}. Ours "
        f"then settles for {number(settle['p50'])} / {number(settle['p99'])} before it takes the next sample."
    )


if __name__ == "__main__":
    raise SystemExit(main())
