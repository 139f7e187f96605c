"""Recordings of streams: what went into a model and what came out, as client or server wrote it (docs/recording.md)."""

from __future__ import annotations

import hashlib
import json
import math
import os
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from learn_rt.spec import Spec

MAGIC = b"LRTREC\r\n"
FORMAT = 1
MAX_FILE_BYTES = 4 << 30
MAX_HEADER_BYTES = 64 << 20
MAX_WIDTH = 1 << 20  # inputs or outputs of a row
MAX_EVENTS = 256
CHECKSUM_BYTES = 64  # SHA-256 of all before, as hexadecimal digits
HEAD = np.dtype(
    [
        ("sequence", "<u8"),
        ("stamp_ns", "<i8"),
        ("at_ns", "<i8"),
        ("version", "<i8"),
        ("took_ns", "<u4"),
        ("flags", "<u4"),
        ("kind", "<u4"),
        ("reserved", "<u4"),
    ]
)


class Kind(IntEnum):
    """What a row tells of."""

    STEP = 0  # a sample and its answer
    UNANSWERED = 1  # client: a sample that nobody waited for any more while there was no stream
    FLUSH = 2  # an answer to one of the last `preview` ticks; no sample
    BEGIN = 3  # a session began cold
    BEGIN_AT_REST = 4  # the same, at rest: the inputs are the sample that stood
    HANDED_OUT = 5  # client: what the control loop was given
    GOES_ON = 6  # a session goes on from the state that another was in before the sample of this sequence


BEGINS = (Kind.BEGIN, Kind.BEGIN_AT_REST, Kind.GOES_ON)  # of a session's rows


@dataclass(frozen=True)
class Table:
    """Rows of a recording, the oldest first; `first` rows before them were written over, `overtaken` while copied."""

    rows: NDArray[np.void]  # fields of HEAD, inputs (n_inputs,) and outputs (n_outputs,) float32
    first: int
    overtaken: int


@dataclass(frozen=True)
class Event:
    """Something that happened to the stream before row number `row` (counted from the first ever written)."""

    at_ns: int
    row: int
    event: str
    text: str


@dataclass(frozen=True)
class Recording:
    """One stream, as client or server saw it."""

    path: Path
    side: str  # "client" or "server"
    model: str
    spec: Spec
    spec_json: str  # to the byte
    history: int  # samples after which two histories agree
    seconds: float
    reason: str  # why it was written
    monotonic_ns: int  # the clock of stamps and rows,
    unix_ns: int  # and of the world, when it was written
    events: tuple[Event, ...]
    events_dropped: int
    table: Table  # what the model was asked and answered
    handed_out: Table | None  # client: what the control loop was given

    @property
    def rows(self) -> NDArray[np.void]:
        """What the model was asked and answered, the oldest row first."""
        return self.table.rows


def read(path: Path | str) -> Recording:
    """Return a recording.

    Raises: ValueError: the file is no recording, of another format, damaged, or claims what cannot be; the message
    names file and place. OSError: it cannot be read.
    """
    path = Path(path)
    try:
        return _read(path)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _read(path: Path) -> Recording:
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > MAX_FILE_BYTES:
            raise ValueError(f"is larger than {MAX_FILE_BYTES >> 30} GiB")
        head = file.read(16)
        if head[:8] != MAGIC:
            raise ValueError("is no recording: it does not begin as one")
        if len(head) < 16:
            raise ValueError("ends in its head")
        version, header_bytes = (int(n) for n in np.frombuffer(head, "<u4", offset=8))
        if version != FORMAT:
            raise ValueError(f"is of format {version}; this release reads {FORMAT}")
        if header_bytes > min(MAX_HEADER_BYTES, size - 16 - CHECKSUM_BYTES):
            raise ValueError(f"claims a header of {header_bytes} bytes in a file of {size}")
        text = file.read(header_bytes)
        header = _Header(_json(text))
        tables = [_Header(of, f"tables[{i}]") for i, of in enumerate(header.items("tables", 2))]
        shapes = [_shape(table) for table in tables]
        expected = 16 + header_bytes + sum(n * row.itemsize for row, n in shapes) + CHECKSUM_BYTES
        if size != expected:
            raise ValueError(f"holds {size} bytes, and its header tells of {expected}: it was cut or added to")
        body = file.read(size - 16 - header_bytes - CHECKSUM_BYTES)
        checksum = file.read(CHECKSUM_BYTES)
    digest = hashlib.sha256(head)
    digest.update(text)
    digest.update(body)
    if digest.hexdigest().encode() != checksum:
        raise ValueError("is damaged: its checksum is another")
    return _recording(path, header, tables, shapes, body)


