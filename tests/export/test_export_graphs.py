"""model.onnx and step.onnx, judged by the standard's reference evaluator, which shares nothing with our replay."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch
from onnx.reference import ReferenceEvaluator
from torch import Tensor, nn

from learn_rt.export import onnx_format
from learn_rt.spec import Kind, Scope, Signal, Spec, State
from learn_rt.train.core.servable import Servable


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_model_onnx_answers_whole_windows_as_torch_does(trained, version, batch):
    windows = trained.held_out[:batch]
    with torch.no_grad():
        expected = trained.module(torch.from_numpy(windows)).numpy()
    (y,) = ReferenceEvaluator(str(version / "model.onnx")).run(["y"], {"x": windows})
    np.testing.assert_allclose(y, expected, rtol=0, atol=1e-6 * np.abs(expected).max())


def test_a_window_of_steps_from_zero_states_gives_model_onnx_wherever_the_window_starts(trained, version):
    path = np.concatenate([trained.held_out[0], trained.held_out[1]])
    spec = Spec.from_json((version / "spec.json").read_bytes())
    model, step = (ReferenceEvaluator(str(version / f)) for f in ("model.onnx", "step.onnx"))
    outputs = ["y", *(f"state.{s.name}.next" for s in spec.states)]
    for start in range(len(path) - spec.window + 1):
        window = path[None, start : start + spec.window]
        states = {f"state.{s.name}": np.zeros((1, *s.shape), np.float32) for s in spec.states}
        for sample in window[0]:
            y, *following = step.run(outputs, {"x": sample[None], **states})
            states = dict(zip(states, following, strict=True))
        (expected,) = model.run(["y"], {"x": window})
        np.testing.assert_allclose(y, expected, rtol=0, atol=1e-6)  # mm, answers of 0.01 to 10


def test_graphs_have_the_documented_names_shapes_and_opset(version):
    def values(entries):
        dims = {v.name: [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim] for v in entries}
        assert all(v.type.tensor_type.elem_type == onnx.TensorProto.FLOAT for v in entries)
        assert all(isinstance(shape[0], str) for shape in dims.values())  # the batch is dynamic
        return {name: shape[1:] for name, shape in dims.items()}

    model, step = onnx.load(version / "model.onnx"), onnx.load(version / "step.onnx")
    assert values(model.graph.input) == {"x": [7, 5]}
    assert values(model.graph.output) == {"y": [2]}
    states = {"tail": [6, 5], "started": [1], "h0": [8], "c0": [8], "h1": [8], "c1": [8]}
    assert values(step.graph.input) == {"x": [5]} | {f"state.{n}": s for n, s in states.items()}
    assert values(step.graph.output) == {"y": [2]} | {f"state.{n}.next": s for n, s in states.items()}
    for graph in (model, step):
        assert [(o.domain, o.version) for o in graph.opset_import] == [("", 20)]


@pytest.mark.parametrize("file", ["model.onnx", "step.onnx"])
def test_a_graph_carries_the_spec_as_its_one_metadata_entry_and_nothing_about_the_machine(version, file):
    model = onnx.load(version / file)
    assert {p.key: p.value for p in model.metadata_props} == {"learn_rt.spec": (version / "spec.json").read_text()}
    content = (version / file).read_bytes()
    assert b"site-packages" not in content
    assert b"stack_trace" not in content
    assert not (version / f"{file}.data").exists()


class GruNet(Servable):
    """A window model whose recurrence is a GRU."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(2, 4, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.gru(x)[0][:, -1, :1]

    def states(self) -> tuple[State, ...]:
        return (State("h", (4,), Scope.LANE),)

    def step(self, x: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        (h,) = states
        out, _ = self.gru(x.unsqueeze(1), h.unsqueeze(0))
        return out[:, 0, :1], out[:, 0]


def test_a_gru_is_written_with_its_reset_after_the_product_and_refused_without(tmp_path):
    torch.manual_seed(0)
    net = GruNet().eval().requires_grad_(False)
    spec = Spec("gru", Kind.WINDOW, 0.01, (Signal("a", "m"), Signal("b", "m")), (Signal("y", "m"),), window=5)
    path = tmp_path / "model.onnx"
    onnx_format.write_model(net, spec, path)
    windows = np.random.default_rng(0).normal(size=(3, 5, 2)).astype(np.float32)
    (y,) = ReferenceEvaluator(str(path)).run(["y"], {"x": windows})
    np.testing.assert_allclose(y, net(torch.from_numpy(windows)).numpy(), rtol=0, atol=1e-6)

    model = onnx.load(path)
    (gru,) = [n for n in model.graph.node if n.op_type == "GRU"]
    kept = [a for a in gru.attribute if a.name != "linear_before_reset"]
    del gru.attribute[:]
    gru.attribute.extend(kept)
    with pytest.raises(RuntimeError, match="linear_before_reset"):
        onnx_format.check_graph(model, ["x"], ["y"])


def test_weights_outside_the_file_are_refused(version):
    model = onnx.load(version / "model.onnx")
    model.graph.initializer[0].data_location = onnx.TensorProto.EXTERNAL
    with pytest.raises((RuntimeError, onnx.checker.ValidationError)):
        onnx_format.check_graph(model, ["x"], ["y"])


def test_the_spec_is_completed_with_states_tolerance_and_versions_and_keeps_its_contract(trained, version):
    spec = Spec.from_json((version / "spec.json").read_bytes())
    assert spec.states == trained.module.states()
    assert spec.contract_hash == trained.spec.contract_hash
    made = spec.provenance["export"]
    assert made["versions"]["torch"] == torch.__version__
    assert made["versions"]["onnx"] == onnx.__version__
    assert spec.provenance["seed"] == trained.spec.provenance["seed"]
    same = replace(spec, states=trained.spec.states, tolerance=None, provenance=trained.spec.provenance)
    assert same == replace(trained.spec, tolerance=None)
    assert json.loads((version / "spec.json").read_text())["tolerance"] == pytest.approx(spec.tolerance, rel=0)
