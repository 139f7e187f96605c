"""Simulated prints on disk: one MATLAB 7.3 (HDF5) file a layer, which MATLAB, h5py and `load_layers` read.

Public: `LayerWriter`, `load_layers(folder) -> list[Layer]`, `join(layers) -> Layer`.

`layer%02d_<machine>.mat` holds simulation_data/{time, x_ref, y_ref, z_ref, vx_ref, vy_ref, ax_ref, ay_ref, jx_ref,
x_act, y_act, error_x, error_y, error_magnitude, error_direction, is_extruding, is_travel, layer_num, feature,
filament}, each (1, n) with its unit as attribute, and simulation_data/params/*. Time runs on from layer to layer, so
layers can be joined. Layer 0 is what comes before the first.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from learn_rt.train.printer.matfile import BOUNDS, DAMAGED, MAX_TICKS, check, group, numbers
from learn_rt.train.printer.stream import Block

Array = NDArray[np.float64]
UNITS = {
    "time": "s",
    "x_ref": "mm",
    "y_ref": "mm",
    "z_ref": "mm",
    "vx_ref": "mm/s",
    "vy_ref": "mm/s",
    "ax_ref": "mm/s^2",
    "ay_ref": "mm/s^2",
    "jx_ref": "mm/s^3",
    "x_act": "mm",
    "y_act": "mm",
    "error_x": "mm",
    "error_y": "mm",
    "error_magnitude": "mm",
    "error_direction": "rad",
    "is_extruding": "1",
    "is_travel": "1",
    "layer_num": "1",
    "feature": "1",
    "filament": "mm",
}
_HEADER = (b"MATLAB 7.3 MAT-file, written by learn-rt".ljust(124) + b"\x00\x02IM").ljust(512, b"\0")


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer, or several joined: arrays of n ticks."""

    number: int
    machine: str
    rate_hz: float
    time: Array
    reference: Array  # (n, 3) x, y, z [mm]
    velocity: Array  # (n, 2) of the reference [mm/s]
    actual: Array  # (n, 2) [mm]
    extruding: NDArray[np.bool_]
    travel: NDArray[np.bool_]
    layer: NDArray[np.int32]
    feature: NDArray[np.int8]

    @property
    def error(self) -> Array:
        """Return actual - reference (n, 2) [mm]."""
        return self.actual - self.reference[:, :2]


class LayerWriter:
    """Writes blocks into one file a layer of `folder`. A layer is held in memory, 160 bytes a tick, until it is whole.

    HDF5 does not survive a full disk, so each file is made in memory and written by Python.
    """

    def __init__(self, folder: Path, machine: str, rate_hz: float, params: Mapping[str, float | str]) -> None:
        """Write into `folder`, which must exist. `params` go into each file."""
        self._folder, self._machine = folder, machine
        self._params = {"rate_hz": rate_hz, **params}
        self._number, self._ticks = -1, 0
        self._blocks: list[dict[str, Array]] = []
        self.written: list[dict[str, str | int | float]] = []

    def __enter__(self) -> LayerWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is None:
            self._finish()

    def write(self, block: Block, wanted: Callable[[int], bool] = lambda _: True) -> None:
        """Append a block, cut where its layer changes; `wanted` says which layers are kept.

        Raises: ValueError: a layer of more than MAX_TICKS. OSError: what cannot be written.
        """
        columns = _columns(block)
        layer = block.planned.layer
        cuts = np.flatnonzero(np.diff(layer)) + 1
        for first, end in itertools.pairwise([0, *cuts.tolist(), len(layer)]):
            number = int(layer[first]) if len(layer) else -1
            if number != self._number:
                self._finish()
                self._number = number
            if end > first and wanted(number):
                # Copies: a view would keep the whole block.
                self._blocks.append({name: values[first:end].copy() for name, values in columns.items()})
                self._ticks += end - first
                if self._ticks > MAX_TICKS:
                    raise ValueError(f"layer {number} has more than {MAX_TICKS:,} ticks: give a lower --rate")

    def _finish(self) -> None:
        """Write the layer that is held, if any."""
        if not self._blocks:
            return
        columns = {name: np.concatenate([block[name] for block in self._blocks]) for name in UNITS}
        self._blocks, self._ticks = [], 0
        name = f"layer{self._number:02d}_{self._machine}.mat"
        (self._folder / name).write_bytes(_HEADER + _image(columns, {"layer": float(self._number), **self._params}))
        time = columns["time"]
        entry = {"samples": len(time), "start_s": float(time[0]), "end_s": float(time[-1])}
        self.written.append({"file": name, "layer": self._number, **entry})