def _recording(
    path: Path, header: _Header, tables: list[_Header], shapes: list[tuple[np.dtype[np.void], int]], body: bytes
) -> Recording:
    side = header.text("side")
    names = {"server": ["rows"], "client": ["rows", "handed_out"]}.get(side)
    if names is None:
        raise ValueError(f"side must be client or server, got {side[:40]!r}")
    if [table.text("name") for table in tables] != names:
        raise ValueError(f"a {side}'s tables must be {' and '.join(names)}")
    spec = Spec.from_json(header.text("spec_json"))
    widths = [(row["inputs"].shape[0], row["outputs"].shape[0]) for row, _ in shapes]
    if widths != [(spec.n_features, spec.n_outputs), (0, spec.n_outputs)][: len(widths)]:
        raise ValueError("its rows do not have the spec's inputs and outputs")
    if header.text("contract_hash") != spec.contract_hash:
        raise ValueError("its contract_hash is not its spec's")
    read_tables, begin = [], 0
    for (row, n), table, name in zip(shapes, tables, names, strict=True):
        rows = np.frombuffer(body, row, n, begin)
        begin += n * row.itemsize
        kinds = {Kind.HANDED_OUT} if name == "handed_out" else set(Kind) - {Kind.HANDED_OUT}
        if n and not np.isin(rows["kind"], list(kinds)).all():
            raise ValueError(f"{name} holds a row of a kind that it cannot have")
        read_tables.append(Table(rows, table.count("first"), table.count("overtaken")))
    clock = header.part("clock")
    return Recording(
        path=path,
        side=side,
        model=header.text("model"),
        spec=spec,
        spec_json=header.text("spec_json"),
        history=header.count("history"),
        seconds=header.number("seconds"),
        reason=header.text("reason"),
        monotonic_ns=clock.count("monotonic_ns"),
        unix_ns=clock.count("unix_ns"),
        events=tuple(_event(_Header(of, f"events[{i}]")) for i, of in enumerate(header.items("events", MAX_EVENTS))),
        events_dropped=header.count("events_dropped"),
        table=read_tables[0],
        handed_out=read_tables[1] if len(read_tables) > 1 else None,
    )


def _event(header: _Header) -> Event:
    return Event(header.count("at_ns"), header.count("row"), header.text("event"), header.text("text"))


def _shape(table: _Header) -> tuple[np.dtype[np.void], int]:
    """Return a table's row and how many of it there are."""
    n_inputs, n_outputs = table.count("n_inputs", MAX_WIDTH), table.count("n_outputs", MAX_WIDTH)
    fields = [(name, HEAD[name]) for name in HEAD.names or ()]
    row = np.dtype([*fields, ("inputs", "<f4", (n_inputs,)), ("outputs", "<f4", (n_outputs,))])
    padded = (row.itemsize + 7) // 8 * 8
    if padded != row.itemsize:
        row = np.dtype([*row.descr, ("", f"V{padded - row.itemsize}")])
    if table.count("row_bytes") != row.itemsize:
        raise ValueError(f"{table.path}.row_bytes must be {row.itemsize}")
    return row, table.count("rows", MAX_FILE_BYTES)


def _json(text: bytes) -> Any:
    try:
        return json.loads(text.decode())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"its header is no JSON ({str(error)[:80]})") from None


class _Header:
    """A JSON object whose values are checked when they are asked for. Keys that nobody asks for are left alone."""

    def __init__(self, value: Any, path: str = "header") -> None:
        if not isinstance(value, dict):
            raise ValueError(f"{path} must be an object")
        self._value, self.path = value, path

    def _get(self, key: str) -> Any:
        if key not in self._value:
            raise ValueError(f"{self.path}.{key} is missing")
        return self._value[key]

    def text(self, key: str) -> str:
        value = self._get(key)
        if not isinstance(value, str):
            raise ValueError(f"{self.path}.{key} must be text")
        return value

    def count(self, key: str, most: int = (1 << 63) - 1) -> int:
        value = self._get(key)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
            raise ValueError(f"{self.path}.{key} must be a whole number from 0 to {most}")
        return value

    def number(self, key: str) -> float:
        value = self._get(key)
        if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
            raise ValueError(f"{self.path}.{key} must be a finite number")
        return float(value)

    def part(self, key: str) -> _Header:
        return _Header(self._get(key), f"{self.path}.{key}")

    def items(self, key: str, most: int) -> list[Any]:
        value = self._get(key)
        if not isinstance(value, list) or len(value) > most:
            raise ValueError(f"{self.path}.{key} must be a list of at most {most}")
        return value
