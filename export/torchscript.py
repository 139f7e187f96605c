"""model.pt: TorchScript. Every torch.jit call on it is in this file.

TorchScript is deprecated: it warns since torch 2.10 and raises from 2.15 on, hence the pin `torch>=2.10,<2.15`. It is
still what C++ programs on libtorch load, so it is written while it can be; `pt2_format` is the successor.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

import torch
from torch import Tensor, nn

from learn_rt.export.bake import EXAMPLE_BATCH, zero_states
from learn_rt.export.names import graph_inputs
from learn_rt.export.step_graph import StepGraph
from learn_rt.spec import Spec
from learn_rt.train.core.servable import Servable


def write_torchscript(baked: Servable, spec: Spec, path: Path) -> None:
    """Write the traced module, unfrozen: its parameters and the normalization's buffers are in the file by name.

    Raises: ValueError: the module's control flow depends on its data, so a trace would be wrong.
    """
    _write(baked, tuple(torch.zeros(EXAMPLE_BATCH, *shape) for shape in graph_inputs(spec).values()), path)


def write_step(baked: Servable, spec: Spec, path: Path) -> None:
    """Write one step, traced: `x` (batch, n_features) and the states in, the answer and the next states out.

    Raises: as write_torchscript.
    """
    _write(
        StepGraph(baked).eval(), (torch.zeros(EXAMPLE_BATCH, spec.n_features), *zero_states(baked, EXAMPLE_BATCH)), path
    )


def _write(module: nn.Module, example: tuple[Tensor, ...], path: Path) -> None:
    with _deprecated(), torch.no_grad():
        with warnings.catch_warnings(record=True) as caught:
            traced = torch.jit.trace(module, example, check_trace=False)  # parity is checked on real samples
        for warning in caught:
            if issubclass(warning.category, torch.jit.TracerWarning):
                raise ValueError(f"forward cannot be traced: {str(warning.message).splitlines()[0]}")
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
        # Saved before any optimization and unfrozen: a frozen file has no buffers left. Loaders freeze.
        torch.jit.save(traced, str(path))


def load_torchscript(path: Path) -> nn.Module:
    """Return the file's module as it was saved, with its buffers."""
    with _deprecated():
        return torch.jit.load(str(path), map_location="cpu")


def export_torchscript(
    module: nn.Module,
    example: tuple[Tensor, ...],
    file: BinaryIO,
    inputs: Sequence[str],
    outputs: Sequence[str],
    axes: Mapping[str, Mapping[int, str]],
    opset: int,
) -> None:
    """Write a TorchScript module as ONNX. torch.export takes none, so this is torch's older exporter."""
    with _deprecated(), warnings.catch_warnings():
        # Notes on the exporter's age, its own use of old functions, and batch sizes of recurrent layers; the answers of
        # what it writes are compared with the module's.
        for category in (DeprecationWarning, FutureWarning, UserWarning):
            warnings.simplefilter("ignore", category)
        torch.onnx.export(
            module,
            example,
            cast(Any, file),  # torch's types leave open files out
            dynamo=False,
            opset_version=opset,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes={name: dict(named) for name, named in axes.items()},
        )


def freeze(module: nn.Module) -> nn.Module:
    """Return the module as a server runs it: weights inlined."""
    with _deprecated():
        return torch.jit.freeze(module.eval())


def named_buffers(path: Path) -> dict[str, Tensor]:
    """Return the buffers in the file, by name."""
    return dict(load_torchscript(path).named_buffers())


@contextmanager
def _deprecated() -> Iterator[None]:
    """Let the known deprecation pass: DeprecationWarning, from 2.14 on FutureWarning."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", torch.jit.TracerWarning)
        # torch's own layers compare shapes, which a trace may take for constants.
        warnings.filterwarnings("ignore", category=torch.jit.TracerWarning, module=r"torch\.nn\.modules\.")
        for category in (DeprecationWarning, FutureWarning):
            warnings.filterwarnings("ignore", r".*`?torch\.jit\.\w+`? is deprecated", category)
        yield
