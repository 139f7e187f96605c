from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped example's recordings: a motor that turns an elastic arm."""
    folder = tmp_path_factory.mktemp("table") / "logs"
    argv = sys.argv
    try:
        sys.argv = ["make_logs.py", str(folder)]
        runpy.run_path(str(ROOT / "examples" / "make_logs.py"), run_name="__main__")
    finally:
        sys.argv = argv
    return folder
