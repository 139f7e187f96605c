"""A model that does nothing, with a real one's shapes: what every figure of latency contains beside the net."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from learn_rt.export.pipeline import export_servable
from learn_rt.spec import Kind, Normalization, Spec
from learn_rt.train.core.servable import Servable


class Empty(Servable):
    """Answers with the first `n_outputs` values of the newest sample; zeros where a sample has fewer."""

    def __init__(self, n_features: int, n_outputs: int, window: bool) -> None:
        super().__init__()
        self.n_copied, self.n_zeros, self.window = min(n_features, n_outputs), max(0, n_outputs - n_features), window

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, n_outputs) for (batch, window, n_features) or, pointwise, (batch, n_features)."""
        newest = (x[:, -1] if self.window else x)[:, : self.n_copied]
        return F.pad(newest, (0, self.n_zeros)) if self.n_zeros else newest


def export_empty(spec: Spec, out: str | Path, name: str) -> Path:
    """Write an empty model with the signals, window and timing of `spec`, and return the version folder.

    The contract is the same, so the same client runs on it. Without an envelope: the answer is the sample, to the bit.
    """
    window = spec.kind is Kind.WINDOW
    outputs = tuple(replace(s, envelope=None, nominal=0.0) for s in spec.outputs)
    empty = replace(
        spec, outputs=outputs, states=(), forgetting=1, normalization=Normalization(True), provenance={"empty": True}
    )
    shape = (16, spec.window, spec.n_features) if window else (16, spec.n_features)
    samples = np.random.default_rng(0).uniform(-1.0, 1.0, shape).astype(np.float32)
    return export_servable(Empty(spec.n_features, spec.n_outputs, window), empty, samples, out, name)
