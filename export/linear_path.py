"""The fitted filter inside a model as a model of its own, for clients to fall back on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from learn_rt.spec import Kind, Normalization, Spec
from learn_rt.train.core.servable import Servable

MAX_WINDOWS = 1024  # that are cut out of held-out sequences


def linear_path(
    module: Servable, spec: Spec, held_out: NDArray[np.floating]
) -> tuple[Servable, Spec, NDArray[np.floating]]:
    """Return the linear path of a model, its spec and held-out windows (n, window, n_features), as `export` takes them.

    It has the same signals, `dt_s` and preview, and the name <name>-linear.
    Raises: ValueError: the model has none, or the held-out sequences are too short for its window.
    """
    found = module.linear_path()
    if found is None:
        raise ValueError(f"{spec.name} has no linear path: only models with a fitted filter inside have one")
    path, window = found
    if held_out.ndim != 3 or held_out.shape[1] < window:
        raise ValueError(f"the linear path needs held-out samples (n, {window} or more, n_features)")
    if spec.kind is Kind.STATEFUL:
        cut = np.lib.stride_tricks.sliding_window_view(held_out, window, axis=1).swapaxes(2, 3)
        cut = cut.reshape(-1, window, held_out.shape[2])
        held_out = cut[np.linspace(0, len(cut) - 1, min(len(cut), MAX_WINDOWS)).astype(int)]
    plain = replace(
        spec,
        name=f"{spec.name}-linear",
        kind=Kind.WINDOW,
        window=window,
        states=(),
        forgetting=window,
        normalization=Normalization(inside_graph=True),
    )
    return path, plain, np.ascontiguousarray(held_out[:, -window:])
