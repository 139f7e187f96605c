"""The gradient by hand is autograd's, which differentiates twice."""

from __future__ import annotations

import itertools

import pytest
import torch

from learn_rt.train.cost.activations import Activation
from learn_rt.train.cost.by_hand import ObjectiveByHand
from learn_rt.train.cost.losses import Recon
from learn_rt.train.cost.model import CostNet, NetConfig
from learn_rt.train.cost.objective import LossConfig, Objective

SHAPES = [([6, 4], 1, 1), ([5, 5, 3], 2, 3), ([4], 3, 1)]  # layers, outputs, members


def random_net(config: NetConfig, n_outputs: int) -> CostNet:
    net = CostNet(2, n_outputs, config).double()
    for p in net.parameters():
        torch.nn.init.normal_(p, 0.0, 0.6)
    return net


@pytest.mark.parametrize(
    ("residual", "activation", "shape", "penalty"),
    list(itertools.product((True, False), list(Activation), SHAPES, (0.7, 0.0))),
)
def test_the_gradient_by_hand_is_autograds(
    residual: bool, activation: Activation, shape: tuple, penalty: float
) -> None:
    layers, n_outputs, members = shape
    torch.manual_seed(1)
    net = random_net(NetConfig(layers, residual, activation, members), n_outputs)
    config = LossConfig(Recon.cauchy, 0.4, 0, 3.0, 0.3, 0.2, penalty)
    x, y, weight = torch.randn(25, 2).double(), torch.randn(25, n_outputs).double(), torch.rand(25, members).double()
    for given in (None, weight):
        net.zero_grad()
        expected = Objective(net, config)(x, y, given)
        expected["loss"].backward()
        gradient = torch.cat([p.grad.flatten() for p in net.parameters()])
        by_hand = ObjectiveByHand(net, config)
        found = by_hand(x, y, given)
        found["loss"].backward()
        assert set(found) == set(expected)
        for key, value in expected.items():
            torch.testing.assert_close(found[key], value, rtol=1e-12, atol=1e-12, msg=key)
        torch.testing.assert_close(by_hand.theta.grad, gradient, rtol=1e-11, atol=1e-12)


def test_the_terms_are_what_they_are_called() -> None:
    net = random_net(NetConfig([3], activation=Activation.tanh), 1)
    x, y = torch.randn(7, 2).double(), torch.randn(7, 1).double()
    found = Objective(net, LossConfig(Recon.mse, 1.0, 0, 2.0, 0.5, 0.25, 0.125))(x, y)
    theta = torch.cat([p.flatten() for p in net.parameters()]).detach()
    inner, head = net.layers[0].linear, net.head
    z = x @ inner.weight[0] + inner.bias[0]
    answers = torch.tanh(z) @ head.weight[0] + head.bias[0]
    slope = ((1 - torch.tanh(z) ** 2) * head.weight[0, :, 0]) @ inner.weight[0].t()
    terms = {
        "loss/reconstruction": ((answers - y) ** 2).mean(),
        "loss/l1": theta.abs().mean(),
        "loss/l2": (theta**2).mean(),
        "loss/gradient": (slope**2).sum(1).mean(),
    }
    for key, value in terms.items():
        torch.testing.assert_close(found[key], value.detach(), msg=key)
    total = sum(w * terms[key] for w, key in zip((2.0, 0.5, 0.25, 0.125), terms, strict=True))
    torch.testing.assert_close(found["loss"], total)


def test_a_step_on_theta_is_a_step_of_the_module() -> None:
    torch.manual_seed(0)
    net = CostNet(2, 1, NetConfig([4, 3]))
    objective = ObjectiveByHand(net, LossConfig())
    assert [name for name, _ in objective.named_parameters()] == ["theta"]
    objective.double().float()  # what moves and casts the objective takes the module along
    with torch.no_grad():
        objective.theta.mul_(2.0)
    torch.testing.assert_close(torch.cat([p.flatten() for p in net.parameters()]), objective.theta, rtol=0, atol=0)
    net.load_state_dict({key: torch.full_like(value, 0.5) for key, value in net.state_dict().items()})
    assert bool((objective.theta == 0.5).all())


def test_a_member_of_an_ensemble_trains_as_if_alone() -> None:
    torch.manual_seed(3)
    x, y = torch.randn(20, 2), torch.randn(20, 1)
    many = CostNet(2, 1, NetConfig([5, 4], members=3))
    one = CostNet(2, 1, NetConfig([5, 4]))
    one.load_state_dict(
        {key: value[1:2].clone() if value.dim() == 3 else value for key, value in many.state_dict().items()}
    )
    for net in (many, one):
        objective = ObjectiveByHand(net, LossConfig())
        optimizer = torch.optim.Adam(objective.parameters(), lr=0.01, eps=1e-12)
        for _ in range(20):
            optimizer.zero_grad()
            objective(x, y)["loss"].backward()
            optimizer.step()
    with torch.no_grad():
        scores = many.scores(x.expand(3, -1, -1))[1], one.scores(x.expand(1, -1, -1))[0]
    torch.testing.assert_close(*scores, rtol=1e-3, atol=1e-3)


def test_running_without_python_gives_the_same_bits_for_every_shape_and_loss() -> None:
    torch.manual_seed(4)
    net = CostNet(2, 1, NetConfig([5, 4])).double()
    objective = ObjectiveByHand(net, LossConfig(Recon.tukey, recon_start_epoch=1), direct=True)
    for step in range(8):
        objective.epoch = step % 2
        n = 20 + step // 4
        x, y, weight = torch.randn(n, 2).double(), torch.randn(n, 1).double(), torch.rand(n, 1).double()
        found = objective.gradient(x, y, weight)
        plain = objective._computed(objective.config.at(step % 2), objective.theta.detach(), x, y, weight)
        assert torch.equal(found[0], plain[0])
        assert torch.equal(found[1], plain[1])
        with torch.no_grad():
            objective.theta.add_(torch.randn_like(objective.theta), alpha=0.1)
