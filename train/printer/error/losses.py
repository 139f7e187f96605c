"""Losses of normalised errors."""

from __future__ import annotations

from enum import StrEnum

import torch
import torch.nn.functional as F
from torch import Tensor


class Loss(StrEnum):
    """How far an answer is from its target."""

    hybrid = "hybrid"  # ratio * |d| + (1 - ratio) * d^2
    mae = "mae"
    mse = "mse"
    huber = "huber"


def distance(kind: Loss, ratio: float, difference: Tensor) -> Tensor:
    """Return the loss of each difference, of its shape. `ratio` is the share of |d| in the hybrid loss."""
    match kind:
        case Loss.mae:
            return difference.abs()
        case Loss.mse:
            return difference.square()
        case Loss.huber:
            return F.smooth_l1_loss(difference, torch.zeros_like(difference), reduction="none")
        case Loss.hybrid:
            return ratio * difference.abs() + (1.0 - ratio) * difference.square()
