"""The fit of the filters finds the filters that made the targets."""

from __future__ import annotations

import torch

from learn_rt.train.printer.dataset import Stretches
from learn_rt.train.printer.filters import fit_filters
from learn_rt.train.printer.model import N_SIGNALS, OffsetNet, OffsetNetConfig

SIZES = OffsetNetConfig(steps=6, preview=2, hidden_size=4, front_size=4)


def paths(seed: int = 0) -> torch.Tensor:
    """Return jerky paths (30, 200, 5): speeds that jump, so that every tap of a filter shows."""
    g = torch.Generator().manual_seed(seed)
    speed = torch.randn(30, 200, 2, generator=g) * 30
    place = 110 + torch.rand(30, 1, 2, generator=g) * 120 - 60 + speed.cumsum(1) * 0.002
    return torch.cat([place, torch.zeros(30, 200, 1), speed], -1)


def made_by(truth: OffsetNet, x: torch.Tensor) -> Stretches:
    """Return stretches whose targets the filters of `truth` made."""
    signals = torch.zeros(*x.shape[:2], N_SIGNALS)
    signals[:, 1:] = truth.signals(x[:, 1:], x[:, :-1])
    c = truth.config
    ends = torch.cartesian_prod(torch.arange(len(x)), torch.arange(c.steps, x.shape[1]))
    data = Stretches(x, torch.zeros(*x.shape[:2], 2), signals, ends, c.preview, c.steps, [])
    data.apply_filters(truth)
    assert data.filtered is not None
    data.target[:, : -c.preview] = data.filtered[:, c.preview :]
    return data


def own_axis_filters(seed: int) -> OffsetNet:
    torch.manual_seed(seed)
    truth = OffsetNet(SIZES)
    with torch.no_grad():
        weight = torch.randn(2, SIZES.degree + 1, SIZES.steps, N_SIGNALS) * 1e-3
        weight[0, ..., 1::2] = 0.0
        weight[1, ..., 0::2] = 0.0
        truth.filters.weight.copy_(weight.flatten(2).flatten(0, 1))
    return truth


def test_the_fit_finds_filters_that_change_with_place_and_direction() -> None:
    truth = own_axis_filters(1)
    data = made_by(truth, paths())
    fitted = OffsetNet(SIZES)
    place = (data.x[..., :2] - SIZES.centre_mm) / SIZES.reach_mm
    fit_filters(fitted, data.signals, place, data.target, data.ends)
    # On paths that the fit never saw: weights need not be the same, where signals say the same.
    other = made_by(truth, paths(1))
    found = made_by(fitted, paths(1))
    error = (other.target - found.target).square().mean().sqrt() / other.target.square().mean().sqrt()
    assert float(error) < 5e-3


def test_filters_over_a_stretch_are_the_modules_own_on_its_windows() -> None:
    truth = own_axis_filters(2)
    with torch.no_grad():  # no share of the net
        truth.head.weight.zero_()
    data = made_by(truth, paths())
    assert data.filtered is not None
    ends = data.ends[::97]
    torch.testing.assert_close(truth(data.raw(ends)), data.filtered[tuple(ends.T)], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(truth(data.raw(ends)), data.answers(ends), rtol=1e-4, atol=1e-6)
