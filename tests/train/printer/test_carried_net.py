"""The corrector with a carried state: steps, whole paths and chunks are one function, and rest is exactly zero."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from learn_rt.train.printer.carried import CarriedOffsetNet, chunks
from learn_rt.train.printer.dataset import Stretches
from learn_rt.train.printer.model import OffsetNetConfig


def net(seed: int = 0, **sizes: int) -> CarriedOffsetNet:
    """Return a net whose every weight counts."""
    torch.manual_seed(seed)
    module = CarriedOffsetNet(OffsetNetConfig(**({"steps": 12, "preview": 5, "hidden_size": 16} | sizes)))
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


def stepped(module: CarriedOffsetNet, path: Tensor) -> Tensor:
    """Answers (n, ticks, 2) sample by sample, from zero states."""
    states = [torch.zeros(len(path), *s.shape).to(path.dtype) for s in module.states()]
    answers = []
    for sample in path.unbind(1):
        answer, *states = module.step(sample, *states)
        answers.append(answer)
    return torch.stack(answers, 1)


@pytest.mark.parametrize(
    "sizes", [{}, {"num_layers": 1}, {"degree": 0}, {"steps": 7, "preview": 1}, {"steps": 9, "preview": 8}]
)
def test_steps_and_whole_paths_are_one_function(sizes: dict[str, int]) -> None:
    module, path = net(**sizes), paths(6)
    by_steps = stepped(module, path)
    torch.testing.assert_close(module.answers(path), by_steps, rtol=0, atol=1e-12)
    for n in (1, 3, 60):  # shorter than the preview, than the filters, and long
        torch.testing.assert_close(module(path[:, :n]), by_steps[:, n - 1], rtol=0, atol=1e-12)


def test_it_remembers_more_than_a_window() -> None:
    module, path = net(), paths(1)
    other = path.clone()
    other[:, :10, 3:] *= 2.0  # speeds that the filters' 12 samples have long left
    late = (module.answers(path) - module.answers(other)).detach().abs()[:, 30]
    assert float(late.max()) > 1e-9


def test_from_zero_states_the_machine_has_stood_at_the_first_sample() -> None:
    module, path = net(), paths(2)
    standing = path[:, :1].expand(-1, 40, -1).clone()
    standing[..., 3:] = 0.0
    zero = module.filters.weight.new_zeros(2, 2)
    assert torch.equal(module(standing), zero)
    before = torch.cat([standing[:, :1], path], 1)
    # One standing sample before says the same to the filters as none; the net's cells have only begun to move.
    module.head.weight.data.zero_()
    module.head.bias.data.zero_()
    path[:, 0, 3:] = 0.0
    before[:, 1, 3:] = 0.0
    torch.testing.assert_close(module.answers(before)[:, 6:], module.answers(path)[:, 5:], rtol=0, atol=1e-12)


def test_training_takes_the_same_function_chunk_by_chunk() -> None:
    module, x = net(), paths(4, 96)
    ends = torch.cartesian_prod(torch.arange(4), torch.arange(20, 90))
    target = torch.randn(4, 96, 2).double()
    before = torch.cat([x[:, :1], x[:, :-1]], 1)
    data = Stretches(x, target, module.signals(x, before), ends, 5, 12, [])
    data.apply_filters(module)
    module.target_std.fill_(0.7)
    batches = list(chunks(module, data, 32, 96, 4).batches(torch.Generator().manual_seed(0)))
    assert len(batches) == 3
    order = [int((batches[0][0][i, 0, 6:8] - x[:, 0, :2]).abs().sum(1).argmin()) for i in range(4)]
    states, answers = None, module.answers(x)[order]
    for k, (seen, wanted, weight, _) in enumerate(batches):
        share, states = module.run(seen.double(), states)
        ticks = torch.arange(32 * k, 32 * k + 32)
        assert torch.equal(weight, ((ticks >= 20) & (ticks < 90)).double().expand(4, -1))
        for i in range(4):
            at = ticks[weight[i] > 0]
            error = answers[i, at] - target[order[i], at - 5]
            got = (share[i, weight[i] > 0] - wanted[i, weight[i] > 0]) * 0.7
            torch.testing.assert_close(got, error, rtol=0, atol=1e-9)


def test_it_is_exported_and_served_with_its_preview(tmp_path: Path) -> None:
    from learn_rt.export import export_servable
    from learn_rt.runtime import load
    from learn_rt.spec import Envelope, Kind
    from learn_rt.train.printer.contract import Limits, offset_spec, trained_ranges

    torch.manual_seed(3)
    module = CarriedOffsetNet(OffsetNetConfig(steps=12, preview=5, hidden_size=16))
    path = paths(6, 400).float()
    module.normalize(path.flatten(0, 1))
    module.filters.weight.data.mul_(3e-4)
    limits = Limits(220.0, 220.0, 250.0, 2000.0, Envelope(5.0, 5000.0, 1e6))
    spec = offset_spec(module, limits, trained_ranges(path.flatten(0, 1).numpy()), {})
    assert (spec.kind, spec.window, spec.preview) == (Kind.STATEFUL, 1, 5)
    session = load(export_servable(module.eval(), spec, path, tmp_path, formats=("onnx",))).session()
    answers, flags = session.run(path[0].numpy())
    assert (flags[:5] == 1).all()
    assert (flags[5:] == 0).all()
    whole = module.answers(path[:1])[0].detach().numpy()
    np.testing.assert_allclose(answers[5:], whole[5:], rtol=0, atol=1e-5)
