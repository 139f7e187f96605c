"""What an arm is fed, and what it must answer, on models whose answers are known in closed form."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from learn_rt.benchmarks.latency.streams import Stream, Unmeasurable, empty_stream, make_stream, windows_ending_at_each
from learn_rt.spec import Kind, Scope, Signal, Spec, State

WINDOW = 4


def spec(**changes: object) -> Spec:
    """A windowed model of two inputs and one output."""
    body: dict[str, object] = {"name": "sum", "kind": Kind.WINDOW, "dt_s": 0.01, "window": WINDOW, "tolerance": 1e-5}
    inputs = (Signal("a", "mm"), Signal("b", "mm"))
    return Spec(**(body | {"inputs": inputs, "outputs": (Signal("y", "mm"),)} | changes))  # type: ignore[arg-type]


def write_sum(folder: Path, golden_error: float = 0.0) -> np.ndarray:
    """Write a model whose answer is the sum over the window, and golden windows; return the windows."""
    folder.mkdir(parents=True, exist_ok=True)
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", WINDOW, 2])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 1])
    axes = helper.make_tensor("axes", TensorProto.INT64, [1], [1])
    shape = helper.make_tensor("shape", TensorProto.INT64, [2], [-1, 1])
    nodes = [
        helper.make_node("Reshape", ["x", "flat"], ["rows"]),
        helper.make_node("ReduceSum", ["rows", "axes"], ["sum"]),
        helper.make_node("Reshape", ["sum", "shape"], ["y"]),
    ]
    flat = helper.make_tensor("flat", TensorProto.INT64, [2], [-1, WINDOW * 2])
    graph = helper.make_graph(nodes, "sum", [x], [y], [axes, shape, flat])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.save(model, folder / "model.onnx")
    windows = np.random.default_rng(0).normal(size=(5, WINDOW, 2)).astype(np.float32)
    windows[2] *= 10  # the liveliest
    np.savez(folder / "golden.npz", x=windows, y=windows.sum((1, 2), dtype=float)[:, None] + golden_error)
    return windows


def test_a_window_is_played_forth_and_back_and_each_answer_is_of_the_window_that_ends_there(tmp_path: Path) -> None:
    liveliest = write_sum(tmp_path)[2]
    stream = make_stream(tmp_path, spec())
    np.testing.assert_array_equal(stream.samples, [*liveliest, liveliest[2], liveliest[1]])
    np.testing.assert_allclose(stream.answers[WINDOW - 1], [liveliest.sum()], rtol=1e-5)
    # The stream repeats, so the window at its first sample reaches back over its end.
    np.testing.assert_allclose(stream.answers[0], [liveliest[[3, 2, 1, 0]].sum()], rtol=1e-5)


def test_golden_samples_that_model_onnx_does_not_reproduce_are_an_error(tmp_path: Path) -> None:
    write_sum(tmp_path, golden_error=1e-3)
    with pytest.raises(ValueError, match=r"away from golden\.npz"):
        make_stream(tmp_path, spec())


@pytest.mark.parametrize(("kind", "file"), [(Kind.WINDOW, "model.onnx"), (Kind.STATEFUL, "step.onnx")])
def test_a_model_without_the_graph_that_its_answers_are_compared_with_is_told_apart(kind: Kind, file: str) -> None:
    with pytest.raises(Unmeasurable, match=f"holds no {file}"):
        make_stream(Path("nowhere"), spec(kind=kind, **({} if kind is Kind.WINDOW else {"window": 1})))


def write_leaky(folder: Path, keep: float) -> np.ndarray:
    """Write a step graph y = s' = keep s + a + b, and golden sequences; return them."""

    def value(name: str, n: int) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", n])

    constants = [
        helper.make_tensor("keep", TensorProto.FLOAT, [1], [keep]),
        helper.make_tensor("ones", TensorProto.FLOAT, [2, 1], [1, 1]),
    ]
    nodes = [
        helper.make_node("Mul", ["state.s", "keep"], ["kept"]),
        helper.make_node("MatMul", ["x", "ones"], ["sum"]),
        helper.make_node("Add", ["kept", "sum"], ["y"]),
        helper.make_node("Identity", ["y"], ["state.s.next"]),
    ]
    inputs, outputs = [value("x", 2), value("state.s", 1)], [value("y", 1), value("state.s.next", 1)]
    graph = helper.make_graph(nodes, "leaky", inputs, outputs, constants)
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), folder / "step.onnx"
    )
    x = np.random.default_rng(0).normal(size=(3, 6, 2)).astype(np.float32)
    x[1] *= 10  # the liveliest
    y = [keep ** np.arange(6)[::-1] @ row.sum(1, dtype=float) for row in x]
    np.savez(folder / "golden.npz", x=x, y=np.array(y)[:, None])
    return x


def test_a_carried_streams_answers_come_once_until_the_start_is_forgotten_and_repeat_from_then_on(
    tmp_path: Path,
) -> None:
    keep, forgetting = 0.5, 24
    liveliest = write_leaky(tmp_path, keep)[1]
    state = (State("s", (1,), Scope.STREAM),)
    stream = make_stream(tmp_path, spec(kind=Kind.STATEFUL, window=1, states=state, forgetting=forgetting))
    np.testing.assert_array_equal(stream.samples, [*liveliest, *liveliest[-2:0:-1]])
    period, lead = len(stream.samples), len(stream.answers) - len(stream.samples)
    assert lead % period == 0
    assert lead >= forgetting
    s, expected = 0.0, []
    for sample in np.tile(stream.samples, (1 + lead // period, 1)):
        s = keep * s + float(sample.sum(dtype=float))
        expected.append([s])
    np.testing.assert_allclose(stream.answers, expected, atol=1e-4)
    np.testing.assert_allclose(stream.answers[-period:], stream.answers[-2 * period : -period], atol=1e-5)


def test_a_pointwise_stream_has_no_windows() -> None:
    samples = np.zeros((7, 2), np.float32)
    assert windows_ending_at_each(samples, spec(kind=Kind.POINTWISE, window=1)).shape == (7, 2)


@pytest.mark.parametrize(("n_outputs", "expected"), [(1, [[1], [4]]), (3, [[1, 2, 0], [4, 5, 0]])])
def test_the_empty_model_answers_the_newest_samples_first_values(n_outputs: int, expected: list[list[float]]) -> None:
    samples = np.array([[1, 2], [4, 5]], np.float32)
    stream = Stream(samples, np.full((2, n_outputs), 9, np.float32), 0.1)
    np.testing.assert_array_equal(empty_stream(stream).answers, expected)
    assert empty_stream(stream).tolerance == 0.0
