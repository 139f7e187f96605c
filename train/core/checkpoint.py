"""Training state on disk: written whole or not at all, read with weights only."""

from __future__ import annotations

import io
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

from learn_rt.spec import Kind, Spec
from learn_rt.train.core.servable import Servable
from learn_rt.train.core.system import task_type

FORMAT = "learn_rt.checkpoint/1"
# Key of the file -> the type that must be there. `resume` (optimizer, schedule, generators, epoch) is there only where
# training can go on.
CONTENTS: dict[str, type] = {
    "system": str,
    "target": str,
    "config": dict,
    "model": dict,
    "spec": str,
    "held_out": torch.Tensor,
}


def save(path: Path, checkpoint: dict[str, Any]) -> None:
    """Write a checkpoint; a reader sees the old file or the new one, never a part."""
    staged = path.with_name(f".{path.name}.tmp-{os.getpid()}")
    try:
        with staged.open("wb") as file:
            torch.save({"format": FORMAT} | checkpoint, file)
            file.flush()
            os.fsync(file.fileno())
        staged.replace(path)
    finally:
        staged.unlink(missing_ok=True)


def load(path: str | Path) -> dict[str, Any]:
    """Return a checkpoint's contents.

    Raises: ValueError: not a checkpoint of this format, or damaged (the message names the file); OSError: unreadable.
    """
    path = Path(path)
    file = io.BytesIO(path.read_bytes())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about damaged bytes; what comes out is checked
            contents = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # torch's reader trips over damaged bytes in any way
        raise ValueError(f"{path}: not a checkpoint, or a damaged one ({_first_line(error)})") from None
    if not isinstance(contents, dict) or contents.get("format") != FORMAT:
        raise ValueError(f"{path}: not a checkpoint of format {FORMAT}")
    for key, kind in CONTENTS.items():
        if not isinstance(contents.get(key), kind):
            raise ValueError(f"{path}: {key!r} must be a {kind.__name__}, got {type(contents.get(key)).__name__}")
    return contents


def load_servable(path: str | Path) -> tuple[Servable, Spec, np.ndarray]:
    """Return (the served part of the module in eval mode on the CPU, spec, held-out raw windows).

    The windows are (n, window, n_features) float32, (n, n_features) of a pointwise model, and of a rollout as many rows
    as window and horizon reach over: (n, window + horizon - 1, n_features). A stateful model's are whole sequences:
    (n, samples, n_features).
    Raises: ValueError: as `load`, or weights, spec and configuration do not belong together; OSError: not readable.
    """
    contents = load(path)
    try:
        module = task_type(contents["system"], contents["target"]).build(contents["config"])
        module.load_state_dict(contents["model"])
        spec = Spec.from_json(contents["spec"])
    except (RuntimeError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: weights, spec and configuration do not fit ({_first_line(error)})") from None
    held_out = contents["held_out"]
    shape = _raw_shape(spec, held_out)
    # Plain: a view of one number can claim any shape.
    plain = held_out.layout is torch.strided and held_out.is_contiguous()
    if not plain or held_out.dtype != torch.float32 or tuple(held_out.shape[1:]) != shape or not len(held_out):
        raise ValueError(f"{path}: held_out must be plain float32 (n, *{shape}), got {tuple(held_out.shape)}")
    return module.served().eval(), spec, held_out.detach().numpy()


def _raw_shape(spec: Spec, held_out: torch.Tensor) -> tuple[int, ...]:
    if spec.kind is Kind.POINTWISE:
        return (spec.n_features,)
    if spec.kind is Kind.STATEFUL:  # sequences, of any length
        return (held_out.shape[1] if held_out.ndim == 3 else 2, spec.n_features)
    return (spec.window + max(0, spec.horizon - 1), spec.n_features)


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__).strip()[:200]
