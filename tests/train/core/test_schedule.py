"""Learning rates are those of the published schedules, as PyTorch computes them too."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingWarmRestarts, ReduceLROnPlateau

from learn_rt.train.core.config import LoopConfig, Mode, Schedule
from learn_rt.train.core.schedule import Plateau, Watch, rate


def optimizer(lr: float) -> torch.optim.Optimizer:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)


def test_cosine_ends_at_the_least_rate_after_its_warm_up() -> None:
    loop = LoopConfig(lr=0.1, min_lr=0.02, warmup_steps=4)
    rates = [rate(loop, step, 100, 0, 1.0) for step in range(101)]
    assert rates[0] == pytest.approx(0.1 / 4)
    assert rates[50] == pytest.approx(0.06)
    assert rates[100] == pytest.approx(0.02)
    assert rates[3:] == sorted(rates[3:], reverse=True)


@pytest.mark.parametrize(("t0", "t_mult"), [(10, 2), (3, 1), (1, 3)])
def test_restarts_are_pytorchs(t0: int, t_mult: int) -> None:
    loop = LoopConfig(lr=0.1, min_lr=1e-4, warmup_steps=0, schedule=Schedule.cosine_restarts, t0=t0, t_mult=t_mult)
    theirs = CosineAnnealingWarmRestarts(sgd := optimizer(0.1), t0, t_mult, eta_min=1e-4)
    for epoch in range(100):
        assert rate(loop, 0, 1, epoch, 1.0) == pytest.approx(sgd.param_groups[0]["lr"], rel=1e-9)
        sgd.step()
        theirs.step()


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("patience", [0, 1, 5])
def test_plateaus_are_pytorchs(mode: Mode, patience: int) -> None:
    loop = LoopConfig(lr=0.1, min_lr=1e-3, schedule=Schedule.plateau, factor=0.5, plateau_patience=patience)
    ours = Plateau(loop, mode)
    theirs = ReduceLROnPlateau(sgd := optimizer(0.1), mode.value, factor=0.5, patience=patience, min_lr=1e-3, eps=0)
    values = np.random.default_rng(3).normal(size=200).cumsum() * 1e-2 + 5
    for epoch, value in enumerate(values):
        ours.see(value, epoch)
        theirs.step(value)
        assert rate(loop, 10**6, 1, epoch, ours.scale) == pytest.approx(sgd.param_groups[0]["lr"]), epoch


def test_a_plateau_counts_epochs_however_often_it_looks() -> None:
    loop = LoopConfig(plateau_patience=10, factor=0.5)
    plateau = Plateau(loop, Mode.min)
    for epoch in range(0, 40, 5):
        plateau.see(1.0, epoch)
    assert plateau.scale == 0.5**2  # at 15 and at 30


def test_what_is_better_by_less_than_its_share_is_not_noticed() -> None:
    less, more = Watch(Mode.min, 0.1), Watch(Mode.max, 0.1)
    assert [less.improves(v, i) for i, v in enumerate((1.0, 0.95, 0.89, math.nan))] == [True, False, True, False]
    assert [more.improves(v, i) for i, v in enumerate((-1.0, -0.95, -0.89))] == [True, False, True]
    assert (less.epoch, more.epoch) == (2, 2)
