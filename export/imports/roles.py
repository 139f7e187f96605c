"""Which of a graph's inputs are the sample, which its states, and which outputs are the answer.

A state's input and output are paired by, in this order: the spec file's `states`; their names (h_in and h_out, h and
h_out, h and h.next, past_h and present_h, prev_h and next_h); their order, when after one sample and one answer as many
inputs as outputs are left, of the same shapes in turn.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import onnx
from onnx import TensorProto

from learn_rt.spec import Scope, State

FLOATS = (TensorProto.FLOAT, TensorProto.DOUBLE)


@dataclass(frozen=True, slots=True)
class Port:
    """A graph's input or output; `shape` has None where the size is not fixed."""

    name: str
    shape: tuple[int | None, ...]
    elem_type: int


@dataclass(frozen=True, slots=True)
class Carried:
    """A state: the ports it enters and leaves by, and the axis of the batch in both."""

    state: State
    enters: Port
    leaves: Port
    batch_axis: int


@dataclass(frozen=True, slots=True)
class Roles:
    """`window` is 1 unless the sample's port takes whole windows; `notes` say what was concluded, not told."""

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    states: tuple[Carried, ...]
    window: int
    notes: tuple[str, ...]

    @property
    def n_features(self) -> int:
        """Elements of one sample."""
        if self.window > 1:
            return _fixed(self.inputs[0], self.inputs[0].shape[2:])
        return sum(_fixed(p, p.shape[1:]) for p in self.inputs)

    @property
    def n_outputs(self) -> int:
        """Elements of one answer."""
        return sum(_fixed(p, p.shape[1:]) for p in self.outputs)


def find_roles(graph: onnx.GraphProto, states: Sequence[Mapping[str, Any]], wanted: Sequence[str]) -> Roles:
    """Return the roles; `states` and `wanted` (outputs) are the spec file's, empty when it says nothing.

    Raises: ValueError: what cannot be concluded, and what to write to the spec file.
    """
    weights = {t.name for t in graph.initializer}
    inputs = [_port(v) for v in graph.input if v.name not in weights]
    outputs = [_port(v) for v in graph.output]
    notes: list[str] = []
    pairs = _pair(inputs, outputs, states, wanted, notes)
    carried = [_carried(a, b, pairs[a, b]) for a, b in pairs]
    entering, leaving = {p.name for p, _ in pairs}, {p.name for _, p in pairs}
    samples = [p for p in inputs if p.name not in entering]
    answers = _answers([p for p in outputs if p.name not in leaving], wanted, notes)
    for port in (*samples, *answers):
        if port.elem_type not in FLOATS:
            kind = TensorProto.DataType.Name(port.elem_type).lower()
            raise ValueError(f"{port.name} holds {kind}: samples and answers are floats")
    if not samples:
        raise ValueError("the graph has no input besides its states")
    window = samples[0].shape[1] if len(samples) == 1 and len(samples[0].shape) == 3 and not carried else 1
    if window is None:
        raise ValueError(f"{samples[0].name} takes windows of any length: export it with a fixed one")
    return Roles(tuple(samples), tuple(answers), tuple(carried), window, tuple(notes))


def _pair(
    inputs: list[Port],
    outputs: list[Port],
    given: Sequence[Mapping[str, Any]],
    wanted: Sequence[str],
    notes: list[str],
) -> dict[tuple[Port, Port], Mapping[str, Any]]:
    entering, leaving = {p.name: p for p in inputs}, {p.name: p for p in outputs}
    pairs: dict[tuple[Port, Port], Mapping[str, Any]] = {}
    for entry in given:
        name = entry["name"]
        names = entry.get("in", name if name in entering else f"{name}_in"), entry.get("out", f"{name}_out")
        if names[0] not in entering or names[1] not in leaving:
            raise ValueError(
                f"state {entry['name']}: the graph has no input {names[0]!r} or no output {names[1]!r}; it takes "
                f"{', '.join(entering)} and gives {', '.join(leaving)}"
            )
        pairs[entering[names[0]], leaving[names[1]]] = entry
    if given:
        return pairs
    for port in inputs:
        for after in _names_after(port.name):
            if after in leaving and _same(port, leaving[after]):
                pairs[port, leaving[after]] = {}
                notes.append(f"state {port.name} becomes {after}, by their names")
                break
    rest_in, rest_out = inputs[1:], [p for p in outputs if p.name not in wanted][0 if wanted else 1 :]
    if not pairs and rest_in and len(rest_in) == len(rest_out) and all(map(_same, rest_in, rest_out)):
        for before, after_port in zip(rest_in, rest_out, strict=True):
            pairs[before, after_port] = {}
            notes.append(f"state {before.name} becomes {after_port.name}, by their order")
    return pairs


