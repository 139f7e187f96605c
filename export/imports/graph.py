"""Someone's graph as the model folder has it: `x` and `state.<name>` in, `y` and `state.<name>.next` out."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import onnx
import onnx.compose
from onnx import TensorProto, helper

from learn_rt.export.imports.roles import Port, Roles
from learn_rt.export.onnx_format import SPEC_KEY, check_graph, strip
from learn_rt.spec import Spec

IR_VERSION = 10  # a file's own may be newer than what runtimes know; nothing here needs more
DEFAULT_DOMAINS = ("", "ai.onnx")
_PREFIX = "net/"  # their names, so that none of them is one of ours


def rewrite(source: onnx.ModelProto, roles: Roles, spec: Spec) -> onnx.ModelProto:
    """Return the model that goes into the folder; `source` is left alone.

    Raises: ValueError: an operator outside ONNX's own domain.
    """
    model = onnx.compose.add_prefix(source, _PREFIX)
    graph = model.graph
    prune(graph, [_PREFIX + p.name for p in (*roles.outputs, *(c.leaves for c in roles.states))])
    _write_out_scalers(graph)
    foreign = [n for n in nodes(graph) if n.domain not in DEFAULT_DOMAINS]
    if foreign:
        kinds = ", ".join(sorted({f"{n.op_type} ({n.domain})" for n in foreign}))
        raise ValueError(f"the runtime has only ONNX's own operators: node {foreign[0].name!r} is among {kinds}")
    made = _Writer(graph)
    made.enter(roles)
    made.leave(roles)
    del graph.input[:], graph.output[:], graph.value_info[:]
    states = [(f"state.{c.state.name}", c.state.shape) for c in roles.states]
    sample = (spec.window, spec.n_features) if spec.window > 1 else (spec.n_features,)
    inputs = [("x", sample), *states]
    outputs = [("y", (spec.n_outputs,)), *((f"{name}.next", shape) for name, shape in states)]
    graph.input.extend(_value(*i) for i in inputs)
    graph.output.extend(_value(*o) for o in outputs)
    graph.node.extend(made.after)
    body = [*made.before, *graph.node]
    del graph.node[:]
    graph.node.extend(body)
    del model.opset_import[:]
    opset = next(o.version for o in source.opset_import if o.domain in DEFAULT_DOMAINS)
    model.opset_import.append(helper.make_opsetid("", opset))
    strip(model)
    model.ir_version = min(model.ir_version, IR_VERSION)
    model.metadata_props.append(onnx.StringStringEntryProto(key=SPEC_KEY, value=spec.to_json()))
    try:
        check_graph(model, [name for name, _ in inputs], [name for name, _ in outputs])
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ValueError(f"the graph does not take any batch: {str(error).strip().splitlines()[0]}") from None
    return model


def nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """Yield every node, those of the graphs inside nodes too."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                yield from nodes(inner)


def prune(graph: onnx.GraphProto, outputs: Collection[str]) -> None:
    """Remove the nodes and weights that none of `outputs` needs."""
    needed, kept = set(outputs), []  # "" stands for an output that is not there
    for node in reversed(graph.node):
        if needed.isdisjoint(name for name in node.output if name):
            continue
        kept.append(node)
        needed.update(node.input)
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                needed.update(name for n in nodes(inner) for name in n.input)
                needed.update(o.name for o in inner.output)
    del graph.node[:]
    graph.node.extend(reversed(kept))
    weights = [t for t in graph.initializer if t.name in needed]
    del graph.initializer[:]
    graph.initializer.extend(weights)


def _write_out_scalers(graph: onnx.GraphProto) -> None:
    """Write scikit-learn's Scaler, (x - offset) * scale, as Sub and Mul."""
    written = []
    for i, node in enumerate(graph.node):
        if node.op_type != "Scaler" or node.domain != "ai.onnx.ml":
            written.append(node)
            continue
        numbers: Mapping[str, Sequence[float]] = {a.name: list(a.floats) for a in node.attribute}
        at = node.input[0]
        for kind, key, plain in (("Sub", "offset", 0.0), ("Mul", "scale", 1.0)):
            name = f"{_PREFIX}scaler{i}.{key}"
            value = numbers.get(key) or [plain]
            graph.initializer.append(helper.make_tensor(name, TensorProto.FLOAT, [len(value)], value))
            to = node.output[0] if kind == "Mul" else f"{name}.out"
            written.append(helper.make_node(kind, [at, name], [to], name=f"{node.name}.{key}"))
            at = to
    del graph.node[:]
    graph.node.extend(written)


