"""The ONNX standard's own test cases for single nodes, as the native engine can be asked: float32 at both ends."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

# The modules of onnx.backend.test.case.node: importing one makes its operator's cases.
MODULES = (
    "abs acos acosh add and_ asin asinh atan atanh averagepool batch_normalization cast ceil celu clip concat "
    "constant constantofshape conv cos cosh div dropout elu equal erf exp expand flatten floor gather gelu gemm "
    "globalaveragepool globalmaxpool greater greater_or_equal gru hardsigmoid hardswish identity "
    "instance_normalization isnan layernormalization leakyrelu less less_or_equal log logsoftmax lstm matmul max "
    "maxpool min mish mul neg not_ or_ pad pow prelu reciprocal reduce_log_sum_exp reducel1 reducel2 reducemax "
    "reducemean reducemin reducesum reducesumsquare relu reshape round selu shape sigmoid sign sin sinh slice "
    "softmax softplus softsign split sqrt squeeze sub tan tanh transpose unsqueeze where "
)

FIRST_OUTPUT = ("Dropout", "LayerNormalization")  # whose other outputs serve training


@dataclass(frozen=True)
class Case:
    """A graph of one node, with every input's value and the outputs the standard expects."""

    name: str
    model: onnx.ModelProto
    inputs: list[NDArray[Any]]
    outputs: list[NDArray[Any]]

    def variants(self) -> Iterator[tuple[onnx.ModelProto, list[NDArray[np.float32]]]]:
        """Yield the graph with all float inputs fed, then with the first fed and the others constant."""
        fed = [i for i, v in enumerate(self.inputs) if v.dtype in (np.float32, np.bool_)]
        yield self._feed(fed), [self.inputs[i].astype(np.float32) for i in fed]
        if len(fed) > 1:
            yield self._feed(fed[:1]), [self.inputs[fed[0]].astype(np.float32)]

    def _feed(self, fed: Sequence[int]) -> onnx.ModelProto:
        model = onnx.ModelProto()
        model.CopyFrom(self.model)
        graph = model.graph
        values = list(graph.input)
        del graph.input[:]
        for i, (value, array) in enumerate(zip(values, self.inputs, strict=True)):
            if i in fed:
                graph.input.append(helper.make_tensor_value_info(value.name, TensorProto.FLOAT, array.shape))
            else:
                graph.initializer.append(numpy_helper.from_array(array, value.name))
        return model


def cases() -> list[Case]:
    """Return the cases whose data are float32 (or truths) at both ends; shapes and axes may be int64."""
    for module in MODULES.split():
        importlib.import_module(f"onnx.backend.test.case.node.{module}")
    node = importlib.import_module("onnx.backend.test.case.node")
    found = []
    for made in node._NodeTestCases:
        if "_expanded" in made.name:
            continue
        ((inputs, outputs),) = made.data_sets
        if made.model.graph.node[0].op_type in FIRST_OUTPUT:
            outputs = outputs[:1]
            del made.model.graph.output[1:], made.model.graph.node[0].output[1:]
        _raise_opset(made.model)
        arrays = all(isinstance(v, np.ndarray) for v in [*inputs, *outputs])
        if arrays and _floats(inputs, (np.int64, np.int32)) and _floats(outputs, ()) and len(inputs):
            found.append(Case(made.name, made.model, list(inputs), list(outputs)))
    return found


def _raise_opset(model: onnx.ModelProto) -> None:
    """State opset 13, the oldest the engine reads, for a node that is the same in it."""
    (opset,) = model.opset_import
    op = model.graph.node[0].op_type
    if opset.version < 13 and onnx.defs.get_schema(op, 13).since_version == opset.version:
        opset.version = 13


def _floats(values: Sequence[NDArray[Any]], others: tuple[type, ...]) -> bool:
    kinds = [v.dtype for v in values]
    some = any(kind in (np.float32, np.bool_) for kind in kinds)
    return some and all(
        kind in (np.float32, np.bool_, *others) and v.size for kind, v in zip(kinds, values, strict=True)
    )
