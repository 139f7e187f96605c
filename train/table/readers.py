"""Files to recordings: CSV and Parquet by columns, HDF5 and NPZ by datasets. Nothing is unpickled."""

from __future__ import annotations

import glob
import zipfile
from collections.abc import Callable, Sequence
from fractions import Fraction
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from learn_rt.train.table.recording import TIME_NAMES, UNITS_S, Recording, seconds, sparse

Columns = dict[str, NDArray[np.generic]]
MAX_FILE_BYTES = 8 << 30
SNIFF_BYTES = 1 << 16


def find(pattern: str) -> list[Path]:
    """Return the files that a pattern, a folder or a path means, in the order of their names.

    Raises: ValueError: there is none, or none of a known format.
    """
    path = Path(pattern)
    found = sorted(path.iterdir()) if path.is_dir() else sorted(map(Path, glob.glob(pattern, recursive=True)))  # noqa: PTH207 (absolute too)
    files = [file for file in found if file.is_file() and file.suffix.lower() in FORMATS]
    if not files:
        raise ValueError(f"data={pattern}: no file of format {', '.join(FORMATS)} there")
    names = [file.name for file in files]
    if double := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"data={pattern}: files must have distinct names, {min(double)} comes more than once")
    return files


def read(path: Path, wanted: Sequence[str], time: str = "", unit: str = "auto", dt_s: float = 0.0) -> Recording:
    """Return a file's recording with the signals in `wanted`.

    Args: time: name of the time column, "none", or "": found by its name; unit: of the times; dt_s: between samples
    where there are no times.
    Raises: ValueError: the file is damaged, or a column is not there or not numbers (the message names both).
    """
    if path.stat().st_size > MAX_FILE_BYTES:
        raise ValueError(f"{path}: larger than {MAX_FILE_BYTES >> 30} GiB: cut it into several files")
    columns = _open(path)
    found: dict[str, tuple[str | None, NDArray[np.float64]]] = {}  # the name of its times, or None; values
    clocks: dict[str, tuple[NDArray[np.float64], Fraction]] = {}
    for name in wanted:
        if name not in columns:
            known = ", ".join(sorted(columns)[:40])
            raise ValueError(f"{path}: there is no column {name!r}; there are {known or 'none'}")
        values = columns[name]
        if values.ndim != 1:
            raise ValueError(f"{path}: {name} must be one column, got shape {values.shape}")
        if not len(values):
            raise ValueError(f"{path}: {name} holds no sample")
        numbers = _numbers(values, f"{path}: {name}")
        times = None if time == "none" else _time_of(name, len(values), columns, time)
        if times is None:
            if time not in ("", "none"):
                raise ValueError(f"{path}: there is no time column {time!r} of {len(values)} samples for {name}")
        elif times not in clocks:
            clocks[times] = seconds(columns[times], times, unit, str(path))
        found[name] = times, numbers
    start = min((first for _, first in clocks.values()), default=Fraction(0))
    signals = {}
    for name, (times, numbers) in found.items():
        if times is None:
            t = np.arange(len(numbers), dtype=np.float64) * (dt_s or 1.0)
        else:  # signals that began at different times stay apart by that
            since_first, first = clocks[times]
            t = since_first + float(first - start)
        signals[name] = sparse(t, numbers)
    return Recording(path.name, signals, bool(clocks))


def names(path: Path) -> list[str]:
    """Return the names of a file's columns."""
    return sorted(_open(path))


def numeric(path: Path) -> list[str]:
    """Return the names of a file's columns of numbers, in the file's order, times left out."""
    times = {*TIME_NAMES, *(f"time [{unit}]" for unit in UNITS_S)}
    columns = _open(path)
    return [n for n, v in columns.items() if v.dtype.kind in "fiu" and n.rpartition("/")[2].casefold() not in times]


def _numbers(values: NDArray[np.generic], what: str) -> NDArray[np.float64]:
    if values.dtype.kind not in "fiub":
        kind = "times" if values.dtype.kind == "M" else "text" if values.dtype.kind in "OSU" else str(values.dtype)
        raise ValueError(f"{what} holds {kind}, not numbers: {_first_text(values)}")
    return values.astype(np.float64)


def _first_text(values: NDArray[np.generic]) -> str:
    for row, value in enumerate(values.tolist()):
        try:
            float(value)
        except (TypeError, ValueError):
            if value is not None:
                return f"{str(value)[:30]!r} in row {row + 1}"
    return "every row is empty"


