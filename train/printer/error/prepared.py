"""Prepared samples: files `.pt` in train/, val/ and test/, each {input_features [T, 4], targets [2], metadata}."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from learn_rt.train.printer.error.recordings import Recording

FOLDERS = {"train": "train", "validation": "val", "test": "test"}


def is_prepared(folder: Path) -> bool:
    """Return whether a folder holds prepared samples."""
    return any((folder / name).is_dir() and any((folder / name).glob("*.pt")) for name in FOLDERS.values())


def read_prepared(folder: Path, window: int) -> dict[str, list[Recording]]:
    """Return train, validation and test: each sample a recording of `window` ticks, of which the last is answered.

    Values are in mm and mm/s, as recorded. Files are read with weights only.
    Raises: ValueError: a folder without samples, a damaged file, another window, or normalised values.
    """
    sides = {side: _read_folder(folder / name, window) for side, name in FOLDERS.items()}
    features = np.concatenate([r.samples for r in sides["train"]])
    if (np.abs(features.mean(0)) < 0.1).all() and (np.abs(features.std(0) - 1) < 0.1).all():
        raise ValueError(f"{folder}: samples must be in mm and mm/s, these are standard scores already")
    return sides


def _read_folder(folder: Path, window: int) -> list[Recording]:
    paths = sorted(folder.glob("*.pt"))
    if not paths:
        raise ValueError(f"{folder}: expected samples *.pt, found none")
    return [_read(path, number, window) for number, path in enumerate(paths, 1)]


def _read(path: Path, number: int, window: int) -> Recording:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about damaged bytes; what comes out is checked
            sample = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch's reader trips over damaged bytes in any way
        reason = next(iter(str(error).splitlines()), type(error).__name__)[:120]
        raise ValueError(f"{path}: not a prepared sample, or a damaged one ({reason})") from None
    if not isinstance(sample, dict) or not {"input_features", "targets"} <= set(sample):
        raise ValueError(f"{path}: must hold input_features and targets")
    features = _tensor(path, "input_features", sample["input_features"])
    targets = _tensor(path, "targets", sample["targets"])
    if tuple(features.shape) != (window, 4):
        shape = tuple(features.shape)
        hint = f": set net.window={shape[0]}" if len(shape) == 2 and shape[1] == 4 else ""
        raise ValueError(f"{path}: input_features must have shape ({window}, 4), got {shape}{hint}")
    if tuple(targets.shape) != (2,):
        raise ValueError(f"{path}: targets must have shape (2,), got {tuple(targets.shape)}")
    errors, answered = np.zeros((window, 2), np.float32), np.zeros(window, np.bool_)
    errors[-1], answered[-1] = targets.numpy(), True
    return Recording(path.parent.name, number, features.numpy(), errors, answered)


def _tensor(path: Path, name: str, value: object) -> Tensor:
    if not isinstance(value, Tensor) or value.layout is not torch.strided or not value.is_floating_point():
        raise ValueError(f"{path}: {name} must be a tensor of floats")
    if value.numel() > 1_000_000 or not torch.isfinite(value).all():
        raise ValueError(f"{path}: {name} must hold finite numbers")
    return value.detach().float().contiguous()
