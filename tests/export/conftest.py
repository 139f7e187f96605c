"""Export's tests run on the small untrained net that all tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch


@pytest.fixture(scope="session", autouse=True)
def one_torch_thread() -> Iterator[None]:
    """Nets of eight cells lose by sharing the work, the more so on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def trained(small: Any) -> Any:
    return small


@pytest.fixture(scope="session")
def version(small_version: Path) -> Path:
    """A version folder with all formats; only to be read."""
    return small_version
