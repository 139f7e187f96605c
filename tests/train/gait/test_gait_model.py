"""The pose net's formula, its loss, and the bound on what float32 costs it."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from learn_rt.train.gait.contract import nominal_pose, pose_spec
from learn_rt.train.gait.model import PoseNet, PoseNetConfig
from learn_rt.train.gait.parameters import Parameters
from learn_rt.train.gait.pose import orthonormal
from learn_rt.train.gait.synthetic import draw_parameters, refined, synthetic_parameters
from learn_rt.train.gait.task import LossConfig, Objective

PARAMETERS = Parameters(("a", "b", "c"), np.array([0.0, -1.0, 0.5]), np.array([2.0, 1.0, 0.75]))


def net(*hidden: int) -> PoseNet:
    torch.manual_seed(0)
    module = PoseNet(PoseNetConfig(list(hidden), len(PARAMETERS)))
    module.normalize(PARAMETERS)
    return module


def samples(n: int) -> torch.Tensor:
    rng = np.random.default_rng(0)
    values = rng.uniform(PARAMETERS.low, PARAMETERS.high, (n, 3))
    return torch.from_numpy(np.column_stack([values, rng.random(n)]).astype(np.float32))


def test_the_net_is_a_perceptron_of_normalised_parameters_sine_and_cosine() -> None:
    module, x = net(8, 6), samples(5)
    a = x.double().numpy()
    h = (a[:, :3] - [0.0, -1.0, 0.5]) / [2.0, 2.0, 0.25]
    h = np.column_stack([h, np.sin(2 * np.pi * a[:, 3]), np.cos(2 * np.pi * a[:, 3])])
    for i, layer in enumerate(module.linear()):
        h = h @ layer.weight.detach().double().numpy().T + layer.bias.detach().double().numpy()
        h = np.maximum(h, 0) if i < 2 else h
    np.testing.assert_allclose(module(x).detach().numpy(), h, atol=2e-6)


def test_weights_begin_as_xavier_says_and_biases_at_zero() -> None:
    for layer in net(512, 512, 512).linear():
        bound = np.sqrt(6.0 / sum(layer.weight.shape))
        assert 0.95 * bound < float(layer.weight.detach().abs().max()) <= bound
        assert not layer.bias.any()
    assert sum(p.numel() for p in PoseNet(PoseNetConfig([512, 512, 512], 279)).parameters()) == 721_509


def test_a_whole_turn_of_phase_makes_no_difference() -> None:
    module, x = net(8), samples(5)
    turned = x.clone()
    turned[:, -1] += 1.0
    torch.testing.assert_close(module(turned), module(x), atol=1e-5, rtol=0)


def test_the_loss_is_five_times_the_mean_of_squared_weighted_errors() -> None:
    module, x = net(8), samples(6)
    target = torch.randn(6, 101)
    error = (module(x) - target).detach().double().numpy()
    error[:, 6:9] *= 2.0
    error[:, 57:] *= 0.5
    assert float(Objective(module, LossConfig())(x, target).detach()) == pytest.approx(
        5 * np.square(error).mean(), rel=1e-5
    )


@pytest.mark.parametrize("hidden", [(16,), (256, 256, 256)])
def test_float32_costs_less_than_the_bound_and_not_much_less(hidden: tuple[int, ...]) -> None:
    module, x = net(*hidden).requires_grad_(False), samples(300)
    for layer in module.linear():
        layer.bias.uniform_(-0.1, 0.1)
    exact = copy.deepcopy(module).double()
    error = (module(x).double() - exact(x.double())).abs().amax(1)
    bound = exact.rounding(x.double())
    assert (error < bound).all()
    assert float(error.max()) > 0.03 * float(bound.max())


def test_the_spec_names_what_goes_in_and_comes_out() -> None:
    parameters = synthetic_parameters()
    motions = refined(draw_parameters(10, np.random.default_rng(0)))
    spec = pose_spec(parameters, motions, 1 / 30, 3.0, {})
    assert [s.name for s in spec.inputs] == [*parameters.names, "phase"]
    assert spec.n_outputs == 101
    stride = spec.inputs[0]
    assert (stride.range_trained, stride.range_valid) == ((0.75, 1.25), (0.25, 1.75))
    # the data itself moves inside the envelope at twice its speed
    change = np.abs(np.diff(motions, axis=1)).max((0, 1)) * 2
    for signal, largest, moved in zip(spec.outputs, np.abs(motions).max((0, 1)), change, strict=True):
        assert signal.envelope is not None
        assert largest < signal.envelope.value
        assert moved < signal.envelope.rate / 30
        assert abs(signal.nominal) < signal.envelope.value
    assert pose_spec(parameters, motions, 1 / 30, 0.0, {}).outputs[0].envelope is None


def test_the_nominal_pose_has_proper_rotations() -> None:
    nominal = nominal_pose(refined(draw_parameters(10, np.random.default_rng(0)))).astype(float)
    for at in (0, 9, 76):
        np.testing.assert_allclose(
            orthonormal(nominal[None, at : at + 6])[0, :2].ravel(), nominal[at : at + 6], atol=1e-6
        )
