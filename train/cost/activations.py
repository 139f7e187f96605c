"""Activations with their first and second derivatives, which the gradient of a gradient penalty needs."""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import StrEnum
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor


class Activation(StrEnum):
    """The activations, by name."""

    gelu = "gelu"
    silu = "silu"
    relu = "relu"
    tanh = "tanh"


Values = tuple[Tensor, Tensor, Tensor]  # f(z), f'(z), f''(z)


def gelu(z: Tensor) -> Values:
    """z Phi(z), Phi the normal distribution's."""
    # Beyond 9 nothing changes in float64, and exp is twenty times as slow where it underflows.
    h = (z * math.sqrt(0.5)).clamp_(-9.0, 9.0)
    cdf = torch.add(_constant(0.5, z), torch.erf(h), alpha=0.5)
    pdf = torch.addcmul(_constant(-0.5 * math.log(2.0 * math.pi), z), h, h, value=-1.0).exp_()
    second = torch.addcmul(_constant(2.0, z), h, h, value=-2.0).mul_(pdf)
    return z * cdf, cdf.addcmul_(z, pdf), second


def silu(z: Tensor) -> Values:
    """z s(z), s the logistic function."""
    s = torch.sigmoid(z)
    value = s * z
    first = s + value * (1.0 - s)
    return value, first, s * (1.0 - s) * (2.0 + z * (1.0 - 2.0 * s))


def relu(z: Tensor) -> Values:
    """max(z, 0), whose slope at 0 is 0."""
    return z.relu(), (z > 0.0).to(z.dtype), torch.zeros_like(z)


def tanh(z: Tensor) -> Values:
    """The hyperbolic tangent."""
    value = torch.tanh(z)
    first = 1.0 - value * value
    return value, first, -2.0 * value * first


def _constant(value: float, like: Tensor) -> Tensor:
    """Return a scalar tensor, made once: Python's numbers are turned into tensors at every operation."""
    return _scalar(value, like.dtype, like.device)


@cache
def _scalar(value: float, dtype: torch.dtype, device: torch.device) -> Tensor:
    return torch.tensor(value, dtype=dtype, device=device)


WITH_DERIVATIVES: dict[Activation, Callable[[Tensor], Values]] = {
    Activation.gelu: gelu,
    Activation.silu: silu,
    Activation.relu: relu,
    Activation.tanh: tanh,
}
PLAIN: dict[Activation, Callable[[Tensor], Tensor]] = {
    Activation.gelu: F.gelu,
    Activation.silu: F.silu,
    Activation.relu: F.relu,
    Activation.tanh: torch.tanh,
}
