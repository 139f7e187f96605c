"""One small untrained net for all tests of export, exported once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from learn_rt.export import export_servable
from learn_rt.spec import Spec
from learn_rt.train.core.checkpoint import load_servable
from learn_rt.train.core.servable import Servable
from learn_rt.train.printer.model import OffsetNetConfig
from learn_rt.train.printer.untrained import write_untrained

NET = OffsetNetConfig(steps=6, preview=2, front_size=8, hidden_size=8)


@dataclass(frozen=True)
class Trained:
    checkpoint: Path
    module: Servable
    spec: Spec
    held_out: np.ndarray  # (23, 7, 5) float32


@pytest.fixture(scope="session", autouse=True)
def one_torch_thread() -> Iterator[None]:
    """Nets of eight cells lose by sharing the work, the more so on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    checkpoint = tmp_path_factory.mktemp("checkpoint") / "best.pt"
    write_untrained(checkpoint, NET, n_windows=23)
    return Trained(checkpoint, *load_servable(checkpoint))


@pytest.fixture(scope="session")
def version(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A version folder with all formats; only to be read."""
    out = tmp_path_factory.mktemp("models")
    return export_servable(trained.module, trained.spec, trained.held_out, out, formats=("onnx", "torchscript", "pt2"))
