"""The configuration of a run on anyone's table."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from omegaconf import MISSING

from learn_rt.spec import Kind
from learn_rt.train.core.carried import check_chunks
from learn_rt.train.core.config import RunConfig, within
from learn_rt.train.table.model import NetConfig


class SplitBy(StrEnum):
    """What is held out."""

    by_file = "by_file"  # whole files
    by_block = "by_block"  # contiguous blocks of every file


class Missing(StrEnum):
    """What happens where a value is missing."""

    refuse = "refuse"  # it is an error
    drop = "drop"  # windows that hold it are left out
    interpolate = "interpolate"  # it is filled, in gaps of up to max_gap intervals


class TimeUnit(StrEnum):
    """Of a time column."""

    auto = "auto"  # by its name (time_ms), or epoch times by their size; else seconds
    s = "s"
    ms = "ms"
    us = "us"
    ns = "ns"


@dataclass
class TableConfig(RunConfig):
    """The configuration of a run."""

    data: str = MISSING  # files: 'logs/*.csv', a folder, or one file (CSV, Parquet, HDF5, NPZ)
    inputs: list[str] = MISSING  # names of columns, in the order that samples will have
    outputs: list[str] = MISSING  # names of columns
    window: str = "20"  # samples that an answer is made from; pointwise; carried: a state through the whole recording
    preview: int = 0  # the answer is for the sample so many before the newest
    split: SplitBy = SplitBy.by_file
    test: list[str] = field(default_factory=list)  # names of files to hold out; empty: 15 % of them, drawn by the seed
    validation: list[str] = field(default_factory=list)
    time: str = ""  # name of the time column; empty: time, timestamp, t, time_ms, ...; none: rows are dt_s apart
    time_unit: TimeUnit = TimeUnit.auto
    dt_s: float = 0.0  # between two samples; 0: as the fastest input has them
    missing: Missing = Missing.refuse
    max_gap: float = 10.0  # missing=interpolate: intervals
    unit_check: bool = True  # refuse a file in which a column seems to have another unit
    units: list[str] = field(default_factory=list)  # name:unit of columns that are not called "name [unit]"
    chunk: int = 64  # carried: samples that gradients reach back
    carry: int = 1024  # carried: samples of a training sequence, which begins anywhere
    side_by_side: int = 16  # carried: sequences in a batch
    samples_per_epoch: int = 50_000  # drawn anew for each epoch, where there are more
    name: str = "table"  # of the model
    net: NetConfig = field(default_factory=NetConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        for side in ("inputs", "outputs"):
            names = getattr(self, side)
            if names == MISSING:
                continue
            if not names or len(set(names)) != len(names):
                raise ValueError(f"{side} must name at least one column, each once, got {names}")
        if self.inputs != MISSING and (both := set(self.inputs) & set(self.outputs)):
            raise ValueError(f"{min(both)} cannot be an input and an output")
        if not 0 <= self.preview < self.n_window:
            raise ValueError(f"preview must be at least 0 and below window ({self.n_window}), got {self.preview}")
        for entry in self.units:
            column, mark, unit = entry.rpartition(":")
            if not mark or not unit or (self.inputs != MISSING and column not in [*self.inputs, *self.outputs]):
                raise ValueError(f"units must be name:unit with the name of an input or output, got {entry!r}")
        check_chunks(self.chunk, self.carry, self.side_by_side)
        within("dt_s", self.dt_s, 0, 1e6)
        within("max_gap", self.max_gap, 1, 1e6)
        within("samples_per_epoch", self.samples_per_epoch, 1, 1e9)

    def unit(self, name: str) -> str:
        """Return a column's unit: as `units` gives it, or as "name [unit]" says; "1" where nothing does."""
        for entry in self.units:
            column, _, unit = entry.rpartition(":")
            if column == name:
                return unit
        if name.endswith(("]", ")")):
            return name[:-1].replace("(", "[").rpartition("[")[2].strip() or "1"
        return "1"

    @property
    def kind(self) -> Kind:
        """How an answer depends on the samples."""
        return {"pointwise": Kind.POINTWISE, "carried": Kind.STATEFUL}.get(self.window, Kind.WINDOW)

    @property
    def n_window(self) -> int:
        """Samples that an answer, or a carried net's linear map, is made from; 1 is pointwise."""
        if self.kind is Kind.POINTWISE:
            return 1
        if self.kind is Kind.STATEFUL:
            return self.net.taps
        if not self.window.isdecimal() or not 2 <= int(self.window) <= 4096:
            raise ValueError(f"window must be 2 to 4096 samples, pointwise or carried, got {self.window!r}")
        return int(self.window)
