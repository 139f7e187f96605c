"""The dynamics net: whole, by steps and as trained it is one function, and it knows what an angle and a place are."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from learn_rt.train.dynamics.fit import fit_linear, fit_scales
from learn_rt.train.dynamics.layout import Layout
from learn_rt.train.dynamics.model import DynamicsNet, DynamicsNetConfig
from learn_rt.train.dynamics.transforms import resolve, transform
from learn_rt.train.dynamics.unroll import unroll
from learn_rt.train.dynamics.windows import Windows

CART = {"n_positions": 3, "n_velocities": 3, "n_controls": 1, "coordinate_indices": [0], "angle_indices": [1, 2]}
NETS = {
    "cart pole": CART,
    "place last, two layers, two members": CART
    | {"coordinate_indices": [2], "angle_indices": [0, 1], "num_layers": 2, "members": 2},
    "one row": {"n_positions": 2, "n_velocities": 1, "n_controls": 2, "window": 1},
    "without linear path": CART | {"linear": False},
    "gru alone": CART | {"linear": False, "increments": False},
    "own transform": CART | {"transform_fn": "test_dynamics_net:sines"},
}


@transform
def sines(position: Tensor) -> Tensor:
    return torch.sin(position)


def unmarked(position: Tensor) -> Tensor:
    return position


@pytest.fixture(autouse=True)
def _seed(monkeypatch):
    torch.manual_seed(0)
    # pytest imports this file under its own name; a transform's path needs one that import_module finds.
    monkeypatch.setitem(__import__("sys").modules, "test_dynamics_net", __import__("sys").modules[__name__])


def random_net(**config) -> DynamicsNet:
    """Return a net in float64 with random weights and statistics."""
    net = DynamicsNet(DynamicsNetConfig(**({"window": 5, "hidden_size": 6, "head_size": 4} | config))).double().eval()
    with torch.no_grad():
        for value in [*net.parameters(), *net.buffers()]:
            value.add_(0.2 * torch.rand_like(value))
    return net


def rows(net: DynamicsNet, horizon: int = 7) -> tuple[Tensor, Tensor]:
    x = torch.randn(4, net.config.window, net.layout.n_row, dtype=torch.double)
    actions = torch.randn(4, horizon, net.layout.nu, dtype=torch.double)
    return x, torch.cat([x[:, -1:, net.layout.n_state :], actions[:, 1:]], 1)


@pytest.mark.parametrize("name", NETS)
def test_steps_from_zero_states_give_the_whole_functions_first_answer(name):
    net = random_net(**NETS[name])
    x, actions = rows(net)
    states = [torch.zeros(4, *s.shape, dtype=torch.double) for s in net.states()]
    for row in x.unbind(1):
        answer, *states = net.step(row, *states)
    torch.testing.assert_close(answer, net(x, actions)[:, 0], rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("horizon", [1, 3, 12])
def test_training_unrolls_the_same_function(name, horizon):
    net = random_net(**NETS[name])
    x, actions = rows(net, horizon)
    torch.testing.assert_close(unroll(net, x, actions), net(x, actions), rtol=0, atol=1e-10)


def test_a_rollout_does_not_depend_on_where_the_cart_is_nor_on_whole_turns():
    net = random_net(**CART)
    x, actions = rows(net)
    moved = torch.tensor([5.0, 2 * math.pi, -4 * math.pi, 0.0, 0.0, 0.0, 0.0], dtype=torch.double)
    torch.testing.assert_close(net(x + moved, actions), net(x, actions) + moved[:6], rtol=0, atol=1e-9)


def test_an_angle_turns_by_its_pair_whatever_the_pairs_length():
    layout = Layout(2, 2, 1, coordinates=(), angles=(1,))
    state = torch.tensor([[0.3, 2.0, 0.0, 0.0]], dtype=torch.double)
    for length in (0.1, 1.0, 7.0):
        # The closed form: cos' = cos cos_d - sin sin_d, sin' = sin cos_d + cos sin_d.
        c, s = math.cos(1.9), math.sin(1.9)
        delta = torch.tensor([[length * c, length * s, 0.5, 0.0, 0.0]], dtype=torch.double)
        found = layout.moved(state, delta)[0]
        cos, sin = math.cos(2.0) * c - math.sin(2.0) * s, math.sin(2.0) * c + math.cos(2.0) * s
        assert float(torch.cos(found[1])) == pytest.approx(cos, abs=1e-9)
        assert float(torch.sin(found[1])) == pytest.approx(sin, abs=1e-9)
        assert found[[0, 2, 3]].tolist() == [0.8, 0.0, 0.0]


def test_moving_by_a_change_undoes_taking_it():
    layout = Layout(4, 3, 2, coordinates=(2,), angles=(3, 0))
    before, after = torch.randn(2, 50, 7, dtype=torch.double).unbind(0)
    after[:, [0, 3]] = before[:, [0, 3]] + torch.empty(50, 2, dtype=torch.double).uniform_(-3.1, 3.1)
    torch.testing.assert_close(layout.moved(before, layout.change(before, after)), after, rtol=0, atol=1e-9)


def test_half_a_turn_and_a_pair_of_no_length_stay_finite():
    layout = Layout(1, 1, 1, angles=(0,))
    state = torch.zeros(2, 2)
    delta = torch.tensor([[-1.0, 0.0, 0.0], [0.0, 0.0, 0.0]], requires_grad=True)
    moved = layout.moved(state, delta)
    moved.sum().backward()
    assert torch.isfinite(moved).all()
    assert torch.isfinite(delta.grad).all()


def test_an_untrained_net_follows_a_linear_mechanism_exactly():
    # A mass on a spring, driven: what is linear in increments, velocities and controls is found by least squares.
    generator = torch.Generator().manual_seed(3)
    state, lines = torch.zeros(2, dtype=torch.double), []
    for _ in range(800):
        push = torch.randn(1, generator=generator, dtype=torch.double)
        lines.append(torch.cat([state, push]))
        velocity = state[1] + 0.01 * (-0.5 * state[1] + push[0])
        state = torch.stack([state[0] + 0.01 * velocity, velocity])
    train = Windows([torch.stack(lines).numpy()], 5)
    net = DynamicsNet(DynamicsNetConfig(1, 1, 1, [0], [], window=4, hidden_size=4, head_size=4))
    fit_scales(net, train)
    fit_linear(net, train)
    for member in net.members:
        torch.nn.init.zeros_(member.head[3].weight)
    x = train.take(torch.arange(700))
    error = net(x[:, :4], x[:, 3:4, 2:])[:, 0] - x[:, 4, :2]
    change = x[:, 4, :2] - x[:, 3, :2]
    assert (error.std(0) < 0.01 * change.std(0)).all()


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("os.system", "must be module:function"),
        ("no_such_module:f", "cannot import"),
        ("os:system", "not a function marked"),
        ("test_dynamics_net:unmarked", "not a function marked"),
        ("test_dynamics_net:nothing", "not a function marked"),
    ],
)
def test_only_marked_functions_become_transforms(path, message):
    with pytest.raises(ValueError, match=message):
        resolve(path)


@pytest.mark.parametrize(("coordinates", "angles"), [([0], [0]), ([3], []), ([], [-1]), ([1, 1], [])])
def test_indices_that_name_no_position_or_one_twice_are_refused(coordinates, angles):
    with pytest.raises(ValueError, match="distinct and from 0 to 2"):
        DynamicsNet(DynamicsNetConfig(3, 3, 1, coordinates, angles))
