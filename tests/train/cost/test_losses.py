"""Each loss is its equation, and its slope is its derivative."""

from __future__ import annotations

import math

import pytest
import torch

from learn_rt.train.cost.activations import PLAIN, WITH_DERIVATIVES
from learn_rt.train.cost.losses import LOSSES, Recon
from learn_rt.train.cost.objective import LossConfig

DELTA = 0.7


def by_equation(name: str, r: float) -> float:
    if name == "mse":
        return r * r
    if name == "huber":
        return 0.5 * r * r if abs(r) <= DELTA else DELTA * (abs(r) - 0.5 * DELTA)
    d = {"cauchy": 1.2, "welsch": 1.8, "geman_mcclure": 1.2, "tukey": 3.5}[name] * DELTA
    s = (r / d) ** 2
    if name == "cauchy":
        return d * d / 2 * math.log(1 + s)
    if name == "welsch":
        return d * d / 2 * (1 - math.exp(-s))
    if name == "geman_mcclure":
        return 0.5 * r * r / (1 + s)
    return d * d / 6 * (1 - (1 - s) ** 3) if s < 1 else d * d / 6


@pytest.mark.parametrize("name", list(Recon))
def test_a_loss_is_its_equation(name: Recon) -> None:
    r = torch.linspace(-6, 6, 241, dtype=torch.float64)
    value, _ = LOSSES[name](r, DELTA)
    for x, y in zip(r.tolist(), value.tolist(), strict=True):
        assert y == pytest.approx(by_equation(name, x), rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("name", list(Recon))
def test_a_slope_is_the_derivative(name: Recon) -> None:
    r = torch.linspace(-6, 6, 240, dtype=torch.float64).requires_grad_()
    value, slope = LOSSES[name](r, DELTA)
    (derivative,) = torch.autograd.grad(value.sum(), r)
    torch.testing.assert_close(slope, derivative, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", [n for n in Recon if n not in (Recon.mse, Recon.huber)])
def test_a_robust_loss_lets_an_outlier_go(name: Recon) -> None:
    slope = LOSSES[name](torch.tensor([1e3], dtype=torch.float64), DELTA)[1]
    assert float(slope) < 0.01 * DELTA


def test_huber_comes_first_until_the_start_epoch() -> None:
    config = LossConfig(recon_type=Recon.tukey, recon_start_epoch=100)
    assert [config.at(epoch) for epoch in (0, 99, 100)] == [Recon.huber, Recon.huber, Recon.tukey]


@pytest.mark.parametrize("name", list(PLAIN))
def test_an_activation_and_its_derivatives_agree_with_autograd(name: str) -> None:
    z = torch.cat([torch.linspace(-30, 30, 400), torch.linspace(-3, 3, 200)]).double().requires_grad_()
    value, first, second = WITH_DERIVATIVES[name](z)
    plain = PLAIN[name](z)
    (slope,) = torch.autograd.grad(plain.sum(), z, create_graph=True)
    curve = torch.autograd.grad(slope.sum(), z)[0] if name != "relu" else torch.zeros_like(z)
    for ours, theirs in ((value, plain), (first, slope), (second, curve)):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-13)
