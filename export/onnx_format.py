"""model.onnx and step.onnx: written by torch's exporter, then reduced to what a reader needs."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import nn

from learn_rt.export.bake import EXAMPLE_BATCH, zero_states
from learn_rt.export.names import graph_inputs
from learn_rt.export.step_graph import StepGraph, input_names, output_names
from learn_rt.export.unroll import unroll
from learn_rt.spec import Kind, Spec
from learn_rt.train.core.servable import Servable

OPSET = 20
SPEC_KEY = "learn_rt.spec"  # the one metadata entry


def write_model(baked: Servable, spec: Spec, path: Path) -> None:
    """Write the whole function: `x` [batch, window, n_features] -> `y` [batch, n_outputs].

    A pointwise model's `x` is [batch, n_features]. A rollout also takes `actions` [batch, horizon, n_actions], and
    answers [batch, horizon, n_outputs]. torch writes its first answer, and `unroll` the others.
    """
    inputs = graph_inputs(replace(spec, horizon=min(spec.horizon, 1)))
    example = tuple(torch.zeros(EXAMPLE_BATCH, *shape) for shape in inputs.values())
    shapes = dict.fromkeys(inputs, _DYNAMIC)
    model = _exported(baked, example, list(inputs), ["y"], shapes, path)
    _write(unroll(model, spec) if spec.kind is Kind.ROLLOUT else model, list(inputs), ["y"], spec, path)


def write_step(baked: Servable, spec: Spec, path: Path) -> None:
    """Write one step: `x` [batch, n_features] and `state.<name>` -> `y` and `state.<name>.next`."""
    states = zero_states(baked, EXAMPLE_BATCH)
    shapes: dict[str, Any] = {"x": _DYNAMIC}
    if states:
        shapes["states"] = tuple(_DYNAMIC for _ in states)
    names = input_names(baked), output_names(baked)
    example = (torch.zeros(EXAMPLE_BATCH, spec.n_features), *states)
    _write(_exported(StepGraph(baked).eval(), example, *names, shapes, path), *names, spec, path)


_DYNAMIC = {0: torch.export.Dim("batch")}


def _exported(
    module: nn.Module,
    example: tuple[torch.Tensor, ...],
    inputs: Sequence[str],
    outputs: Sequence[str],
    dynamic_shapes: dict[str, Any],
    path: Path,
) -> onnx.ModelProto:
    try:
        with quiet():
            program = torch.onnx.export(
                module,
                example,
                dynamo=True,
                opset_version=OPSET,
                external_data=False,
                input_names=inputs,
                output_names=outputs,
                dynamic_shapes=dynamic_shapes,
                verbose=False,
            )
    except torch.onnx.errors.OnnxExporterError as error:
        cause = str(error.__cause__ or error).strip().splitlines()[0]
        raise ValueError(f"{path.name}: torch's exporter cannot write this module: {cause}") from error
    assert program is not None  # the dynamo exporter always returns one
    model: onnx.ModelProto = program.model_proto
    strip(model)
    return model


def _write(model: onnx.ModelProto, inputs: Sequence[str], outputs: Sequence[str], spec: Spec, path: Path) -> None:
    model.metadata_props.append(onnx.StringStringEntryProto(key=SPEC_KEY, value=spec.to_json()))
    check_graph(model, inputs, outputs)
    path.write_bytes(model.SerializeToString(deterministic=True))


def put_spec(path: Path, spec: Spec) -> None:
    """Let a written file say another spec."""
    model = onnx.load(path)
    del model.metadata_props[:]
    model.metadata_props.append(onnx.StringStringEntryProto(key=SPEC_KEY, value=spec.to_json()))
    path.write_bytes(model.SerializeToString(deterministic=True))


def check_graph(model: onnx.ModelProto, inputs: Sequence[str], outputs: Sequence[str]) -> None:
    """Check what the exporter wrote.

    Raises: RuntimeError: other inputs or outputs than asked for, weights outside the file, or a GRU of the other kind.
    """
    onnx.checker.check_model(model, full_check=True)
    graph = model.graph
    got = [v.name for v in graph.input], [v.name for v in graph.output]
    if got != (list(inputs), list(outputs)):
        raise RuntimeError(f"the exporter wrote inputs and outputs {got}, asked for {list(inputs)}, {list(outputs)}")
    if any(t.data_location == onnx.TensorProto.EXTERNAL for t in graph.initializer):
        raise RuntimeError("the exporter wrote weights outside the file")
    for node in graph.node:
        # torch's GRU resets after the product; onnxscript below 0.7.1 left the attribute out: wrong by up to 0.1.
        if node.op_type == "GRU" and not any(a.name == "linear_before_reset" and a.i == 1 for a in node.attribute):
            raise RuntimeError(
                f"the exporter wrote {node.name} without linear_before_reset=1: install onnxscript>=0.7.1"
            )


def strip(model: onnx.ModelProto) -> None:
    """Remove source files' names, stack traces and the exporter's notes: they tell about the machine, not the model."""
    graph = model.graph
    del model.metadata_props[:], graph.metadata_props[:]
    model.doc_string = graph.doc_string = ""
    for part in (graph.node, graph.input, graph.output, graph.value_info, graph.initializer):
        for entry in part:
            del entry.metadata_props[:]
            entry.doc_string = ""


@contextmanager
def quiet() -> Iterator[None]:
    """Silence the exporter's notes on its own internals; its errors are raised."""
    registration = logging.getLogger("torch.onnx._internal.exporter._registration")  # "torchvision is not installed"
    level = registration.level
    registration.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            warnings.simplefilter("ignore", UserWarning)
            yield
    finally:
        registration.setLevel(level)