def _image(columns: Mapping[str, Array], params: Mapping[str, float | str]) -> bytes:
    """Return the bytes of an HDF5 file, to stand behind a user block."""
    with h5py.File("layer", "w", driver="core", backing_store=False, userblock_size=len(_HEADER)) as file:
        outer = _struct(file, "simulation_data")
        for name, values in columns.items():
            data = outer.create_dataset(name, data=values[None])
            data.attrs.update({"unit": UNITS[name], "MATLAB_class": np.bytes_("double")})
        inner = _struct(outer, "params")
        for name, value in params.items():
            if isinstance(value, str):
                data = inner.create_dataset(name, data=np.array([[ord(c)] for c in value], np.uint16))
                data.attrs.update({"MATLAB_class": np.bytes_("char"), "MATLAB_int_decode": np.int32(2)})
            else:
                inner.create_dataset(name, data=[[float(value)]]).attrs["MATLAB_class"] = np.bytes_("double")
        file.flush()
        return bytes(file.id.get_file_image())


def _struct(parent: h5py.Group, name: str) -> h5py.Group:
    made = parent.create_group(name)
    made.attrs["MATLAB_class"] = np.bytes_("struct")
    return made


def _columns(block: Block) -> dict[str, Array]:
    p = block.planned
    error = block.actual - p.xy
    return {
        "time": p.time,
        "x_ref": p.x,
        "y_ref": p.y,
        "z_ref": p.z,
        "vx_ref": p.vx,
        "vy_ref": p.vy,
        "ax_ref": p.ax,
        "ay_ref": p.ay,
        "jx_ref": p.jx,
        "x_act": block.actual[:, 0],
        "y_act": block.actual[:, 1],
        "error_x": error[:, 0],
        "error_y": error[:, 1],
        "error_magnitude": np.hypot(*error.T),
        "error_direction": np.arctan2(error[:, 1], error[:, 0]),
        "is_extruding": p.extruding.astype(float),
        "is_travel": p.travel.astype(float),
        "layer_num": p.layer.astype(float),
        "feature": p.feature.astype(float),
        "filament": p.filament_mm,
    }


def load_layers(folder: str | Path) -> list[Layer]:
    """Return the layers in a part's folder, in order of their time.

    Raises: ValueError: no layers there, or a file that is not one; it names the file.
    """
    paths = sorted(Path(folder).glob("layer*_*.mat"))
    if not paths:
        raise ValueError(f"{folder}: expected files layer*_<machine>.mat (learn-data printer writes them), found none")
    return sorted((_load(path) for path in paths), key=lambda layer: float(layer.time[0]))


def _load(path: Path) -> Layer:
    try:
        with h5py.File(path, "r") as file:
            data = group(file, "simulation_data")
            column = {name: numbers(data, name, MAX_TICKS) for name in UNITS}
            params = group(data, "params")
            number, rate = (float(numbers(params, name, 1)[0]) for name in ("layer", "rate_hz"))
            machine = "".join(chr(int(code)) for code in numbers(params, "machine", 256))
    except DAMAGED as error:
        raise ValueError(f"{path}: not a layer of a simulated print ({error})") from None
    check(path, column)
    if not (0 <= number < BOUNDS["layer_num"] and 0 < rate < 1e9):
        raise ValueError(f"{path}: simulation_data/params must hold a layer's number and a rate, got {number}, {rate}")
    return Layer(
        number=int(number),
        machine=machine,
        rate_hz=rate,
        time=column["time"],
        reference=np.stack([column[k] for k in ("x_ref", "y_ref", "z_ref")], 1),
        velocity=np.stack([column["vx_ref"], column["vy_ref"]], 1),
        actual=np.stack([column["x_act"], column["y_act"]], 1),
        extruding=column["is_extruding"] > 0,
        travel=column["is_travel"] > 0,
        layer=column["layer_num"].astype(np.int32),
        feature=column["feature"].astype(np.int8),
    )


def join(layers: Sequence[Layer]) -> Layer:
    """Return consecutive layers as one.

    Raises: ValueError: none, different machines or rates, or a gap in time between two.
    """
    if not layers:
        raise ValueError("expected at least one layer to join")
    first = layers[0]
    for a, b in itertools.pairwise(layers):
        if (a.machine, a.rate_hz) != (b.machine, b.rate_hz):
            raise ValueError(f"layers {a.number} and {b.number} are of different machines or rates")
        if abs((b.time[0] - a.time[-1]) * a.rate_hz - 1) > 1e-3:
            raise ValueError(f"layers {a.number} and {b.number} do not follow each other in time")
    names = ("time", "reference", "velocity", "actual", "extruding", "travel", "layer", "feature")
    joined: dict[str, Any] = {name: np.concatenate([getattr(layer, name) for layer in layers]) for name in names}
    return replace(first, **joined)
