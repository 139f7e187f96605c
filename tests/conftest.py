"""One small untrained net for every part's tests, exported once: torch's exporter takes seconds each time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from learn_rt.spec import Spec
    from learn_rt.train.core.servable import Servable


@dataclass(frozen=True)
class Small:
    """A checkpoint and what is in it."""

    checkpoint: Path
    module: Servable
    spec: Spec
    held_out: np.ndarray  # (23, 7, 5) float32


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """The net before its export: a window of 7 samples, LSTM 2x8."""
    # On use: the tests of spec and runtime that need no torch do not wait for it.
    from learn_rt.train.core.checkpoint import load_servable
    from learn_rt.train.printer.model import OffsetNetConfig
    from learn_rt.train.printer.untrained import write_untrained

    checkpoint = tmp_path_factory.mktemp("checkpoint") / "best.ckpt"
    write_untrained(checkpoint, OffsetNetConfig(steps=6, preview=2, front_size=8, hidden_size=8), n_windows=23)
    return Small(checkpoint, *load_servable(checkpoint))


@pytest.fixture(scope="session")
def small_version(small: Small, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its version folder <repository>/printer/1, with every format; only to be read."""
    from learn_rt.export import export_servable

    out = tmp_path_factory.mktemp("models")
    return export_servable(small.module, small.spec, small.held_out, out, formats=("onnx", "torchscript", "pt2"))


@pytest.fixture(scope="session")
def cart_version(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The version folder <repository>/cart/1 of the small rollout net, ONNX and TorchScript; only to be read."""
    from rollout_net import Cart, cart_rows, cart_spec

    from learn_rt.export import export_servable

    spec, out = cart_spec(), tmp_path_factory.mktemp("rollouts")
    return export_servable(Cart(), spec, cart_rows(30, spec.window + spec.horizon - 1), out)
