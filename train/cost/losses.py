"""Robust losses of an error r with their slopes: less and less weight for outliers, from mse to tukey.

All are r^2 / 2 near zero but for mse, which is r^2. `delta` is the error, in standard deviations of the output, from
which a loss departs from the parabola; each but Huber scales it so that all depart at similar errors.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

import torch
from torch import Tensor


class Recon(StrEnum):
    """The losses of an error, by name."""

    huber = "huber"
    mse = "mse"
    cauchy = "cauchy"
    welsch = "welsch"
    geman_mcclure = "geman_mcclure"
    tukey = "tukey"


Loss = Callable[[Tensor, float], tuple[Tensor, Tensor]]  # (r, delta) -> loss and d loss / d r, shaped as r


def mse(r: Tensor, delta: float) -> tuple[Tensor, Tensor]:
    """r^2."""
    return r * r, 2.0 * r


def huber(r: Tensor, delta: float) -> tuple[Tensor, Tensor]:
    """r^2 / 2 up to delta, then delta (|r| - delta / 2)."""
    slope = r.clamp(-delta, delta)
    return torch.sub(r, slope, alpha=0.5).mul_(slope), slope


def cauchy(r: Tensor, delta: float) -> tuple[Tensor, Tensor]:
    """d^2 / 2 ln(1 + (r / d)^2), d = 1.2 delta."""
    d = 1.2 * delta
    square = (r / d).square()
    return 0.5 * d * d * torch.log1p(square), r / (1.0 + square)


def welsch(r: Tensor, delta: float) -> tuple[Tensor, Tensor]:
    """d^2 / 2 (1 - exp(-(r / d)^2)), d = 1.8 delta."""
    d = 1.8 * delta
    square = (r / d).square()
    return -0.5 * d * d * torch.expm1(-square), r * torch.exp(-square)


def geman_mcclure(r: Tensor, delta: float) -> tuple[Tensor, Tensor]:
    """r^2 / 2 / (1 + (r / d)^2), d = 1.2 delta."""
    fall = 1.0 / (1.0 + (r / (1.2 * delta)).square())
    return 0.5 * r * r * fall, r * fall * fall


def tukey(r: Tensor, delta: float) -> tuple[Tensor, Tensor]:
    """d^2 / 6 (1 - (1 - (r / d)^2)^3) up to d, then d^2 / 6; d = 3.5 delta."""
    d = 3.5 * delta
    fall = (1.0 - (r / d).square()).clamp(min=0.0)
    return d * d / 6.0 * (1.0 - fall**3), r * fall * fall


LOSSES: dict[Recon, Loss] = {
    Recon.huber: huber,
    Recon.mse: mse,
    Recon.cauchy: cauchy,
    Recon.welsch: welsch,
    Recon.geman_mcclure: geman_mcclure,
    Recon.tukey: tukey,
}
