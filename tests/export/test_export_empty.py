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
