"""The spec of a dynamics model: states that come back as inputs, and actions."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from learn_rt.spec import Kind, Normalization, Signal, Spec
from learn_rt.train.dynamics.layout import Layout
from learn_rt.train.dynamics.model import DynamicsNet


def names_of(layout: Layout) -> list[str]:
    """Return a row's signals by name, in order: qpos_0, ..., qvel_0, ..., ctrl_0, ..."""
    counts = (("qpos", layout.nq), ("qvel", layout.nv), ("ctrl", layout.nu))
    return [f"{kind}_{i}" for kind, n in counts for i in range(n)]


def units_of(layout: Layout, given: list[str]) -> list[str]:
    """Return a row's units: as given, or from the kinds of the positions, where each has one velocity.

    Raises: ValueError: not as many as there are signals.
    """
    if given:
        if len(given) != layout.n_row:
            raise ValueError(f"units must be {layout.n_row}, one a column, got {len(given)}")
        return list(given)
    position = ["rad" if i in layout.angles else "m" if i in layout.coordinates else "1" for i in range(layout.nq)]
    velocity = [f"{unit}/s" for unit in position] if layout.nv == layout.nq else ["1/s"] * layout.nv
    return [*position, *velocity, *["1"] * layout.nu]


def dynamics_spec(
    module: DynamicsNet, dt_s: float, horizon: int, units: list[str], train: Tensor, provenance: dict[str, Any]
) -> Spec:
    """Return the spec of a trained net; `train` holds raw training rows (n, S + A), for the ranges."""
    layout, names = module.layout, names_of(module.layout)
    low, high = (torch.aminmax(train, dim=0)[i].cpu() for i in range(2))
    # A signal that never changed in training is still a range.
    high = torch.maximum(high, low + 1e-6 * torch.clamp(low.abs(), min=1.0))
    n = layout.n_state
    return Spec(
        name="dynamics",
        kind=Kind.ROLLOUT,
        dt_s=dt_s,
        inputs=tuple(
            Signal(
                name,
                units[i],
                range_trained=(float(low[i]), float(high[i])),
                feedback_of=name if i < n else None,
            )
            for i, name in enumerate(names)
        ),
        outputs=tuple(Signal(name, units[i]) for i, name in enumerate(names[:n])),
        window=module.config.window,
        horizon=horizon,
        states=module.states(),
        normalization=Normalization(
            inside_graph=True, std=tuple(map(float, torch.cat([module.input_scale, module.delta_scale])))
        ),
        forgetting=module.config.window,
        provenance=provenance,
    )
