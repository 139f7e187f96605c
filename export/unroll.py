"""A rollout's model.onnx from the graph of its first answer: the same nodes once a step, on a window that moves on.

torch's exporter would write out every step itself, which takes hours of a long horizon.
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx
from onnx import helper

from learn_rt.spec import Spec

TIME = 1  # the axis of windows, actions and answers


def unroll(first: onnx.ModelProto, spec: Spec) -> onnx.ModelProto:
    """Return `x`, `actions` [batch, horizon, n_actions] -> `y` [batch, horizon, n_outputs].

    Args:
        first: the same with a horizon of 1. Each further window is the one before it without its oldest row, and with
            the last answer and the next action.
    Raises: ValueError: nodes with graphs of their own, which are not written once a step.
    """
    if any(a.type == onnx.AttributeProto.GRAPH for node in first.graph.node for a in node.attribute):
        raise ValueError("a rollout's step must not branch or loop: its graph is written out once a step")
    body = _Body(first.graph)
    nodes, window = list(body.shared), "x"
    answers: list[str] = []
    constants = [_integers("unroll.time", TIME), _integers("unroll.second", 1), _integers("unroll.end", spec.window)]
    for k in range(spec.horizon):
        at = f"unroll.{k}"
        constants += [_integers(f"{at}.from", k), _integers(f"{at}.to", k + 1)]
        nodes.append(_slice("actions", f"{at}.from", f"{at}.to", f"{at}.action"))
        if k:
            row = helper.make_node("Concat", [answers[-1], f"{at}.action"], [f"{at}.row"], f"{at}.row", axis=2)
            rest = _slice(window, "unroll.second", "unroll.end", f"{at}.rest")
            window = f"{at}.window"
            nodes += [row, rest, helper.make_node("Concat", [*rest.output, *row.output], [window], window, axis=TIME)]
        nodes += body.copy(k, {"x": window, "actions": f"{at}.action"})
        answers.append(body.answer(k))
    nodes.append(helper.make_node("Concat", answers, ["y"], "unroll.y", axis=TIME))
    batch = first.graph.input[0].type.tensor_type.shape.dim[0].dim_param
    made = onnx.ModelProto()
    made.CopyFrom(first)
    graph = made.graph
    for part in (graph.node, graph.input, graph.output, graph.value_info):
        del part[:]
    graph.node.extend(nodes)
    graph.initializer.extend(constants)
    graph.input.extend(
        [
            _tensor("x", [batch, spec.window, spec.n_features]),
            _tensor("actions", [batch, spec.horizon, spec.n_actions]),
        ]
    )
    graph.output.append(_tensor("y", [batch, spec.horizon, spec.n_outputs]))
    return made


class _Body:
    """The nodes of one step: those that depend on its window, to be copied, and those that do not."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._own = {"x", "actions"}
        self._nodes: list[onnx.NodeProto] = []
        self.shared: list[onnx.NodeProto] = []
        for node in graph.node:  # in topological order
            moving = not self._own.isdisjoint(node.input)
            (self._nodes if moving else self.shared).append(node)
            self._own.update(node.output if moving else ())

    def copy(self, k: int, inputs: dict[str, str]) -> list[onnx.NodeProto]:
        """Return the nodes of step k on these values of its window and action."""
        made = []
        for node in self._nodes:
            copied = onnx.NodeProto()
            copied.CopyFrom(node)
            copied.name = f"{node.name}.{k}"
            for names in (copied.input, copied.output):
                names[:] = [inputs.get(n, f"{n}.{k}") if n in self._own else n for n in names]
            made.append(copied)
        return made

    def answer(self, k: int) -> str:
        """Return the name of step k's answer [batch, 1, n_outputs]."""
        return f"y.{k}" if "y" in self._own else "y"


def _slice(value: str, start: str, end: str, name: str) -> onnx.NodeProto:
    return helper.make_node("Slice", [value, start, end, "unroll.time"], [name], name)


def _integers(name: str, value: int) -> onnx.TensorProto:
    return helper.make_tensor(name, onnx.TensorProto.INT64, [1], [value])


def _tensor(name: str, shape: Sequence[int | str]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
