"""The net: raw values on both sides, statistics inside, members as mean and spread."""

from __future__ import annotations

import pytest
import torch

from learn_rt.train.cost.activations import Activation
from learn_rt.train.cost.model import CostNet, NetConfig


def test_the_default_net_has_the_originals_4385_weights() -> None:
    assert sum(p.numel() for p in CostNet(2, 1, NetConfig()).parameters()) == 4385
    assert sum(p.numel() for p in CostNet(2, 1, NetConfig(residual=False)).parameters()) == 2305


def test_an_answer_is_the_normalised_function_between_the_statistics() -> None:
    torch.manual_seed(0)
    net = CostNet(3, 2, NetConfig([7, 5, 5], activation=Activation.silu)).double()
    x, y = 5.0 + 3.0 * torch.randn(50, 3).double(), -2.0 + 0.1 * torch.randn(50, 2).double()
    net.normalize(x, y)
    a = torch.nn.functional.silu
    first, second, third = (layer for layer in net.stack())
    h = a((x - x.mean(0)) / x.std(0, correction=0) @ first.linear.weight[0] + first.linear.bias[0])
    h = a(h @ second.linear.weight[0] + second.linear.bias[0]) + h @ second.project.weight[0] + second.project.bias[0]
    h = a(h @ third.linear.weight[0] + third.linear.bias[0]) + h  # the sizes are equal: the input goes by as it is
    expected = (h @ net.head.weight[0] + net.head.bias[0]) * y.std(0, correction=0) + y.mean(0)
    torch.testing.assert_close(net(x), expected)


def test_the_statistics_are_buffers_that_ride_in_the_state_dict() -> None:
    net = CostNet(2, 1, NetConfig([4]))
    net.normalize(torch.tensor([[1.0, 7.0], [3.0, 7.0]]), torch.tensor([[10.0], [14.0]]))
    kept = net.state_dict()
    assert kept["x_mean"].tolist() == [2.0, 7.0]
    assert kept["x_std"].tolist() == [1.0, 1.0]  # the second column is constant
    assert (kept["y_mean"].item(), kept["y_std"].item()) == (12.0, 2.0)
    assert not any(name.endswith(("mean", "std")) for name, _ in net.named_parameters())


def test_one_sample_leaves_every_std_at_one() -> None:
    net = CostNet(2, 1, NetConfig([4]))
    net.normalize(torch.tensor([[1.0, 7.0]]), torch.tensor([[10.0]]))
    assert net.x_std.tolist() == [1.0, 1.0]
    assert net.y_std.tolist() == [1.0]


def test_an_ensemble_answers_mean_and_spread() -> None:
    torch.manual_seed(0)
    net = CostNet(2, 2, NetConfig([6, 4], members=5))
    net.normalize(torch.randn(20, 2), 3.0 + 2.0 * torch.randn(20, 2))
    x = torch.randn(9, 2)
    with torch.no_grad():
        scores = net.scores(((x - net.x_mean) / net.x_std).expand(5, -1, -1))
        answers = scores * net.y_std + net.y_mean
        torch.testing.assert_close(net(x)[:, :2], answers.mean(0))
        torch.testing.assert_close(net(x)[:, 2:], answers.std(0, correction=0))
        assert float(net(x)[:, 2:].min()) > 0


@pytest.mark.parametrize("wrong", [{"layers": []}, {"layers": [0]}, {"members": 0}, {"layers": [1] * 33}])
def test_sizes_that_make_no_net_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match=r"net\.(layers|members) must be"):
        NetConfig(**wrong)
