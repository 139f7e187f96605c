"""The empty model: a real one's shapes and contract, and no work."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

from learn_rt.export import export_empty
from learn_rt.spec import Kind, Signal, Spec


@pytest.mark.parametrize(
    ("kind", "n_outputs"), [(Kind.WINDOW, 2), (Kind.POINTWISE, 5), (Kind.POINTWISE, 7)], ids=["copies", "all", "zeros"]
)
def test_the_answer_is_the_newest_sample_and_zeros_where_it_is_too_short(trained, tmp_path, kind, n_outputs):
    outputs = tuple(Signal(f"y{i}", "mm") for i in range(n_outputs))
    timing = {} if kind is Kind.WINDOW else {"window": 1, "preview": 0, "states": ()}
    like = replace(trained.spec, kind=kind, outputs=outputs, **timing)
    folder = export_empty(like, tmp_path, "empty")
    spec = Spec.from_json((folder / "spec.json").read_bytes())
    assert spec.contract_hash == like.contract_hash
    shape = (3, spec.window, 5) if kind is Kind.WINDOW else (3, 5)
    x = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    newest = x[:, -1] if kind is Kind.WINDOW else x
    expected = np.pad(newest, ((0, 0), (0, max(0, n_outputs - 5))))[:, :n_outputs]
    assert not (folder / "step.onnx").exists()
    (y,) = ReferenceEvaluator(str(folder / "model.onnx")).run(["y"], {"x": x})
    np.testing.assert_array_equal(y, expected)
    nodes = onnx.load(folder / "model.onnx").graph.node
    assert {node.op_type for node in nodes} <= {"Gather", "Slice", "Pad", "Identity"}


def test_an_empty_rollout_answers_the_newest_state_at_every_step(tmp_path):
    row = (Signal("a", "mm", feedback_of="a"), Signal("b", "mm", feedback_of="b"), Signal("push", "N"))
    like = Spec("ahead", Kind.ROLLOUT, 0.01, row, (Signal("a", "mm"), Signal("b", "mm")), window=3, horizon=4)
    folder = export_empty(like, tmp_path, "empty")
    spec = Spec.from_json((folder / "spec.json").read_bytes())
    assert spec.contract_hash == like.contract_hash
    rng = np.random.default_rng(1)
    x, actions = (rng.normal(size=shape).astype(np.float32) for shape in ((2, 3, 3), (2, 4, 1)))
    (y,) = ReferenceEvaluator(str(folder / "model.onnx")).run(["y"], {"x": x, "actions": actions})
    np.testing.assert_array_equal(y, np.repeat(x[:, -1:, :2], 4, axis=1))


def test_an_empty_stateful_model_answers_its_sample_and_has_a_state(tmp_path):
    like = Spec("carried", Kind.STATEFUL, 0.01, (Signal("a", "mm"), Signal("b", "mm")), (Signal("y", "mm"),))
    folder = export_empty(like, tmp_path, "empty")
    x = np.array([[2.0, 3.0]], np.float32)
    step = ReferenceEvaluator(str(folder / "step.onnx"))
    y, last = step.run(["y", "state.last.next"], {"x": x, "state.last": np.zeros((1, 1), np.float32)})
    np.testing.assert_array_equal([y, last], [[[2.0]], [[2.0]]])
