"""The README's latency table: `python -m learn_rt.benchmarks.latency.readme_table latency.json README.md`."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from learn_rt.benchmarks.latency.cli import FORMAT
from learn_rt.benchmarks.latency.machine import one_line
from learn_rt.benchmarks.latency.text import OVER, number
from learn_rt.benchmarks.readme import replace_between

BEGIN, END = "<!-- latency: made by `make bench`, do not edit -->", "<!-- /latency -->"
MODES = {"closed": "one after the other", "paced": "at the control rate", "cold": "at the control rate, caches cold"}


def markdown(body: dict[str, Any]) -> str:
    """Return the table of the first model; figures in microseconds, as measured."""
    model = body["gates"][0]["model"] if body["gates"] else ""
    gates = [gate for gate in body["gates"] if gate["model"] == model]
    beside = [comparison for comparison in body["beside"] if comparison["model"] == model]
    rows = [
        "| path | asked | p50 | p99 | p99.9 | max | n | without a model p50 / p99 | machine p50 / p99 | verdict |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    rows += [_gate(gate) for gate in gates]
    notes = f"Microseconds, {'; '.join([one_line(body['machine']), *sorted({gate['pinning'] for gate in gates})])}."
    return "\n".join([*rows, "", notes, *(["", *map(_beside, beside)] if beside else [])])


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
    return f"| {' | '.join([OVER[gate['transport']], MODES[gate['mode']], *figures, *others, gate['verdict']])} |"


def _beside(comparison: dict[str, Any]) -> str:
    ours, theirs, settle = (_pair(comparison[key]) for key in ("latency_us", "baseline_us", "settle_us"))
    ratio = comparison["speedup"]
    return (
        f"- {comparison['reason'][:1].upper()}{comparison['reason'][1:]}: {theirs} (p50 / p99), ours {ours}, "
        f"{ratio['p50']:.1f} times [{ratio['low']:.1f}, {ratio['high']:.1f}] as fast, turn by turn; "
        f"ours then settles for {settle}."
    )


def _pair(figures: dict[str, Any]) -> str:
    return f"{number(figures['p50'])} / {number(figures['p99'])}"


if __name__ == "__main__":
    raise SystemExit(main())
