"""What is written for a rollout, and when nothing is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from rollout_net import N_STATES, Cart, cart_rows, cart_spec
from rollout_oracle import oracle
from torch import Tensor

from learn_rt.export import export
from learn_rt.export.bake import in_float64
from learn_rt.export.golden import read_golden
from learn_rt.export.parity import growth, truth
from learn_rt.export.unroll import unroll
from learn_rt.spec import Spec

SPEC = cart_spec()
ROWS = cart_rows(30, SPEC.window + SPEC.horizon - 1)


def test_model_onnx_answers_a_horizon_for_any_batch(cart_version: Path) -> None:
    session = onnxruntime.InferenceSession(cart_version / "model.onnx", providers=["CPUExecutionProvider"])
    assert {i.name: i.shape for i in session.get_inputs()} == {"x": ["batch", 6, 4], "actions": ["batch", 4, 1]}
    tolerance = Spec.from_json((cart_version / "spec.json").read_bytes()).tolerance
    for batch in (1, 5):
        windows, actions = ROWS[:batch, : SPEC.window], ROWS[:batch, SPEC.window - 1 :, N_STATES:]
        answers = session.run(["y"], {"x": windows, "actions": actions})[0]
        assert answers.shape == (batch, 4, 3)
        for k in range(batch):
            want = oracle(Cart(), windows[k, :-1], windows[k, -1, :N_STATES], actions[k : k + 1])
            assert np.abs(answers[k] - want[0]).max() <= tolerance


def test_model_onnx_holds_each_weight_once_however_long_the_horizon(cart_version: Path) -> None:
    graph = onnx.load(cart_version / "model.onnx").graph
    weights = [t for t in graph.initializer if t.data_type == onnx.TensorProto.FLOAT and len(t.dims) > 1]
    assert len({t.raw_data for t in weights}) == len(weights) > 0
    assert sum(node.op_type == "Concat" and node.name == "unroll.y" for node in graph.node) == 1
    assert len(next(node for node in graph.node if node.name == "unroll.y").input) == SPEC.horizon


def test_a_step_that_branches_cannot_be_written_out(cart_version: Path) -> None:
    graph = onnx.load(cart_version / "model.onnx")
    branch = onnx.helper.make_graph([], "branch", [], [])
    graph.graph.node.append(onnx.helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch))
    with pytest.raises(ValueError, match="must not branch or loop"):
        unroll(graph, SPEC)


def test_step_onnx_answers_the_next_absolute_state(cart_version: Path) -> None:
    graph = onnx.load(cart_version / "step.onnx").graph
    assert [i.name for i in graph.input] == ["x", "state.origin", "state.started", "state.h"]
    assert [o.name for o in graph.output] == ["y", "state.origin.next", "state.started.next", "state.h.next"]


def test_golden_samples_and_the_configuration_have_both_inputs(cart_version: Path) -> None:
    x, y = read_golden(cart_version / "golden.npz")
    with np.load(cart_version / "golden.npz", allow_pickle=False) as golden:
        actions = golden["actions"]
    assert (x.shape[1:], actions.shape[1:], y.shape[1:]) == ((6, 4), (4, 1), (4, 3))
    assert (x[:, -1, N_STATES:] == actions[:, 0]).all()
    config = (cart_version.parent / "config.pbtxt").read_text()
    for line in (
        'input [ { name: "x" data_type: TYPE_FP32 dims: [ 6, 4 ] } ]',
        'input [ { name: "actions" data_type: TYPE_FP32 dims: [ 4, 1 ] } ]',
        'output [ { name: "y" data_type: TYPE_FP32 dims: [ 4, 3 ] } ]',
    ):
        assert line in config


def test_the_spec_keeps_what_comes_back(cart_version: Path) -> None:
    body = json.loads((cart_version / "spec.json").read_text())
    assert [s["feedback_of"] for s in body["inputs"]] == ["place", "angle", "speed", None]
    assert [s["name"] for s in body["states"]] == ["origin", "started", "h"]


class Doubling(Cart):
    """Every step multiplies the state."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor, actions: Tensor) -> Tensor:  # type: ignore[override]
        return torch.stack([x[:, -1, :N_STATES] * self.factor ** (k + 1) for k in range(actions.shape[1])], 1)

    def step(self, x: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        return (x[:, :N_STATES] * self.factor, *states)


class Folding(Doubling):
    """Answers that stay within one, whatever the factor, and tell a change of the state by its powers."""

    def forward(self, x: Tensor, actions: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(x, actions).sin()

    def step(self, x: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        return ((x[:, :N_STATES] * self.factor).sin(), *states)


@pytest.mark.parametrize("factor", [1.0, 2.0])
def test_the_tolerance_grows_as_what_float32_loses_of_a_state_does(factor: float) -> None:
    found = truth(in_float64(Doubling(factor)), ROWS, SPEC)
    lost = 1e-6 * float(np.abs(ROWS[:, :6, :N_STATES]).max())
    assert found.tolerance == pytest.approx(1e-6 * found.scale + lost * factor**SPEC.horizon, rel=0.01)


def test_a_horizon_that_float32_cannot_follow_is_refused(tmp_path: Path) -> None:
    x, actions = torch.from_numpy(ROWS[:, :6]).double(), torch.from_numpy(ROWS[:, 5:, N_STATES:]).double()
    change = torch.full((N_STATES,), 1e-6, dtype=torch.float64)
    assert growth(in_float64(Doubling(4.0)), x, actions, change) == pytest.approx(1e-6 * 4.0**4, rel=1e-3)
    with pytest.raises(ValueError, match=r"what float32 loses of a state grows [0-9]+ times, more than 100"):
        export(Folding(9.0), SPEC, ROWS, tmp_path)
    assert not list(tmp_path.glob("*/[0-9]*"))


def test_held_out_rows_of_another_length_and_a_net_without_steps_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"must have shape \(n, 9, 4\), got \(30, 6, 4\)"):
        export(Cart(), SPEC, ROWS[:, :6], tmp_path)

    class Whole(Cart):
        def states(self) -> tuple:  # type: ignore[type-arg]
            return ()

    with pytest.raises(ValueError, match="a rollout needs step and its states"):
        export(Whole(), SPEC, ROWS, tmp_path)
