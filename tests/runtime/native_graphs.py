"""Any ONNX graph of floats on the native engine: wrapped as a pointwise model whose sample is all inputs, flat."""

from __future__ import annotations

import hashlib
import math
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import onnx.compose
from numpy.typing import NDArray
from onnx import TensorProto, helper

from learn_rt.runtime import Model, load
from learn_rt.spec import MAX_SIGNALS, Kind, Signal, Spec

Floats = NDArray[np.float32]
Numbers = NDArray[np.floating]


def flatten(model: onnx.ModelProto, shapes: Sequence[tuple[int, ...]], sizes: Sequence[int]) -> onnx.ModelProto:
    """Return the graph with one input `x` [1, all inputs' elements] and one output `y` [1, all outputs' elements].

    A graph without inputs gets an `x` of one element that nothing reads.
    """
    graph = onnx.compose.add_prefix_graph(model.graph, "g.")  # its own `x` and `y` are not ours
    opset = next(o.version for o in model.opset_import if o.domain == "")
    constants = {"flat.batch": [1, -1], "flat.axis": [1]}
    before: list[onnx.NodeProto] = []
    at = 0
    for i, (value, shape) in enumerate(zip(graph.input, shapes, strict=True)):
        n = math.prod(shape)
        constants |= {f"flat.start{i}": [at], f"flat.end{i}": [at + n], f"flat.shape{i}": list(shape)}
        cut = [f"flat.start{i}", f"flat.end{i}", "flat.axis"]
        to = value.type.tensor_type.elem_type
        before.append(helper.make_node("Slice", ["x", *cut], [f"flat.part{i}"]))
        before.append(helper.make_node("Reshape", [f"flat.part{i}", f"flat.shape{i}"], [f"flat.value{i}"]))
        before.append(helper.make_node("Cast", [f"flat.value{i}"], [value.name], to=to))
        at += n
    parts = [f"flat.result{i}" for i in range(len(graph.output))]
    after = [helper.make_node("Reshape", [o.name, "flat.batch"], [p]) for o, p in zip(graph.output, parts, strict=True)]
    after.append(helper.make_node("Concat", parts, ["y"], axis=1))
    nodes = [*before, *graph.node, *after]
    initializers = [helper.make_tensor(k, TensorProto.INT64, [len(v)], v) for k, v in constants.items()]
    made = helper.make_graph(
        nodes,
        "flat",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, max(1, at)])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, sum(sizes)])],
        [*graph.initializer, *initializers],
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def load_graph(model: onnx.ModelProto, x: Floats, y: Floats, tolerance: float = 1e30) -> Model:
    """Return a graph of `x` [1, n] and `y` [1, m] on the native engine, `x` and `y` (m,) its golden sample."""
    spec = Spec("graph", Kind.POINTWISE, 0.01, _signals("x", x.size), _signals("y", y.size), tolerance=tolerance)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "model.onnx").write_bytes(model.SerializeToString())
        (folder / "spec.json").write_text(spec.to_json())
        np.savez(folder / "golden.npz", x=x.reshape(1, -1).astype(np.float32), y=y.reshape(1, -1).astype(np.float64))
        sums = [f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.name}\n" for p in sorted(folder.iterdir())]
        (folder / "SHA256SUMS").write_text("".join(sums))
        return load(folder, "native")


def _signals(name: str, n: int) -> tuple[Signal, ...]:
    """Return as many signals as n elements take."""
    return tuple(Signal(f"{name}{at}", "1", (min(MAX_SIGNALS, n - at),)) for at in range(0, n, MAX_SIGNALS))


def run_native(model: onnx.ModelProto, inputs: Sequence[Floats], outputs: Sequence[Numbers]) -> list[Floats]:
    """Return what the native engine answers, in the outputs' shapes.

    Raises: RuntimeError: the native engine does not run it.
    """
    x = np.concatenate([np.ravel(v) for v in inputs] or [np.zeros(1)]).astype(np.float32)
    y = np.concatenate([np.ravel(v) for v in outputs])
    flat = flatten(model, [v.shape for v in inputs], [v.size for v in outputs])
    answer = load_graph(flat, x, np.where(np.isfinite(y), y, 0.0)).infer(x[None])[0]
    parts = np.split(answer, np.cumsum([v.size for v in outputs])[:-1])
    return [part.reshape(v.shape) for part, v in zip(parts, outputs, strict=True)]
