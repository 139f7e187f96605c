"""A torch module of someone's, from a TorchScript file or from their own code, as a graph."""

from __future__ import annotations

import importlib
import inspect
import io
import re
import sys
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import nn

from learn_rt.export.bake import EXAMPLE_BATCH
from learn_rt.export.onnx_format import OPSET, quiet
from learn_rt.export.torchscript import export_torchscript, load_torchscript

MAX_BYTES = 512 << 20
MODULE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")

Floats = NDArray[np.float32]
Call = Callable[[Sequence[Floats]], list[Floats]]  # the graph's inputs -> its outputs, as the module itself answers


def load_script(path: Path) -> nn.Module:
    """Return a TorchScript file's module.

    Raises: ValueError: a pickle (loading one runs whatever code it holds), or no TorchScript at all.
    """
    if path.stat().st_size > MAX_BYTES:
        raise ValueError(f"{path}: larger than {MAX_BYTES} bytes")
    how = "export ONNX, or torch.jit.script(net).save(...), or name your module: package.module:Net"
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if sum(i.file_size for i in archive.infolist()) > 2 * MAX_BYTES:
                raise ValueError(f"{path}: its files are larger than {2 * MAX_BYTES} bytes")
    except zipfile.BadZipFile:
        raise ValueError(f"{path}: neither TorchScript nor ONNX (pickles are not loaded): {how}") from None
    if not any("/code/" in name for name in names):
        raise ValueError(f"{path}: a pickle of torch.save, and loading one runs any code that it holds: {how}")
    try:
        module = load_torchscript(path).eval()
    except RuntimeError as error:
        raise ValueError(f"{path}: torch cannot load it: {str(error).strip().splitlines()[0]}") from None
    return module


def load_module(name: str) -> nn.Module:
    """Return the module that `package.module:Net` stands for: an nn.Module, or what a call without arguments returns.

    This runs the package's code, as importing it does. The working directory's packages are found.
    Raises: ValueError: there is no such module, or it is not a torch module.
    """
    package, _, attribute = name.partition(":")
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        found = getattr(importlib.import_module(package), attribute)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"{name}: {error}") from None
    if not isinstance(found, nn.Module) and callable(found):
        try:
            found = found()
        except TypeError as error:
            raise ValueError(f"{name} must be callable without arguments: {error}") from None
    if not isinstance(found, nn.Module):
        raise ValueError(f"{name} must be a torch module, or return one; it is {type(found).__name__}")
    return found.cpu().float().eval().requires_grad_(False)


def to_graph(
    module: nn.Module, n_features: int, window: int, states: Sequence[Mapping[str, Any]], where: str
) -> tuple[onnx.ModelProto, Call]:
    """Return the module's graph, x and the states in, y and the next states out, and the module as a function of those.

    Args: states: name, shape (without the batch) and batch_axis (0 unless said) of each state that forward takes and
        returns after the sample and the answer.
    Raises: ValueError: what forward does that a graph cannot.
    """
    shape = (window, n_features) if window > 1 else (n_features,)
    example = [torch.zeros(EXAMPLE_BATCH, *shape)]
    names, axes = ["x"], {"x": {0: "batch"}, "y": {0: "batch"}}
    for row in states:
        if not isinstance(row.get("shape"), list):
            raise ValueError(f"missing: the shape of state {row['name']}, without its batch axis")
        axis = row.get("batch_axis", 0)
        example.append(torch.movedim(torch.zeros(EXAMPLE_BATCH, *row["shape"]), 0, axis))
        names.append(f"{row['name']}_in")
        axes |= {f"{row['name']}_in": {axis: "batch"}, f"{row['name']}_out": {axis: "batch"}}
    outputs = ["y", *(f"{row['name']}_out" for row in states)]
    call = _caller(module, len(outputs), where)
    _check_stateless(module, call, [e.numpy() for e in example], where)
    if isinstance(module, torch.jit.ScriptModule):
        file = io.BytesIO()
        try:
            export_torchscript(module, tuple(example), file, names, outputs, axes, OPSET)
        except (RuntimeError, torch.onnx.errors.OnnxExporterError) as error:
            raise ValueError(f"{where}: torch's exporter cannot write it: {_first_line(error)}") from None
        return onnx.ModelProto.FromString(file.getvalue()), call
    batch = torch.export.Dim("batch")
    dynamic = tuple({next(iter(axes[name])): batch} for name in names)
    try:
        with quiet():
            program = torch.onnx.export(
                module,
                tuple(example),
                dynamo=True,
                opset_version=OPSET,
                external_data=False,
                input_names=names,
                output_names=outputs,
                dynamic_shapes=_by_parameter(module, dynamic),
                verbose=False,
            )
    except torch.onnx.errors.OnnxExporterError as error:
        raise ValueError(
            f"{where}: torch's exporter cannot write it: {_first_line(error.__cause__ or error)}"
        ) from None
    assert program is not None  # the dynamo exporter always returns one
    return program.model_proto, call


