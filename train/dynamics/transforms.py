"""Transforms of positions that a user brings: found by import path, known by a mark."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import import_module

from torch import Tensor

Transform = Callable[[Tensor], Tensor]
MARK = "__learn_rt_transform__"
PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", re.ASCII)


def transform(function: Transform) -> Transform:
    """Mark a function as a transform: positions (..., nq) to features (..., n), of torch operations that export.

    Use as a decorator. A checkpoint names the function it needs, and a name without the mark is not called.
    """
    setattr(function, MARK, True)
    return function


def resolve(path: str) -> Transform:
    """Return the transform of an import path `module:function`.

    Raises: ValueError: not such a path, not there, or not marked with `transform`.
    """
    if not PATH.fullmatch(path):
        raise ValueError(f"transform_fn must be module:function, got {path!r}")
    module, name = path.split(":")
    try:
        function = getattr(import_module(module), name, None)
    except ImportError as error:
        raise ValueError(f"transform_fn: cannot import {module}: {error}") from None
    if not callable(function) or not getattr(function, MARK, False):
        raise ValueError(
            f"transform_fn: {path} is not a function marked with learn_rt.train.dynamics.transforms.transform"
        )
    return function
