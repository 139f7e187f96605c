"""model.pt2: torch.export's own file, the successor of TorchScript."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from torch import nn

from learn_rt.export.bake import EXAMPLE_BATCH
from learn_rt.export.names import sample_shape
from learn_rt.spec import Spec
from learn_rt.train.core.servable import Servable


def write_pt2(baked: Servable, spec: Spec, path: Path) -> None:
    """Write the exported program, with a dynamic batch."""
    example = torch.zeros(EXAMPLE_BATCH, *sample_shape(spec))
    batch = torch.export.Dim("batch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch.export on its own internals
        warnings.filterwarnings("ignore", r"The tensor attributes .*_flat_weights", UserWarning)  # nn.LSTM and nn.GRU
        program = torch.export.export(baked, (example,), dynamic_shapes={"x": {0: batch}})
        torch.export.save(program, path)


def load_pt2(path: Path) -> nn.Module:
    """Return the file's module."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return torch.export.load(path).module()
