"""The graph as it came, evaluated in float64 by ONNX's own reference: what every written file is judged by."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from torch import Tensor

from learn_rt.export.imports.graph import prune
from learn_rt.export.imports.onnx_file import tensors
from learn_rt.export.imports.roles import Port, Roles
from learn_rt.spec import Kind, Spec, State
from learn_rt.train.core.servable import Servable

Doubles = NDArray[np.float64]
DTYPE_ATTRIBUTES = ("to", "dtype")


class Reference(Servable):
    """The source in float64, as export's other references are: whole, or one step with its states."""

    def __init__(self, source: onnx.ModelProto, roles: Roles, spec: Spec) -> None:
        super().__init__()
        self.roles, self.spec = roles, spec
        self.names = [p.name for p in roles.outputs] + [c.leaves.name for c in roles.states]
        wide = in_double(source, self.names)
        self.fingerprint = hashlib.sha256(wide.SerializeToString(deterministic=True)).hexdigest()
        try:
            self.evaluator = ReferenceEvaluator(wide)
        except Exception as error:  # whatever an operator's own code raises on a graph that is wrong
            raise ValueError(f"ONNX's reference cannot evaluate it: {_first_line(error)}") from None
        self.by_batch: bool | None = None

    def states(self) -> tuple[State, ...]:
        """Return the states, batch first."""
        return tuple(c.state for c in self.roles.states)

    def forward(self, x: Tensor) -> Tensor:
        """Return the answers (batch, n_outputs); of sequences (batch, samples, n_features), their last ones."""
        if self.spec.kind is not Kind.STATEFUL:
            return self.step(x)[0]
        states = [x.new_zeros(len(x), *s.shape) for s in self.states()]
        for sample in x.unbind(1):
            answer, *states = self.step(sample, *states)
        return answer

    def step(self, x: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        """Return (answer, next state, ...) for one sample a row."""
        rows = [x.double().numpy(), *(s.double().numpy() for s in states)]
        if self.by_batch is None:
            self.by_batch = len(x) > 1 and self._any_batch(rows)
        if self.by_batch:
            return tuple(map(torch.from_numpy, self._call(rows)))
        each = [self._call([r[i : i + 1] for r in rows]) for i in range(len(x))]
        return tuple(torch.from_numpy(np.concatenate(parts)) for parts in zip(*each, strict=True))

    def _any_batch(self, rows: list[Doubles]) -> bool:
        """Whether two rows at once give the answers of one at a time; a graph may be written for a batch of one."""
        try:
            both = self._call([r[:2] for r in rows])
        except ValueError:  # shapes that the graph was not written for
            return False
        alone = [self._call([r[i : i + 1] for r in rows]) for i in range(2)]
        joined = [np.concatenate(parts) for parts in zip(*alone, strict=True)]
        pairs = zip(both, joined, strict=True)
        return all(b.shape == j.shape and np.allclose(b, j, rtol=1e-9, atol=1e-12) for b, j in pairs)

    def _call(self, rows: list[Doubles]) -> list[Doubles]:
        sample, *states = rows
        feeds = self._cut(sample)
        for carried, state in zip(self.roles.states, states, strict=True):
            feeds[carried.enters.name] = np.moveaxis(state, 0, carried.batch_axis)
        try:
            results: list[Any] = list(self.evaluator.run(self.names, feeds))
        except Exception as error:
            raise ValueError(f"ONNX's reference cannot evaluate it: {_first_line(error)}") from None
        n = len(self.roles.outputs)
        answers = [np.asarray(r).reshape(len(sample), -1) for r in results[:n]]
        following = [np.moveaxis(r, c.batch_axis, 0) for r, c in zip(results[n:], self.roles.states, strict=True)]
        got = [np.concatenate(answers, 1), *following]
        if any(r.dtype != np.float64 for r in got):
            raise ValueError("the graph does not stay in one float type: its answers cannot be judged in float64")
        return [np.ascontiguousarray(r) for r in got]

    def _cut(self, sample: Doubles) -> dict[str, Doubles]:
        ports = self.roles.inputs
        ends = np.cumsum([int(np.prod(_shape(p))) for p in ports])[:-1]
        parts = np.split(sample, ends, axis=1) if len(ports) > 1 else [sample]
        return {p.name: part.reshape(len(sample), *_shape(p)) for p, part in zip(ports, parts, strict=True)}


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), repr(error))


def _shape(port: Port) -> tuple[int, ...]:
    return tuple(n or 1 for n in port.shape[1:])


def in_double(source: onnx.ModelProto, outputs: list[str]) -> onnx.ModelProto:
    """Return a copy that computes in float64 throughout, pruned to `outputs`."""
    model = onnx.ModelProto()
    model.CopyFrom(source)
    prune(model.graph, outputs)
    there = {o.name: o for o in model.graph.output}
    kept = [there[name] for name in outputs]
    del model.graph.output[:], model.graph.value_info[:], model.metadata_props[:]
    model.graph.output.extend(kept)
    _widen(model.graph)
    return model


def _widen(graph: onnx.GraphProto) -> None:
    for tensor in tensors(graph):
        if tensor.data_type == TensorProto.FLOAT:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float64), tensor.name))
    _widen_types(graph)


def _widen_types(graph: onnx.GraphProto) -> None:
    for value in (*graph.input, *graph.output, *graph.value_info):
        if value.type.tensor_type.elem_type == TensorProto.FLOAT:
            value.type.tensor_type.elem_type = TensorProto.DOUBLE
    for node in graph.node:
        for attribute in list(node.attribute):
            if attribute.name in DTYPE_ATTRIBUTES and attribute.i == TensorProto.FLOAT:
                attribute.i = TensorProto.DOUBLE
            if node.op_type == "Constant" and attribute.name in ("value_float", "value_floats"):
                single = attribute.name == "value_float"
                numbers = np.asarray(attribute.f if single else list(attribute.floats), np.float64)
                attribute.CopyFrom(helper.make_attribute("value", numpy_helper.from_array(numbers)))
            for inner in (attribute.g, *attribute.graphs):
                _widen_types(inner)
