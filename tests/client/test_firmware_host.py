"""The C header: a host in C99 gets what a session in process gives, in process and from a server."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from learn_rt import runtime

ROOT = Path(__file__).parents[2]


def program() -> str:
    built = sorted(ROOT.glob("build/*/cpp_client/tests/firmware_host"), key=lambda p: p.stat().st_mtime)
    built = [p for p in built if "san" not in p.parts[-4]]
    if not built:
        pytest.skip("firmware_host is not built: cmake --build build/cmake --target firmware_host")
    return str(built[-1])


@pytest.mark.parametrize("transport", ["inproc", "unix", "grpc", "shm"])
def test_a_host_in_c_gets_the_sessions_answers(
    transport: str, server: dict[str, str], repository: Path, path: Callable[[int], np.ndarray]
) -> None:
    samples = path(300)
    lines = "".join(" ".join(repr(float(v)) for v in sample) + "\n" for sample in samples)
    done = subprocess.run(
        [program(), server[transport], "printer"], input=lines, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    want, flags = runtime.load(repository / "printer" / "1").session().run(samples)
    rows = np.array([line.split() for line in done.stdout.splitlines()])
    np.testing.assert_array_equal(rows[:, :-1].astype(np.float32), want)
    np.testing.assert_array_equal(rows[:, -1].astype(np.uint32), flags)


def test_a_host_without_a_server_is_told_why(tmp_path: Path) -> None:
    done = subprocess.run(
        [program(), f"unix:{tmp_path / 'nobody.sock'}", "printer"], input="", capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert "firmware_host: cannot connect: unix:" in done.stderr
    assert "UNAVAILABLE" in done.stderr
