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
_USER_BLOCK = 512
_HEADER = b"MATLAB 7.3 MAT-file, written by learn-rt".ljust(124) + b"\x00\x02IM"
_CHUNK = 4096


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
    """Writes blocks into one file a layer of `folder`; at most one file is open, and no layer is held in memory."""

    def __init__(self, folder: Path, machine: str, rate_hz: float, params: Mapping[str, float | str]) -> None:
        """Write into `folder`, which must exist. `params` go into each file."""
        self._folder, self._machine = folder, machine
        self._params = {"rate_hz": rate_hz, **params}
        self._file: h5py.File | None = None
        self._number = -1
        self.written: list[dict[str, object]] = []

    def __enter__(self) -> LayerWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._close()

    def write(self, block: Block, wanted: Callable[[int], bool] = lambda _: True) -> None:
        """Append a block, cut where its layer changes; `wanted` says which layers are kept."""
        columns = _columns(block)
        layer = block.planned.layer
        cuts = np.flatnonzero(np.diff(layer)) + 1
        for part in np.split(np.arange(len(layer)), cuts):
            if len(part) and wanted(int(layer[part[0]])):
                self._append(int(layer[part[0]]), {k: v[part[0] : part[-1] + 1] for k, v in columns.items()})

    def _append(self, number: int, columns: dict[str, Array]) -> None:
        if number != self._number or self._file is None:
            self._open(number)
        assert self._file is not None
        group = self._file["simulation_data"]
        n = len(columns["time"])
        for name, values in columns.items():
            data = group[name]
            data.resize(data.shape[1] + n, axis=1)
            data[0, -n:] = values
        entry = self.written[-1]
        entry["samples"] = int(entry["samples"]) + n  # type: ignore[call-overload]
        entry["end_s"] = float(columns["time"][-1])
        entry.setdefault("start_s", float(columns["time"][0]))

    def _open(self, number: int) -> None:
        self._close()
        name = f"layer{number:02d}_{self._machine}.mat"
        self._file = h5py.File(self._folder / name, "x", userblock_size=_USER_BLOCK)
        self._number = number
        self.written.append({"file": name, "layer": number, "samples": 0})
        group = _struct(self._file, "simulation_data")
        for key, unit in UNITS.items():
            data = group.create_dataset(key, (1, 0), "f8", maxshape=(1, None), chunks=(1, _CHUNK))
            data.attrs.update({"unit": unit, "MATLAB_class": np.bytes_("double")})
        params = _struct(group, "params")
        for key, value in {"layer": float(number), **self._params}.items():
            if isinstance(value, str):
                data = params.create_dataset(key, data=np.array([[ord(c)] for c in value], np.uint16))
                data.attrs.update({"MATLAB_class": np.bytes_("char"), "MATLAB_int_decode": np.int32(2)})
            else:
                params.create_dataset(key, data=[[float(value)]]).attrs["MATLAB_class"] = np.bytes_("double")

    def _close(self) -> None:
        if self._file is None:
            return
        path = self._file.filename
        self._file.close()
        self._file = None
        with Path(path).open("r+b") as file:
            file.write(_HEADER)


def _struct(parent: h5py.Group, name: str) -> h5py.Group:
    group = parent.create_group(name)
    group.attrs["MATLAB_class"] = np.bytes_("struct")
    return group


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
            group = file["simulation_data"]
            column = {name: np.asarray(group[name], np.float64).ravel() for name in UNITS}
            number, rate = (float(group["params"][name][0, 0]) for name in ("layer", "rate_hz"))
            machine = "".join(map(chr, np.ravel(group["params"]["machine"])))
    except (OSError, KeyError, TypeError, ValueError, IndexError) as error:
        raise ValueError(f"{path}: not a layer of a simulated print ({error})") from None
    n = len(column["time"])
    for name, values in column.items():
        if len(values) != n or not n or not np.isfinite(values).all():
            raise ValueError(f"{path}: simulation_data/{name} must hold {max(n, 1)} finite numbers, as time does")
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
