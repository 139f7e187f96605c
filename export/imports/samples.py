"""The samples that an import is judged by, from an .npz file: laid out (`x`), or each signal by its name, or both.

Named signals are one recording, tick after tick, in the spec's units. Where the file has both, the recording laid out
as the spec says must be `x`: that is how a wrong joint order or history shows before the robot moves.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from learn_rt.export.bake import MAX_SEQUENCE
from learn_rt.export.imports.wrong_layout import check_layout
from learn_rt.layout import observe
from learn_rt.spec import Kind, Spec

MAX_BYTES = 1 << 30
MAX_SAMPLES, MAX_SEQUENCES = 1024, 16

Numbers = NDArray[np.floating]


def read_samples(path: Path, spec: Spec) -> NDArray[np.float32]:
    """Return held-out samples as the pipeline takes them: (n, n_features), (n, window, n_features) of a window model,
    (n, samples, n_features) sequences of a stateful one; at most MAX_SAMPLES, MAX_SEQUENCES, spread over the file.

    Raises: ValueError: what the file lacks, or where its `x` is not what the spec makes of its signals.
    """
    arrays = _load(path)
    names = [s.name for s in spec.inputs]
    recorded = all(name in arrays for name in names)
    if "x" not in arrays and not recorded:
        lacks = ", ".join(name for name in names if name not in arrays)
        raise ValueError(
            f"{path}: missing: {lacks}: give each signal tick by tick, in its unit, or x, the samples as the model "
            f"takes them; the file holds {', '.join(arrays) or 'nothing'}"
        )
    if not recorded:
        return _shaped(arrays["x"], spec, str(path))
    recording = observe(spec, arrays)
    if "x" in arrays:
        check_layout(spec, arrays["x"], arrays, recording)
    return _shaped(recording, spec, str(path))


def _load(path: Path) -> Mapping[str, Numbers]:
    """Return the file's arrays of numbers; no pickles, and no more than MAX_BYTES of them."""
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(i.file_size for i in archive.infolist()) > MAX_BYTES:
                raise ValueError(f"{path}: its arrays are larger than {MAX_BYTES} bytes")
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (zipfile.BadZipFile, EOFError):
        raise ValueError(f"{path}: not an .npz file") from None
    for name, array in arrays.items():
        if array.dtype.kind not in "fiu":
            raise ValueError(f"{path}: {name} holds {array.dtype}, not numbers")
    return arrays


def _shaped(x: Numbers, spec: Spec, where: str) -> NDArray[np.float32]:
    """Return `x`, one recording (ticks, n_features) or samples already cut, cut and thinned."""
    samples = np.ascontiguousarray(x, np.float32)
    if samples.shape[-1:] != (spec.n_features,):
        raise ValueError(f"{where}: x must have {spec.n_features} values a sample, got shape {samples.shape}")
    if spec.kind is Kind.STATEFUL:
        if samples.ndim == 2:
            n = max(1, min(MAX_SEQUENCES, len(samples) // 100))
            length = min(MAX_SEQUENCE, len(samples) // n)
            samples = samples[: n * length].reshape(n, length, -1)
        return _spread(samples, MAX_SEQUENCES)
    if spec.kind is Kind.WINDOW and samples.ndim == 2:
        if len(samples) < spec.window:
            raise ValueError(f"{where}: {len(samples)} ticks do not fill a window of {spec.window}")
        sliding = np.lib.stride_tricks.sliding_window_view(samples, spec.window, axis=0)
        samples = _spread(sliding, MAX_SAMPLES).swapaxes(1, 2)
    return np.ascontiguousarray(_spread(samples, MAX_SAMPLES))


def _spread(samples: NDArray[np.float32], n: int) -> NDArray[np.float32]:
    return samples[np.unique(np.linspace(0, len(samples) - 1, min(n, len(samples))).astype(int))]
