"""Parts that learn-data simulated, as planned paths at the model's rate."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from learn_rt.train.printer.layers import Layer, load_layers

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Part:
    """A part's planned paths, each (ticks, 5) x, y, z [mm], vx, vy [mm/s] without a gap, and a hash of its files."""

    name: str
    paths: tuple[Array, ...]
    sha256: str


def read_parts(folder: Path, machine: str, dt_s: float) -> dict[str, Part]:
    """Return the parts in a folder that learn-data wrote, by name.

    Raises: ValueError: none there, or one of another machine or rate; OSError: unreadable.
    """
    # Not hidden ones: a part that learn-data was still writing when it was killed is one.
    folders = sorted({path.parent for path in folder.glob("[!.]*/layer*_*.mat")})
    if not folders:
        raise ValueError(f"{folder}: expected a folder a part with layer files (learn-data printer writes them)")
    return {path.name: _read(path, machine, dt_s) for path in folders}


def combined_hash(parts: Mapping[str, Part]) -> str:
    """Return the SHA-256 that identifies all parts."""
    text = "".join(f"{name} {parts[name].sha256}\n" for name in sorted(parts))
    return hashlib.sha256(text.encode()).hexdigest()


def _read(folder: Path, machine: str, dt_s: float) -> Part:
    layers = load_layers(folder)
    for layer in layers:
        if layer.machine != machine:
            raise ValueError(f"{folder}: planned for machine {layer.machine!r}, training is for {machine!r}")
        if abs(layer.rate_hz * dt_s - 1) > 1e-6:
            rate = 1 / dt_s
            raise ValueError(f"{folder}: sampled at {layer.rate_hz:g} Hz, offsets need learn-data --rate {rate:g}")
    return Part(folder.name, tuple(np.concatenate(run) for run in _runs(layers)), _hash(folder))


def _runs(layers: list[Layer]) -> list[list[Array]]:
    """Return the layers' samples, joined where one follows the other without a gap in time."""
    runs = [[_samples(layers[0])]]
    for before, layer in pairwise(layers):
        if abs((layer.time[0] - before.time[-1]) * layer.rate_hz - 1) > 1e-3:
            runs.append([])
        runs[-1].append(_samples(layer))
    return runs


def _samples(layer: Layer) -> Array:
    return np.concatenate([layer.reference, layer.velocity], 1)


def _hash(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.glob("layer*_*.mat")):
        digest.update(path.name.encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
