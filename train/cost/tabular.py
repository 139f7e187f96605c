"""Rollouts out of a table: one row a rollout, so that data from elsewhere trains the same way."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from learn_rt.train.cost.rollouts import Rollout


def read_rows(path: Path, outputs: Sequence[str]) -> Iterator[Rollout]:
    """Yield a rollout for each row of a CSV or TSV file with a header; `outputs` become attributes.

    Raises: ValueError: a column that is not there, a row of another length, or a value that is no number; where it is.
    """
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = csv.reader(file, delimiter="\t" if path.suffix in (".tsv", ".tab") else ",")
        header = next(rows, [])
        if missing := sorted(set(outputs) - set(header)):
            raise ValueError(f"{path} has no column {', '.join(missing)}; it has {', '.join(header) or 'none'}")
        if len(set(header)) != len(header):
            raise ValueError(f"{path}: columns must have distinct names, got {', '.join(header)}")
        for i, row in enumerate(rows):
            where = f"{path}, line {rows.line_num}"
            if len(row) != len(header):
                raise ValueError(f"{where}: {len(header)} values are needed, got {len(row)}")
            try:
                values = dict(zip(header, map(float, row), strict=True))
            except ValueError as error:
                raise ValueError(f"{where}: {error}") from None
            costs = {name: values.pop(name) for name in outputs}
            yield Rollout(f"param_{i}", path.name, values, {"success": True, **costs})
