"""`learn-data table FILES`: what recordings hold, before anything is trained on them."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from learn_rt.train.table.checks import other_rates, scale_jumps
from learn_rt.train.table.readers import find, names, numeric, read
from learn_rt.train.table.recording import UNITS_S, Recording


def main(argv: list[str]) -> None:
    """Run the command. Raises: SystemExit: 1 failed, 2 usage."""
    parser = argparse.ArgumentParser(
        prog="learn-data table",
        description="Show the columns of recordings: rate, range, missing values, and what looks wrong.",
        epilog="example: learn-data table 'logs/*.csv'",
    )
    parser.add_argument("data", metavar="FILES", help="a pattern, a folder or a file: CSV, Parquet, HDF5, NPZ")
    parser.add_argument("--time", default="", metavar="NAME", help="the time column; none: there is none")
    parser.add_argument("--time-unit", default="auto", choices=["auto", *UNITS_S])
    parser.add_argument("--dt-s", type=float, default=0.0, help="between two rows, where there is no time column")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    given = parser.parse_args(argv)
    try:
        files = find(given.data)
        wanted = [name for name in numeric(files[0]) if name != given.time]
        recordings = [read(path, _there(path, wanted), given.time, given.time_unit, given.dt_s) for path in files]
    except (ValueError, OSError) as error:
        print(f"learn-data: {' '.join(str(error).split())}", file=sys.stderr)
        raise SystemExit(1) from None
    common = [name for name in wanted if all(name in r.signals for r in recordings)]
    kept = [Recording(r.name, {name: r.signals[name] for name in common}, r.timed) for r in recordings]
    try:
        rates = other_rates(kept)
    except ValueError as error:
        rates = [str(error)]
    errors, warnings = scale_jumps(kept)
    warnings = rates + warnings
    rows = {
        name: _row([r.signals[name].v for r in kept], [r.signals[name].interval_s for r in kept]) for name in common
    }
    if given.json:
        print(json.dumps({"files": [path.name for path in files], "columns": rows, "warnings": errors + warnings}))
        return
    table = Table(title=f"{len(files)} files", title_justify="left")
    for heading in ("column", "Hz", "least", "median", "most", "missing"):
        table.add_column(heading, justify="left" if heading == "column" else "right")
    for name, row in rows.items():
        rate = f"{row['hz']:.4g}" if kept[0].timed or given.dt_s else "?"
        table.add_row(
            escape(name), rate, *(f"{row[k]:.5g}" for k in ("least", "median", "most")), f"{row['missing']:,}"
        )
    Console(highlight=False).print(table)
    for text in errors + warnings:
        print(f"warning: {text}")


def _there(path: Path, wanted: list[str]) -> list[str]:
    present = set(names(path))
    return [name for name in wanted if name in present]


def _row(values: list[np.ndarray], intervals: list[float]) -> dict[str, Any]:
    every = np.concatenate(values)
    there = every[np.isfinite(every)]
    interval = float(np.median(intervals))
    figures = np.quantile(there, (0.0, 0.5, 1.0)) if len(there) else np.full(3, np.nan)
    found = {"hz": 1 / interval if interval > 0 else 0.0, "least": figures[0], "median": figures[1], "most": figures[2]}
    return {key: float(v) if np.isfinite(v) else 0.0 for key, v in found.items()} | {"missing": len(every) - len(there)}
