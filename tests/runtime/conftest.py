"""Untrained printer nets of two window lengths, and a path to run them on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from runtime_models import Exported, make_path

from learn_rt.export import export_servable
from learn_rt.spec import Spec
from learn_rt.train.core.checkpoint import load_servable
from learn_rt.train.printer.untrained import write_untrained


@pytest.fixture(scope="session")
def short(small: Any, small_version: Path) -> Exported:
    """Window 7, a small net, TorchScript too."""
    return Exported(small_version, Spec.from_json((small_version / "spec.json").read_text()), small.module)


@pytest.fixture(scope="session")
def long(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """The default net: window 49, LSTM 2x56."""
    folder = tmp_path_factory.mktemp("long")
    write_untrained(folder / "best.ckpt", n_windows=40)
    module, spec, held_out = load_servable(folder / "best.ckpt")
    version = export_servable(module, spec, held_out, folder / "models", formats=("onnx",))
    return Exported(version, Spec.from_json((version / "spec.json").read_text()), module)


@pytest.fixture(scope="session")
def path() -> np.ndarray:
    return make_path(10_000)
