"""Imports run on one thread, and on policies of random weights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from policies import HISTORIES, N_WALKER, NAMES, WALKER_SIZES, WALKER_SPEC, Walker, walker_metadata, write_onnx


@pytest.fixture(scope="session", autouse=True)
def one_torch_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def recording() -> dict[str, Any]:
    """60 ticks of the walker's signals, in their units."""
    random = np.random.default_rng(0)
    return {name: random.normal(size=(60, size)) for name, size in zip(NAMES, WALKER_SIZES, strict=True)}


@pytest.fixture(scope="session")
def walker(tmp_path_factory: pytest.TempPathFactory, recording: dict[str, Any]) -> Path:
    """A folder with walk.onnx as Isaac Lab's exporter writes it (opset 11, batch of one), spec.yaml, recording.npz."""
    folder = tmp_path_factory.mktemp("walker")
    write_onnx(
        Walker(N_WALKER),
        folder / "walk.onnx",
        [torch.zeros(1, N_WALKER)],
        ["obs"],
        ["actions"],
        walker_metadata(HISTORIES),
        opset=11,
    )
    (folder / "spec.yaml").write_text(WALKER_SPEC)
    np.savez(folder / "recording.npz", **recording)
    return folder


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """A folder with plain.yaml, ten inputs and four outputs without metadata, and x.npz, 100 ticks of them."""
    rows = "inputs:\n- {name: q, unit: rad, shape: 10}\noutputs:\n- {name: u, unit: rad, shape: 4}\n"
    (tmp_path / "plain.yaml").write_text("dt_s: 0.02\n" + rows)
    np.savez(tmp_path / "x.npz", x=np.random.default_rng(1).normal(size=(100, 10)))
    return tmp_path
