"""A small synthetic corpus that the gait's tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from learn_rt.train import cli


@pytest.fixture(scope="session")
def gait_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """120 sequences in 3 files; only to be read."""
    folder = tmp_path_factory.mktemp("gait")
    cli.data(["gait", "synthetic", "--out", str(folder), "--sequences", "120", "--per-file", "50"])
    return folder


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Small nets lose by sharing the work."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
