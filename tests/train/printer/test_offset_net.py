"""The corrector's module: steps and windows are one function, and rest is exactly zero."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from learn_rt.train.printer.model import OffsetNet, OffsetNetConfig


def net(seed: int = 0, **sizes: int) -> OffsetNet:
    """Return a net whose every weight counts."""
    torch.manual_seed(seed)
    module = OffsetNet(OffsetNetConfig(**({"steps": 12, "preview": 5, "hidden_size": 16} | sizes)))
    for name, parameter in module.named_parameters():
        if not name.startswith("norm"):
            torch.nn.init.normal_(parameter, std=0.3)
    module.normalize(paths(50).flatten(0, 1).float())
    return module.double().eval()


def paths(n: int, ticks: int = 60) -> Tensor:
    """Return smooth paths (n, ticks, 5) in double."""
    g = torch.Generator().manual_seed(1)
    speed = torch.randn(n, 1, 2, generator=g) * 40 + torch.randn(n, ticks, 2, generator=g).cumsum(1) * 3
    place = 110 + torch.randn(n, 1, 2, generator=g) * 40 + speed.cumsum(1) * 0.002
    height = torch.rand(n, 1, 1, generator=g).expand(n, ticks, 1) * 100
    return torch.cat([place, height, speed], -1).double()


@pytest.mark.parametrize(
    "sizes", [{}, {"num_layers": 1}, {"degree": 0}, {"steps": 7, "preview": 1}, {"steps": 9, "preview": 8}]
)
def test_steps_from_zero_give_the_window(sizes: dict[str, int]) -> None:
    module = net(**sizes)
    window = paths(20)[:, : module.config.steps + 1]
    states = [torch.zeros(20, *s.shape, dtype=torch.double) for s in module.states()]
    for tick in range(window.shape[1]):
        answer, *states = module.step(window[:, tick], *states)
    torch.testing.assert_close(answer, module(window), rtol=0, atol=1e-13)
    assert float(answer.detach().abs().min()) > 0


def test_the_stream_state_is_what_every_lane_shares() -> None:
    """With the stream's true tail, a lane that started `steps` samples ago answers the window it saw."""
    module = net()
    path, n = paths(1), module.config.steps + 1
    tail = path[:, 20 - module.config.steps : 20]
    shapes = [s.shape for s in module.states()][1:]
    states = [torch.zeros(1, *s, dtype=torch.double) for s in shapes]
    for tick in range(20, 20 + n):
        answer, tail, *states = module.step(path[:, tick], tail, *states)
    torch.testing.assert_close(answer, module(path[:, 20 : 20 + n]), rtol=0, atol=1e-13)


@pytest.mark.parametrize("seed", range(3))
def test_a_standing_window_is_answered_with_exactly_zero(seed: int) -> None:
    module = net(seed).float()
    window = paths(30)[:, :1].expand(-1, module.config.steps + 1, -1).float().clone()
    window[..., 3:] = 0.0
    assert torch.equal(module(window), torch.zeros(30, 2))


def test_passes_over_longer_paths_end_in_the_same_function() -> None:
    """What training computes for the first answer of a pass is the window's own recurrent state."""
    module = net()
    path, steps = paths(4), module.config.steps
    signals = module.signals(path[:, 1:], path[:, :-1])
    whole = module.recur(signals, path[:, 1:, :3])
    window = module.recur(signals[:, :steps], path[:, 1 : steps + 1, :3])
    torch.testing.assert_close(whole[:, steps - 1], window[:, -1])


def test_a_preview_outside_the_window_is_refused() -> None:
    with pytest.raises(ValueError, match="preview must be at least 1 and below"):
        OffsetNetConfig(steps=8, preview=8)
