"""Untrained printer nets of two window lengths, exported once, and a path to run them on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from runtime_models import Exported, make_path

from learn_rt.export import export_servable
from learn_rt.spec import Spec
from learn_rt.train.core.checkpoint import load_servable
from learn_rt.train.printer.model import OffsetNetConfig
from learn_rt.train.printer.untrained import write_untrained


def _export(folder: Path, config: OffsetNetConfig, formats: tuple[str, ...]) -> Exported:
    checkpoint = folder / "checkpoint.pt"
    write_untrained(checkpoint, config, n_windows=40)
    module, spec, held_out = load_servable(checkpoint)
    version = export_servable(module, spec, held_out, folder / "models", formats=formats)
    return Exported(version, Spec.from_json((version / "spec.json").read_text()), module)


@pytest.fixture(scope="session")
def short(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """Window 12, a small net, TorchScript too."""
    config = OffsetNetConfig(steps=11, preview=4, front_size=8, hidden_size=12)
    return _export(tmp_path_factory.mktemp("short"), config, ("onnx", "torchscript"))


@pytest.fixture(scope="session")
def long(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """The default net: window 49, LSTM 2x56."""
    return _export(tmp_path_factory.mktemp("long"), OffsetNetConfig(), ("onnx",))


@pytest.fixture(scope="session")
def path() -> np.ndarray:
    return make_path(10_000)
