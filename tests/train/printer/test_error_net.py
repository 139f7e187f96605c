"""The error net: its steps, what it makes of a position, its loss."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from learn_rt.train.printer.error.losses import Loss, distance
from learn_rt.train.printer.error.net import ErrorNet, ErrorNetConfig

SMALL = ErrorNetConfig(window=9, front_size=8, hidden_size=8)


def windows(n: int, window: int, seed: int = 0) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    speed = np.cumsum(rng.normal(0, 4, (n, window, 2)), 1)
    place = rng.uniform(10, 210, (n, 1, 2)) + np.cumsum(speed, 1) * 0.01
    return torch.from_numpy(np.concatenate([place, speed], 2).astype(np.float32))


def net(config: ErrorNetConfig = SMALL) -> ErrorNet:
    torch.manual_seed(0)
    made = ErrorNet(config)
    x = windows(50, 20).flatten(0, 1)
    made.normalize(x, torch.randn(len(x), 2) * 0.1 + 0.01, True)
    return made.eval()


@pytest.mark.parametrize("config", [SMALL, replace(SMALL, full_step_mm=0.0), replace(SMALL, num_layers=3)])
def test_window_steps_from_zero_states_give_forward(config: ErrorNetConfig) -> None:
    module = net(config).double()
    x = windows(4, config.window).double()
    states = [torch.zeros(4, *s.shape, dtype=torch.float64) for s in module.states()]
    for t in range(config.window):
        answer, *states = module.step(x[:, t], *states)
    torch.testing.assert_close(answer, module(x), rtol=0, atol=1e-13)


def test_the_published_sizes_have_the_published_numbers_of_parameters() -> None:
    plain = {56: 46_034, 96: 124_834}
    for hidden, count in plain.items():
        module = ErrorNet(ErrorNetConfig(hidden_size=hidden, full_step_mm=0.0))
        assert sum(p.numel() for p in module.parameters()) == count
    large = ErrorNet(ErrorNetConfig(hidden_size=128, num_layers=3, full_step_mm=0.0))
    assert sum(p.numel() for p in large.parameters()) == 347_618


@pytest.mark.parametrize("step", [0.2, 0.16, 1.8 / 360 * 40])
def test_float32_keeps_the_motor_angle_anywhere_on_the_bed(step: float) -> None:
    module = net(replace(SMALL, full_step_mm=step))
    x = torch.rand(20_000, 4) * 440 - 20
    signals = module.signals(x)
    exact = 2 * math.pi * x[:, :2].double() / step  # of the float32 positions, in double
    torch.testing.assert_close(signals[:, 4:6].double(), torch.sin(exact), rtol=0, atol=2e-6)
    torch.testing.assert_close(signals[:, 6:8].double(), torch.cos(exact), rtol=0, atol=2e-6)


def test_passes_answer_as_windows_do_once_the_net_has_forgotten() -> None:
    """With all forget gates shut only the newest sample counts, so one pass and restarted windows are one thing."""
    module = net()
    with torch.no_grad():
        for layer in range(2):
            getattr(module.lstm, f"bias_ih_l{layer}")[8:16] = -1e4  # the forget gates
            getattr(module.lstm, f"weight_hh_l{layer}").zero_()
    x = windows(1, 30)
    passed = module.physical(module.recur(module.signals(x), 22))[0]
    restarted = module(torch.cat([x[:, i : i + 9] for i in range(22)]))
    torch.testing.assert_close(passed, restarted, rtol=0, atol=1e-6)


def test_normalised_targets_have_mean_0_and_deviation_1() -> None:
    module = ErrorNet(SMALL)
    targets = torch.randn(5000, 2) * torch.tensor([0.05, 0.2]) + 0.3
    module.normalize(torch.randn(5000, 4), targets, True)
    torch.testing.assert_close(module.physical(torch.zeros(1, 2))[0], targets.mean(0))
    torch.testing.assert_close(module.physical(torch.ones(1, 2))[0], targets.mean(0) + targets.std(0))


def test_the_hybrid_loss_is_a_share_of_each() -> None:
    d = torch.tensor([-2.0, 0.5])
    torch.testing.assert_close(distance(Loss.hybrid, 0.7, d), torch.tensor([0.7 * 2 + 0.3 * 4, 0.7 * 0.5 + 0.3 * 0.25]))
    torch.testing.assert_close(distance(Loss.mae, 0.7, d), torch.tensor([2.0, 0.5]))
    torch.testing.assert_close(distance(Loss.mse, 0.7, d), torch.tensor([4.0, 0.25]))
    torch.testing.assert_close(distance(Loss.huber, 0.7, d), torch.tensor([1.5, 0.125]))


@pytest.mark.parametrize(
    ("key", "value"), [("window", 1), ("hidden_size", 0), ("dropout", 1.0), ("full_step_mm", 1e9), ("dt_s", math.nan)]
)
def test_a_size_out_of_range_is_refused(key: str, value: float) -> None:
    with pytest.raises(ValueError, match=key):
        ErrorNetConfig(**{key: value})
