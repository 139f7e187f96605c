"""What a model and a version may be called, and the shape of what they answer."""

from __future__ import annotations

import re

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
    """Return the shape of what one answer is made from, without the batch axis."""
    return (spec.n_features,) if spec.kind is Kind.POINTWISE else (spec.window, spec.n_features)
