"""What learn-export and learn-import have in common: where the model goes, and how they end."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from learn_rt.export.names import check_name, check_version

if TYPE_CHECKING:
    from rich.table import Table

    from learn_rt.export.pipeline import Report, Row
    from learn_rt.spec import Spec


def add_target(parser: argparse.ArgumentParser, name: str) -> None:
    """Add the options that say where the model goes; `name` says what it is called by default."""
    add = parser.add_argument
    add("--out", default="models", metavar="DIR", help="the model repository (default: models)")
    add("--name", help=f"the model's name (default: {name})")
    add("--version", type=int, metavar="N", help="the version's number (default: the next)")


def parse(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the options; one that cannot be is a usage error."""
    options = parser.parse_args(argv)
    try:
        if options.name is not None:
            check_name(options.name)
        if options.version is not None:
            check_version(options.version)
    except ValueError as error:
        parser.error(str(error))
    return options


def ended(command: str, run: Callable[[], int]) -> int:
    """Return what `run` returns, or 1 after one line about its error."""
    try:
        return run()
    except ModuleNotFoundError as error:
        print(f"{command}: needs {error.name}: pip install 'learn-rt[train,export]'", file=sys.stderr)
    except (ValueError, OSError, RuntimeError) as error:
        print(f"{command}: {next(iter(str(error).strip().splitlines()), repr(error))}", file=sys.stderr)
    except KeyboardInterrupt:
        print(f"{command}: interrupted", file=sys.stderr)
    return 1


def show(report: Report, spec: Spec, as_json: bool, lines: Sequence[str], what: str) -> None:
    """Print what was written: as JSON, or the table, `lines`, and what is new in the folder."""
    from rich.console import Console

    for note in report.notes:
        print(f"learn-{what}: note: {note}", file=sys.stderr)
    if as_json:
        print(json.dumps(report.to_dict(), indent=2))
        return
    Console().print(table(report.rows, spec))
    for line in lines:
        print(line)
    added = ", ".join(report.added) if report.added else f"nothing new: this very {what} is there"
    print(f"{report.folder}: {added}")


def table(rows: Sequence[Row], spec: Spec | None = None) -> Table:
    """Return the rows as a table; errors in the outputs' unit, where it is one."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    units = {s.unit if (s.scale, s.offset) == (1.0, 0.0) else "" for s in spec.outputs} if spec else set()
    unit = f" {units.pop()}".rstrip() if len(units) == 1 else ""
    table.add_column("format", no_wrap=True)
    table.add_column("file", no_wrap=True)
    for heading in ("bytes", f"max error{unit}", f"bound{unit}", "p50 us", "p99 us"):
        table.add_column(Text(heading), justify="right", no_wrap=True)
    for r in rows:
        took = f"{r.latency_us['p50']:.1f}", f"{r.latency_us['p99']:.1f}"
        table.add_row(r.format, r.file, str(r.bytes), f"{r.max_error:.2e}", f"{r.bound:.2e}", *took)
    return table