class _Writer:
    """Nodes before and after the graph: cut the sample up, turn states' axes, join the answers."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self.graph = graph
        self.before: list[onnx.NodeProto] = []
        self.after: list[onnx.NodeProto] = []

    def enter(self, roles: Roles) -> None:
        """Make the graph's inputs from `x` and the states."""
        sizes = [roles.n_features] if roles.window > 1 else [_size(p) for p in roles.inputs]
        parts = [f"part{i}" for i in range(len(sizes))] if len(sizes) > 1 else ["x"]
        if len(sizes) > 1:
            self._add(self.before, "Split", ["x", self._constant("sizes", sizes)], parts, axis=1)
        for part, port in zip(parts, roles.inputs, strict=True):
            rank = 3 if roles.window > 1 else 2
            if len(port.shape) != rank:
                shape = [-1, *(n or 1 for n in port.shape[1:])]
                part = self._reshape(self.before, part, shape)
            self._cast(self.before, part, _PREFIX + port.name, port.elem_type)
        for c in roles.states:
            rank, axis = len(c.enters.shape), c.batch_axis  # ours have the batch first
            perm = [i + 1 if i < axis else 0 if i == axis else i for i in range(rank)]
            self._turn(self.before, f"state.{c.state.name}", _PREFIX + c.enters.name, perm)

    def leave(self, roles: Roles) -> None:
        """Make `y` and the next states from the graph's outputs."""
        answers = []
        for port in roles.outputs:
            name = _PREFIX + port.name
            if port.elem_type != TensorProto.FLOAT:
                self._add(self.after, "Cast", [name], [f"{name}.float"], to=TensorProto.FLOAT)
                name = f"{name}.float"
            if len(port.shape) != 2:
                name = self._reshape(self.after, name, [-1, _size(port)])
            answers.append(name)
        if len(answers) == 1:
            self._add(self.after, "Identity", answers, ["y"])
        else:
            self._add(self.after, "Concat", answers, ["y"], axis=1)
        for c in roles.states:
            perm = [c.batch_axis, *(i for i in range(len(c.enters.shape)) if i != c.batch_axis)]
            self._turn(self.after, _PREFIX + c.leaves.name, f"state.{c.state.name}.next", perm)

    def _turn(self, side: list[onnx.NodeProto], name: str, result: str, perm: Sequence[int]) -> None:
        if list(perm) == sorted(perm):
            self._add(side, "Identity", [name], [result])
        else:
            self._add(side, "Transpose", [name], [result], perm=list(perm))

    def _cast(self, side: list[onnx.NodeProto], name: str, result: str, elem_type: int) -> None:
        if elem_type == TensorProto.FLOAT:
            self._add(side, "Identity", [name], [result])
        else:
            self._add(side, "Cast", [name], [result], to=elem_type)

    def _reshape(self, side: list[onnx.NodeProto], name: str, shape: Sequence[int]) -> str:
        result = f"{name}.shaped"
        self._add(side, "Reshape", [name, self._constant(f"{result}.shape", shape)], [result])
        return result

    def _constant(self, name: str, values: Sequence[int]) -> str:
        self.graph.initializer.append(helper.make_tensor(name, TensorProto.INT64, [len(values)], values))
        return name

    def _add(
        self, side: list[onnx.NodeProto], kind: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Any
    ) -> None:
        side.append(helper.make_node(kind, list(inputs), list(outputs), name=f"ours.{outputs[0]}", **attributes))


def _size(port: Port) -> int:
    size = 1
    for n in port.shape[1:]:
        size *= n or 1
    return size


def _value(name: str, shape: Sequence[int]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *shape])
