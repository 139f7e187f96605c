"""model.pt2: torch.export's own file, the successor of TorchScript; model.aoti.pt2: the same, compiled."""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn

from learn_rt.export.bake import EXAMPLE_BATCH
from learn_rt.export.names import graph_inputs
from learn_rt.spec import Spec
from learn_rt.train.core.servable import Servable


def write_pt2(baked: Servable, spec: Spec, path: Path) -> None:
    """Write the exported program, with a dynamic batch."""
    with _known_warnings():
        torch.export.save(_program(baked, spec), path)


def load_pt2(path: Path) -> nn.Module:
    """Return the file's module."""
    with _known_warnings():
        return torch.export.load(path).module()


def write_aoti(baked: Servable, spec: Spec, path: Path) -> None:
    """Write what AOTInductor makes of the exported program: machine code for processors like this one.

    Raises: ValueError: there is no C++ compiler.
    """
    from torch._inductor import aoti_compile_and_package

    compiler = os.environ.get("CXX", "g++")
    if shutil.which(compiler) is None:
        raise ValueError(f"{path.name} is compiled, and there is no {compiler} here: install one or set CXX")
    with _known_warnings():
        aoti_compile_and_package(_program(baked, spec), package_path=str(path))


def load_aoti(path: Path) -> Callable[..., Tensor]:
    """Return the compiled function. It is code: load only what you would run."""
    from torch._inductor import aoti_load_package

    with _known_warnings():
        compiled: Callable[..., Tensor] = aoti_load_package(str(path))
    return compiled


def _program(baked: Servable, spec: Spec) -> torch.export.ExportedProgram:
    inputs = graph_inputs(spec)
    example = tuple(torch.zeros(EXAMPLE_BATCH, *shape) for shape in inputs.values())
    batch = torch.export.Dim("batch")
    return torch.export.export(baked, example, dynamic_shapes={name: {0: batch} for name in inputs})


@contextmanager
def _known_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch on its own internals
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.filterwarnings("ignore", r"The tensor attributes .*_flat_weights", UserWarning)  # nn.LSTM and nn.GRU
        yield
