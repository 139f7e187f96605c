"""ONNX files of the shapes that people's exporters write become folders whose answers are the file's."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from policies import (
    DEFAULT,
    JOINTS,
    SCALE,
    ActorCritic,
    GruWalker,
    LstmWalker,
    sklearn_regressor,
    write_onnx,
)

from learn_rt.export.import_cli import main
from learn_rt.spec import Kind, Major, Order, Spec


def run(*arguments: object) -> int:
    return main([str(a) for a in arguments])


def imported(folder: Path, model: str, spec: str, samples: str, out: Path) -> tuple[Path, Spec]:
    assert run(folder / model, "--spec", folder / spec, "--samples", folder / samples, "--out", out) == 0
    (version,) = out.glob("*/1")
    return version, Spec.from_json((version / "spec.json").read_text())


def ort(path: Path, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, feeds)


def test_an_rsl_rl_mlp_tells_its_signals_by_its_metadata(walker, tmp_path):
    version, spec = imported(walker, "walk.onnx", "spec.yaml", "recording.npz", tmp_path)
    assert spec.kind is Kind.POINTWISE
    inputs = {s.name: s for s in spec.inputs}
    assert [s.history for s in spec.inputs] == [3, 3, 1, 3, 3, 3]
    assert {(s.major, s.order) for s in spec.inputs if s.history > 1} == {(Major.TERM, Order.OLDEST)}
    assert inputs["joint_pos"].elements == JOINTS
    assert inputs["joint_pos"].offset == DEFAULT
    assert inputs["command"].shape == (3,)  # what the other terms leave of the graph's input
    assert (inputs["actions"].feedback_of, inputs["actions"].scale) == ("joint_pos_target", SCALE)
    (target,) = spec.outputs
    assert (target.name, target.elements, target.scale, target.offset) == ("joint_pos_target", JOINTS, SCALE, DEFAULT)
    assert spec.provenance["import"]["metadata"]["joint_stiffness"] == [20.0] * 4
    x = np.random.default_rng(5).normal(size=(4, spec.n_features)).astype(np.float32)
    for row in x:
        (theirs,) = ort(walker / "walk.onnx", {"obs": row[None]})
        np.testing.assert_allclose(ort(version / "model.onnx", {"x": row[None]})[0], theirs, rtol=0, atol=2e-6)
    assert ort(version / "model.onnx", {"x": x})[0].shape == (4, 4)  # written for a batch of one, takes any


@pytest.mark.parametrize(("net", "states"), [(LstmWalker, ["h", "c"]), (GruWalker, ["h"])])
def test_recurrent_policies_carry_their_states_batch_first(net, states, plain):
    zeros = [torch.zeros(2 if net is LstmWalker else 1, 1, 12) for _ in states]
    names = [f"{s}_in" for s in states]
    after = [f"{s}_out" for s in states]
    write_onnx(net(10), plain / "p.onnx", [torch.zeros(1, 10), *zeros], ["obs", *names], ["actions", *after])
    version, spec = imported(plain, "p.onnx", "plain.yaml", "x.npz", plain / "models")
    assert spec.kind is Kind.STATEFUL
    assert [s.name for s in spec.states] == states
    assert {s.shape for s in spec.states} == {(len(zeros[0]), 12)}
    theirs = {name: z.numpy() for name, z in zip(names, zeros, strict=True)}
    ours = {f"state.{s.name}": np.zeros((1, *s.shape), np.float32) for s in spec.states}
    for row in np.random.default_rng(6).normal(size=(20, 1, 10)).astype(np.float32):
        want, *following = ort(plain / "p.onnx", {"obs": row, **theirs})
        got, *next_states = ort(version / "step.onnx", {"x": row, **ours})
        np.testing.assert_allclose(got, want, rtol=0, atol=1e-6)
        theirs = dict(zip(names, following, strict=True))
        ours = dict(zip(ours, next_states, strict=True))


def test_states_of_other_names_are_paired_by_order_and_said(plain, capsys):
    zero = torch.zeros(1, 1, 12)
    write_onnx(GruWalker(10), plain / "p.onnx", [torch.zeros(1, 10), zero], ["obs", "memory"], ["actions", "m"])
    _, spec = imported(plain, "p.onnx", "plain.yaml", "x.npz", plain / "models")
    assert [s.name for s in spec.states] == ["memory"]
    assert "state memory becomes m, by their order" in capsys.readouterr().err


def test_states_are_paired_as_the_spec_file_says(plain):
    zeros = [torch.zeros(2, 1, 12)] * 2
    inputs, outputs = ["obs", "a", "b"], ["actions", "second", "first"]
    write_onnx(LstmWalker(10), plain / "p.onnx", [torch.zeros(1, 10), *zeros], inputs, outputs)
    with (plain / "plain.yaml").open("a") as file:
        file.write("states:\n- {name: h, in: a, out: second}\n- {name: c, in: b, out: first}\n")
    _, spec = imported(plain, "p.onnx", "plain.yaml", "x.npz", plain / "models")
    assert [s.name for s in spec.states] == ["h", "c"]


def test_of_a_stable_baselines_policy_the_actions_are_taken(plain, capsys):
    outputs = ["actions", "values", "log_prob"]
    write_onnx(ActorCritic(10), plain / "p.onnx", [torch.zeros(1, 10)], ["input"], outputs, opset=17)
    assert run(plain / "p.onnx", "--spec", plain / "plain.yaml", "--samples", plain / "x.npz") == 1
    assert "graph_outputs, which of the graph's outputs are the answer (actions, values" in capsys.readouterr().err
    with (plain / "plain.yaml").open("a") as file:
        file.write("graph_outputs: [actions]\n")
    version, _ = imported(plain, "p.onnx", "plain.yaml", "x.npz", plain / "models")
    x = np.random.default_rng(7).normal(size=(1, 10)).astype(np.float32)
    want = ort(plain / "p.onnx", {"input": x})[0]
    np.testing.assert_allclose(ort(version / "model.onnx", {"x": x})[0], want, rtol=0, atol=1e-6)
    model = onnx.load(version / "model.onnx")
    assert [n.op_type for n in model.graph.node if n.op_type in ("Gemm", "Tanh")] == ["Gemm", "Tanh"] * 2 + ["Gemm"]


def test_a_scikit_learn_pipeline_is_written_with_onnx_s_own_operators(plain):
    sklearn_regressor(plain / "p.onnx", 10)
    (plain / "plain.yaml").write_text((plain / "plain.yaml").read_text().replace("shape: 4", "shape: 1"))
    version, _ = imported(plain, "p.onnx", "plain.yaml", "x.npz", plain / "models")
    x = np.random.default_rng(8).normal(size=(5, 10)).astype(np.float32)
    (want,) = ort(plain / "p.onnx", {"float_input": x})
    np.testing.assert_allclose(ort(version / "model.onnx", {"x": x})[0], want, rtol=0, atol=2e-6)
    assert {n.domain for n in onnx.load(version / "model.onnx").graph.node} == {""}


def test_several_inputs_and_outputs_become_one_sample_and_one_answer(plain):
    class Two(torch.nn.Module):
        def forward(self, a, b):
            return a * 2, (b.sum((1, 2)) + a[:, 0])

    example = [torch.zeros(1, 4), torch.zeros(1, 2, 3)]
    write_onnx(Two(), plain / "p.onnx", example, ["a", "b"], ["twice", "sum"])
    rows = "inputs:\n- {name: a, unit: m, shape: 4}\n- {name: b, unit: m, shape: [2, 3]}\noutputs:\n"
    rows += "- {name: sum, unit: m}\n- {name: twice, unit: m, shape: 4}\ngraph_outputs: [sum, twice]\n"
    (plain / "plain.yaml").write_text("dt_s: 0.1\n" + rows)
    version, _ = imported(plain, "p.onnx", "plain.yaml", "x.npz", plain / "models")
    x = np.arange(20, dtype=np.float32).reshape(2, 10)
    want = np.concatenate([(x[:, 4:].sum(1) + x[:, 0])[:, None], 2 * x[:, :4]], 1)
    np.testing.assert_allclose(ort(version / "model.onnx", {"x": x})[0], want, rtol=1e-6)


def test_windows_go_in_whole(plain):
    class Mean(torch.nn.Module):
        def forward(self, x):
            return x.mean(1)[:, :4]

    write_onnx(Mean(), plain / "p.onnx", [torch.zeros(1, 6, 10)], ["x"], ["y"])
    _, spec = imported(plain, "p.onnx", "plain.yaml", "x.npz", plain / "models")
    assert (spec.kind, spec.window) == (Kind.WINDOW, 6)


def test_the_same_import_again_is_the_same_version(plain, capsys):
    write_onnx(ActorCritic(10).policy, plain / "p.onnx", [torch.zeros(1, 10)], ["input"], ["u"])
    arguments = [plain / "p.onnx", "--spec", plain / "plain.yaml", "--samples", plain / "x.npz", "--out", plain / "m"]
    assert run(*arguments) == run(*arguments, "--json") == 0
    report = json.loads(capsys.readouterr().out.partition("{")[2].join(["{", ""]))
    assert (report["version"], report["added"]) == (1, [])
    model = onnx.load(plain / "p.onnx")
    relu = next(n for n in model.graph.node if n.op_type == "Tanh")
    relu.op_type = "Sigmoid"  # the same weights, another function
    onnx.save(model, plain / "p.onnx")
    assert run(*arguments) == 0
    assert (plain / "m" / "p" / "2").is_dir()


def test_the_draft_is_a_spec_file_to_fill_in(walker, tmp_path, capsys):
    assert run(walker / "walk.onnx", "--draft") == 0
    printed = capsys.readouterr()
    assert "to fill in: dt_s, the seconds of a tick; the unit of command" in printed.err
    filled = printed.out.replace("dt_s: '?'", "dt_s: 0.02").replace("unit: '?'", "unit: m/s")
    (tmp_path / "spec.yaml").write_text(filled)
    samples = ["--samples", walker / "recording.npz", "--out", tmp_path]
    assert run(walker / "walk.onnx", "--spec", tmp_path / "spec.yaml", *samples) == 0
    assert run(walker / "walk.onnx", "--spec", walker / "spec.yaml", *samples) == 0
    assert not (tmp_path / "walk" / "2").exists()  # both are one spec


def test_everything_that_is_missing_is_said_at_once(walker, capsys):
    assert run(walker / "walk.onnx") == 1
    err = capsys.readouterr().err.strip()
    assert err.splitlines()[-1].startswith(
        "learn-import: missing: dt_s, the seconds of a tick; the unit of command; --sam"
    )
    assert len(err.splitlines()) == 1


def test_float64_at_the_edges_is_cast(plain):
    x, y = (
        onnx.helper.make_tensor_value_info(n, onnx.TensorProto.DOUBLE, ["batch", k]) for n, k in (("a", 10), ("b", 4))
    )
    weight = onnx.numpy_helper.from_array(np.random.default_rng(3).normal(size=(10, 4)), "w")
    node = onnx.helper.make_node("MatMul", ["a", "w"], ["b"])
    graph = onnx.helper.make_graph([node], "g", [x], [y], [weight])
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)]), plain / "p.onnx")
    version, _ = imported(plain, "p.onnx", "plain.yaml", "x.npz", plain / "models")
    rows = np.random.default_rng(8).normal(size=(3, 10)).astype(np.float32)
    (got,) = ort(version / "model.onnx", {"x": rows})
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, rows @ onnx.numpy_helper.to_array(weight), rtol=0, atol=1e-5)
