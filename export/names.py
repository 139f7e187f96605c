"""What a model and a version may be called, and the shapes of what they take and answer."""

from __future__ import annotations

import re
from typing import Any

from learn_rt.spec import Kind, Spec

MAX_VERSION = 10**9
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def check_name(name: str) -> str:
    """Return `name`.

    Raises: ValueError: it is not 1 to 64 ASCII letters, digits, '-' or '_', the first a letter or digit.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"name must be 1 to 64 letters, digits, '-' or '_', a letter or digit first, got {name!r}")
    return name


def check_version(version: int) -> int:
    """Return `version`.

    Raises: ValueError: it is not 1 to MAX_VERSION.
    """
    if not 1 <= version <= MAX_VERSION:
        raise ValueError(f"version must be 1 to {MAX_VERSION}, got {version}")
    return version


def sample_shape(spec: Spec) -> tuple[int, ...]:
    """Return the shape of one held-out sample: what one answer is made from, without the batch axis.

    A rollout's are the rows of its history and of its horizon; the states of the horizon's are not looked at. A
    stateful model's is one sample, its held-out samples are sequences of any length.
    """
    if spec.kind in (Kind.POINTWISE, Kind.STATEFUL):
        return (spec.n_features,)
    return (spec.window + max(0, spec.horizon - 1), spec.n_features)


def graph_inputs(spec: Spec) -> dict[str, tuple[int, ...]]:
    """Return the inputs of the whole function, in order: name -> shape without the batch axis."""
    if spec.kind is not Kind.ROLLOUT:
        return {"x": sample_shape(spec)}
    return {"x": (spec.window, spec.n_features), "actions": (spec.horizon, spec.n_actions)}


def answer_shape(spec: Spec) -> tuple[int, ...]:
    """Return the shape of one answer, without the batch axis."""
    return (spec.horizon, spec.n_outputs) if spec.kind is Kind.ROLLOUT else (spec.n_outputs,)


def split(samples: Any, spec: Spec) -> tuple[Any, ...]:
    """Return `graph_inputs` of samples (batch, *sample_shape), arrays or tensors.

    A rollout's first action is that of the window's last row.
    """
    if spec.kind is not Kind.ROLLOUT:
        return (samples,)
    return samples[:, : spec.window], samples[:, spec.window - 1 :, spec.n_outputs :]