def _by_parameter(module: nn.Module, dynamic: tuple[Any, ...]) -> Any:
    """Return the dynamic shapes as torch.export wants them: those of *states in a tuple of their own."""
    parameters = list(inspect.signature(module.forward).parameters.values())
    fixed = [p for p in parameters if p.kind is not inspect.Parameter.VAR_POSITIONAL]
    if len(fixed) == len(parameters):
        return dynamic
    return (*dynamic[: len(fixed)], tuple(dynamic[len(fixed) :]))


def _caller(module: nn.Module, n_outputs: int, where: str) -> Call:
    def call(inputs: Sequence[Floats]) -> list[Floats]:
        try:
            with torch.no_grad():
                found = module(*(torch.from_numpy(i) for i in inputs))
        except (RuntimeError, TypeError, ValueError, IndexError, torch.jit.Error) as error:
            shapes = ", ".join(str(i.shape) for i in inputs)
            raise ValueError(
                f"{where}: forward does not take inputs of shapes {shapes}: {_first_line(error)}"
            ) from None
        parts = list(found) if isinstance(found, tuple | list) else [found]
        if len(parts) != n_outputs or not all(isinstance(p, torch.Tensor) for p in parts):
            kinds = ", ".join(type(p).__name__ for p in parts)
            raise ValueError(
                f"{where}: forward must return {n_outputs} tensors, the answer and each state; got {kinds}"
            )
        return [p.detach().numpy().copy() for p in parts]

    return call


def _check_stateless(module: nn.Module, call: Call, example: list[Floats], where: str) -> None:
    """Check that a call changes nothing in the module: policies with a memory of their own keep it in buffers."""
    random = np.random.default_rng(0)
    inputs = [random.uniform(-1, 1, e.shape).astype(np.float32)[:1] if i == 0 else e for i, e in enumerate(example)]
    inputs = [inputs[0].repeat(len(example[0]), 0), *inputs[1:]]
    before = {name: buffer.clone() for name, buffer in module.named_buffers()}
    try:
        first, second = call(inputs), call(inputs)
    except ValueError:
        if not before:
            raise
        one = [inputs[0][:1], *inputs[1:]]  # its own states may be of a batch of one
        first, second = call(one), call(one)
    changed = [n for n, b in module.named_buffers() if not torch.equal(b, before[n])]
    if changed or any(not np.array_equal(a, b) for a, b in zip(first, second, strict=True)):
        what = ", ".join(changed) or "something"
        raise ValueError(
            f"{where}: a call changes {what} inside the module: states must go in and out of forward. Import the "
            "policy's ONNX file, which has them as inputs and outputs, or write a module whose forward(x, state, ...) "
            "returns (y, state, ...)"
        )


def _first_line(error: BaseException) -> str:
    """Return the line that says what happened: TorchScript's errors end with it."""
    lines = [line for line in str(error).strip().splitlines() if line.strip()]
    if not lines:
        return repr(error)
    return lines[-1].strip() if "TorchScript interpreter" in lines[0] else lines[0]
