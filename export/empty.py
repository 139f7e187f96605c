"""A model that does nothing, with a real one's shapes: what every figure of latency contains beside the net."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from learn_rt.export.names import sample_shape
from learn_rt.export.pipeline import export_servable
from learn_rt.spec import Kind, Normalization, Scope, Spec, State
from learn_rt.train.core.servable import Servable


class Empty(Servable):
    """Answers with the first `n_outputs` values of the newest sample; zeros where a sample has fewer."""

    def __init__(self, n_features: int, n_outputs: int, kind: Kind) -> None:
        super().__init__()
        self.n_copied, self.n_zeros, self.kind = min(n_features, n_outputs), max(0, n_outputs - n_features), kind

    def forward(self, x: Tensor, actions: Tensor | None = None) -> Tensor:
        """Return (batch, n_outputs) for (batch, window, n_features) or, pointwise, (batch, n_features).

        Of a rollout, (batch, horizon, n_outputs): the newest state, at every step.
        """
        newest = (x if self.kind is Kind.POINTWISE else x[:, -1])[:, : self.n_copied]
        if actions is not None:
            return newest.unsqueeze(1) + 0.0 * actions[:, :, :1]
        return F.pad(newest, (0, self.n_zeros)) if self.n_zeros else newest

    def states(self) -> tuple[State, ...]:
        """Return one number where the kind must have a state: the newest sample's first."""
        return (State("last", (1,), Scope.STREAM),) if self.kind in (Kind.STATEFUL, Kind.ROLLOUT) else ()

    def step(self, x: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        """Return (answer, state) after one sample (batch, n_features)."""
        return self(x.unsqueeze(1)), x[:, :1] + 0.0 * states[0]


def export_empty(spec: Spec, out: str | Path, name: str) -> Path:
    """Write an empty model with the signals, window and timing of `spec`, and return the version folder.

    The contract is the same, so the same client runs on it. Without an envelope: the answer is the sample, to the bit.
    """
    outputs = tuple(replace(s, envelope=None, nominal=0.0) for s in spec.outputs)
    module = Empty(spec.n_features, spec.n_outputs, spec.kind)
    empty = replace(
        spec,
        outputs=outputs,
        states=module.states(),
        forgetting=1,
        normalization=Normalization(True),
        provenance={"empty": True},
    )
    shape: tuple[int, ...] = (2, *sample_shape(spec)) if spec.kind is Kind.STATEFUL else sample_shape(spec)
    samples = np.random.default_rng(0).uniform(-1.0, 1.0, (16, *shape)).astype(np.float32)
    return export_servable(module, empty, samples, out, name)
