"""The ONNX standard's own test cases for single nodes, as the native engine can be asked: floats at both ends."""

from __future__ import annotations

import importlib
import pkgutil
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

TYPES = (np.float32, np.float64, np.bool_, np.int32, np.int64)
OPSETS = (13, 26)

# How a case is asked, the first that the engine runs: what it feeds, and what the graph holds as constants.
AS_GIVEN, FIRST_FED, CONSTANT = "as given", "with all inputs but the first constant", "with constants only"


@dataclass(frozen=True)
class Case:
    """A graph of one node, with every input's value and the outputs the standard expects."""

    name: str
    op: str
    model: onnx.ModelProto
    inputs: list[NDArray[Any]]
    outputs: list[NDArray[Any]]
    refusal: str = ""  # why the engine is not asked at all

    def variants(self) -> Iterator[tuple[str, onnx.ModelProto, list[NDArray[np.float32]]]]:
        """Yield the graph and what it is fed: all inputs that are floats or truths, the first of them, none."""
        fed = [i for i, v in enumerate(self.inputs) if v.dtype in (np.float32, np.float64, np.bool_) and v.size]
        for how, chosen in ((AS_GIVEN, fed), (FIRST_FED, fed[:1]), (CONSTANT, [])):
            if how == CONSTANT or len(chosen) > (how == FIRST_FED and len(fed) < 2):
                yield how, self._feed(chosen), [self.inputs[i].astype(np.float32) for i in chosen]

    def _feed(self, fed: Sequence[int]) -> onnx.ModelProto:
        """Return the graph with these inputs fed as floats, the others constant, and floats at the end."""
        model = onnx.ModelProto()
        model.CopyFrom(self.model)
        graph = model.graph
        values, casts = list(graph.input), []
        del graph.input[:]
        for i, (value, array) in enumerate(zip(values, self.inputs, strict=True)):
            if i not in fed:
                graph.initializer.append(numpy_helper.from_array(array, value.name))
                continue
            kind = TensorProto.DOUBLE if array.dtype == np.float64 else TensorProto.FLOAT
            name = value.name if array.dtype != np.bool_ else f"{value.name}.number"
            graph.input.append(helper.make_tensor_value_info(name, kind, array.shape))
            if name != value.name:
                casts.append(helper.make_node("Cast", [name], [value.name], to=TensorProto.BOOL))
        nodes = [*casts, *graph.node]
        for value, array in zip(graph.output, self.outputs, strict=True):
            if array.dtype != np.float32:
                nodes.append(helper.make_node("Cast", [value.name], [f"{value.name}.number"], to=TensorProto.FLOAT))
                value.name = f"{value.name}.number"
        del graph.node[:]
        graph.node.extend(nodes)
        return model


def cases(operators: Sequence[str]) -> list[Case]:
    """Return the standard's cases of these operators, in their order."""
    node = importlib.import_module("onnx.backend.test.case.node")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy, in what makes the cases
        for module in pkgutil.iter_modules(node.__path__):
            importlib.import_module(f"{node.__name__}.{module.name}")
    found = []
    for made in node._NodeTestCases:
        op = made.model.graph.node[0].op_type
        if op not in operators or made.model.graph.node[0].domain or "_expanded" in made.name:
            continue
        ((inputs, outputs),) = [[_arrays(values) for values in both] for both in made.data_sets]
        _state_opset(made.model)
        name = made.name.removeprefix("test_")
        found.append(Case(name, op, made.model, inputs, outputs, _refusal(made.model, inputs, outputs)))
    return sorted(found, key=lambda case: (operators.index(case.op), case.name))


def _arrays(values: Sequence[Any]) -> list[Any]:
    """Return the values with numpy's scalars as arrays; a sequence or nothing stays."""
    return [np.asarray(v) if isinstance(v, np.generic) else v for v in values]


def _state_opset(model: onnx.ModelProto) -> None:
    """State the nearest opset that the engine reads, for a node that is the same in it but for its types."""
    (opset,) = model.opset_import
    op = model.graph.node[0].op_type
    oldest, newest = OPSETS
    if opset.version < oldest and onnx.defs.get_schema(op, oldest).since_version == opset.version:
        opset.version = oldest
    elif opset.version > newest:
        now, before = onnx.defs.get_schema(op, opset.version), onnx.defs.get_schema(op, newest)
        if sorted(now.attributes) == sorted(before.attributes) and len(now.inputs) == len(before.inputs):
            opset.version = newest


def _refusal(model: onnx.ModelProto, inputs: Sequence[Any], outputs: Sequence[Any]) -> str:
    values = [*inputs, *outputs]
    opset = model.opset_import[0].version
    if not all(isinstance(v, np.ndarray) for v in values):
        return "values that are no tensors"
    if any(v.dtype not in TYPES for v in values):
        return "element types other than float, double, int32, int64 and bool"
    if not OPSETS[0] <= opset <= OPSETS[1]:
        return f"an opset that is not read (the node is another one from opset {OPSETS[0]} on)"
    if any(v.size == 0 for v in outputs):
        return "an answer without elements"
    return ""
