"""model.pt2: torch.export's own file, the successor of TorchScript."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from torch import nn

from learn_rt.export.bake import EXAMPLE_BATCH
from learn_rt.export.names import graph_inputs
from learn_rt.spec import Spec
from learn_rt.train.core.servable import Servable


def write_pt2(baked: Servable, spec: Spec, path: Path) -> None:
    """Write the exported program, with a dynamic batch."""
    inputs = graph_inputs(spec)
    example = tuple(torch.zeros(EXAMPLE_BATCH, *shape) for shape in inputs.values())
    batch = torch.export.Dim("batch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch.export on its own internals
        warnings.filterwarnings("ignore", r"The tensor attributes .*_flat_weights", UserWarning)  # nn.LSTM and nn.GRU
        program = torch.export.export(baked, example, dynamic_shapes={name: {0: batch} for name in inputs})
        torch.export.save(program, path)


def load_pt2(path: Path) -> nn.Module:
    """Return the file's module."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return torch.export.load(path).module()
