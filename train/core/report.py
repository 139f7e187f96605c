"""Accuracy as a table, whatever the figures are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

CAPITALS = {"r2", "mae", "mse", "rmse", "f1", "mape"}


def print_accuracy(accuracy: Mapping[str, Any], title: str) -> None:
    """Print a column for each scalar and a row for each of `outputs`, then all of them together."""
    outputs = accuracy.get("outputs")
    rows = {**(outputs if isinstance(outputs, dict) else {}), "all": accuracy}
    keys = list(dict.fromkeys(key for row in rows.values() for key, value in row.items() if _is_number(value)))
    table = Table(title=title, title_justify="left")
    table.add_column("output", no_wrap=True)
    for key in keys:
        table.add_column(_heading(key), justify="right", no_wrap=True)
    for name, row in rows.items():
        unit = row.get("unit")
        label = f"{name} [{unit}]" if isinstance(unit, str) and unit != "1" and f"[{unit}]" not in name else name
        table.add_row(escape(label), *(f"{row[key]:.5g}" if _is_number(row.get(key)) else "" for key in keys))
    console = Console(highlight=False)
    console.width = max(console.width, console.measure(table, options=console.options.update_width(1000)).maximum)
    console.print(table)  # a wide one wraps in a narrow terminal, but no figure is cut


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _heading(key: str) -> str:
    words = key.split("_")
    return " ".join(word.upper() if word in CAPITALS else word for word in words)