def _time_of(name: str, n: int, columns: Columns, time: str) -> str | None:
    """Return the name of the times that belong to a column: those beside it, of the same length."""
    group = name.rpartition("/")[0]
    folders = [f"{group}/", ""] if group else [""]
    named = [time] if time else [f"{name}_time", f"{name}_t", *TIME_NAMES]
    spelled = {key.casefold(): key for key in columns}
    for folder in folders:
        for candidate in named:
            for text in (f"{folder}{candidate}", candidate):
                key = spelled.get(text.casefold()) or _with_unit(text, columns)
                if key and key != name and len(columns[key]) == n:
                    return key
    return None


def _with_unit(text: str, columns: Columns) -> str | None:
    """Return the column "time [ms]" for "time"."""
    return next((k for k in columns if k.casefold().startswith((f"{text} [", f"{text} (", f"{text}["))), None)


def _open(path: Path) -> Columns:
    kind, reader = FORMATS[path.suffix.lower()]
    try:
        return reader(path)
    except MemoryError:
        raise ValueError(f"{path}: asks for more memory than there is") from None
    except Exception as error:  # Arrow, HDF5, zipfile and zlib trip over damaged bytes in any way
        line = next(iter(str(error).splitlines()), type(error).__name__)[:200]
        raise ValueError(f"{path}: not {kind}, or a damaged one ({line})") from None


def _read_csv(path: Path) -> Columns:
    csv = import_module("pyarrow.csv")
    with path.open("rb") as file:
        head = file.read(SNIFF_BYTES)
    if b"\0" in head:
        raise ValueError("it holds zero bytes")
    first = head.decode("utf-8", "replace").lstrip("\ufeff").splitlines()
    if not first or not first[0].strip():
        raise ValueError("it must begin with a line of column names")
    delimiter = max(",;\t", key=first[0].count)
    # With semicolons a comma is often the decimal point.
    decimal = "," if delimiter == ";" and any("," in line for line in first[1:20]) else "."
    table = csv.read_csv(
        path,
        parse_options=csv.ParseOptions(delimiter=delimiter),
        convert_options=csv.ConvertOptions(decimal_point=decimal, strings_can_be_null=True),
    )
    return _columns(table)


def _read_parquet(path: Path) -> Columns:
    file = import_module("pyarrow.parquet").ParquetFile(path)
    _check_size(sum(file.metadata.row_group(i).total_byte_size for i in range(file.metadata.num_row_groups)))
    return _columns(file.read())


def _columns(table: Any) -> Columns:
    found: Columns = {}
    for raw, column in zip(table.column_names, table.columns, strict=True):
        name = raw.strip().lstrip("\ufeff")
        if name in found:
            raise ValueError(f"two columns are called {name!r}")
        found[name] = column.to_numpy()
    return found


def _read_npz(path: Path) -> Columns:
    with zipfile.ZipFile(path) as archive:
        _check_size(sum(member.file_size for member in archive.infolist()))
    with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
        return _split({name: file[name] for name in file.files})


def _read_hdf5(path: Path) -> Columns:
    import h5py

    there: dict[str, h5py.Dataset] = {}

    def visit(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset) and item.dtype.kind in "fiub" and 1 <= item.ndim <= 2:
            there[name] = item

    with h5py.File(path, "r") as file:
        file.visititems(visit)
        _check_size(sum(item.nbytes for item in there.values()))
        return _split({name: item[()] for name, item in there.items()})


def _check_size(n_bytes: int) -> None:
    """Raise ValueError where a small file would unfold to more than a machine holds."""
    if n_bytes > MAX_FILE_BYTES:
        raise ValueError(f"it unfolds to more than {MAX_FILE_BYTES >> 30} GiB: cut it into several files")


def _split(arrays: Columns) -> Columns:
    """Return 1-D columns: (n, 1) and (1, n) as (n,), the columns of (n, k) as name.0, name.1, ..."""
    found: Columns = {}
    for name, array in arrays.items():
        if array.ndim == 2 and 1 in array.shape:
            found[name] = array.reshape(-1)
        elif array.ndim == 2:
            found |= {f"{name}.{i}": array[:, i] for i in range(array.shape[1])}
        elif array.ndim == 1:
            found[name] = array
    return found


# Suffix -> what the file should be, and its reader.
FORMATS: dict[str, tuple[str, Callable[[Path], Columns]]] = {
    ".csv": ("a CSV table", _read_csv),
    ".tsv": ("a table", _read_csv),
    ".txt": ("a table", _read_csv),
    ".parquet": ("a Parquet file", _read_parquet),
    ".h5": ("an HDF5 file", _read_hdf5),
    ".hdf5": ("an HDF5 file", _read_hdf5),
    ".mat": ("an HDF5 file (MATLAB: save with -v7.3)", _read_hdf5),
    ".npz": ("an NPZ file of plain arrays", _read_npz),
}
