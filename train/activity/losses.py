"""The three-part loss: gamma MSE + alpha [CE(real) + CE(simulated)] + beta mean(1 - cos(f_simulated, f_real))."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from learn_rt.train.core.config import within


@dataclass
class ScenarioConfig:
    """What counts how much. `simulated=false`: the classifier learns from the real sensor alone."""

    alpha: float = 1.0  # of the cross entropies
    beta: float = 0.3  # of the features' likeness
    gamma: float = 1.0  # of the simulated sensor's squared error
    simulated: bool = True
    label_smoothing: float = 0.1

    def __post_init__(self) -> None:
        for name in ("alpha", "beta", "gamma"):
            within(f"scenario.{name}", getattr(self, name), 0, 1e6)
        within("scenario.label_smoothing", self.label_smoothing, 0, 0.99)
        if self.alpha == 0:
            raise ValueError("scenario.alpha must be above 0: nothing else teaches the classifier")


def squared_error(simulated: Tensor, real: Tensor, posed: Tensor) -> Tensor:
    """Return the mean over samples (batch, channels, window) at which the pose was seen, posed (batch, window)."""
    weight = posed[:, None].expand_as(real)
    return ((simulated - real).square() * weight).sum() / weight.sum().clamp(min=1.0)


def unlikeness(simulated: Tensor, real: Tensor) -> Tensor:
    """Return mean(1 - cos) of features (batch, n)."""
    return (1.0 - F.cosine_similarity(simulated, real, dim=1)).mean()


def three_parts(config: ScenarioConfig, parts: dict[str, Tensor]) -> Tensor:
    """Return the loss of `mse`, `ce_real`, `ce_simulated` and `unlikeness`; those that are not there count nothing."""
    weight = {"mse": config.gamma, "ce_real": config.alpha, "ce_simulated": config.alpha, "unlikeness": config.beta}
    return torch.stack([weight[name] * part for name, part in parts.items()]).sum()