def _names_after(name: str) -> list[str]:
    after = [f"{name}_out", f"{name}.next", f"{name}_next"]
    if name.endswith("_in"):
        after.insert(0, f"{name[:-3]}_out")
    for before, now in (("past_", "present_"), ("prev_", "next_"), ("prev_", "")):
        if name.startswith(before):
            after.append(now + name.removeprefix(before))
    return after


def _same(a: Port, b: Port) -> bool:
    """Whether two shapes can be one: an exporter may leave an output's sizes open."""
    fits = (m is None or n is None or m == n for m, n in zip(a.shape, b.shape, strict=False))
    return len(a.shape) > 1 and len(a.shape) == len(b.shape) and all(fits)


def _carried(enters: Port, leaves: Port, entry: Mapping[str, Any]) -> Carried:
    free = [i for i, n in enumerate(enters.shape) if n is None]
    axis = entry.get("batch_axis", free[0] if len(free) == 1 else 1 if len(enters.shape) == 3 else 0)
    if not 0 <= axis < len(enters.shape) or any(i != axis for i in free):
        raise ValueError(
            f"state {enters.name} {enters.shape}: one axis is the batch's, the others' sizes must be fixed"
        )
    if enters.elem_type != TensorProto.FLOAT:
        raise ValueError(f"state {enters.name} is not float32")
    shape = tuple(n for i, n in enumerate(enters.shape) if i != axis and n is not None)
    name = entry.get("name") or re.sub(r"\W", "_", enters.name.removeprefix("state.").removesuffix("_in"))
    return Carried(State(name, shape, Scope.STREAM), enters, leaves, axis)


def _answers(outputs: list[Port], wanted: Sequence[str], notes: list[str]) -> list[Port]:
    there = {p.name: p for p in outputs}
    if unknown := [name for name in wanted if name not in there]:
        raise ValueError(f"graph_outputs names {', '.join(unknown)}; the graph gives {', '.join(there)}")
    if wanted:
        return [there[name] for name in wanted]
    floats = [p for p in outputs if p.elem_type in FLOATS]
    if not floats and outputs:
        raise ValueError(f"no output is a tensor of floats ({', '.join(there)}): export classifiers with zipmap=False")
    if len(floats) != 1:
        names = ", ".join(there) or "none"
        raise ValueError(f"missing: graph_outputs, which of the graph's outputs are the answer ({names})")
    notes += [f"{p.name} is left out: it is not a float" for p in outputs if p is not floats[0]]
    return floats


def _fixed(port: Port, shape: tuple[int | None, ...]) -> int:
    sizes = [n for n in shape if n is not None]
    if len(sizes) != len(shape):
        raise ValueError(f"{port.name} has a shape that is not fixed, {port.shape}: export it with fixed sizes")
    return math.prod(sizes)


def _port(value: onnx.ValueInfoProto) -> Port:
    if not value.type.HasField("tensor_type"):
        return Port(value.name, (), TensorProto.UNDEFINED)  # such as a classifier's sequence of maps
    tensor = value.type.tensor_type
    dims = tuple(d.dim_value if d.HasField("dim_value") and d.dim_value > 0 else None for d in tensor.shape.dim)
    return Port(value.name, dims, tensor.elem_type)
