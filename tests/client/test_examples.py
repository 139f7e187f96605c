"""The control loops in examples/ run against the real server."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


def c_plus_plus_loop() -> list[str]:
    built = sorted(ROOT.glob("build/*/cpp_client/controller_loop"), key=lambda p: p.stat().st_mtime)
    built = [p for p in built if "san" not in p.parts[-3]]
    if not built:
        pytest.skip("controller_loop is not built: cmake --build build/cmake --target controller_loop")
    return [str(built[-1])]


@pytest.mark.parametrize("language", ["python", "c++"])
@pytest.mark.parametrize("transport", ["inproc", "unix", "grpc", "shm"])
def test_the_loop_corrects_every_tick(language: str, transport: str, server: dict[str, str], tmp_path: Path) -> None:
    loop = [sys.executable, str(ROOT / "examples/controller_loop.py")] if language == "python" else c_plus_plus_loop()
    log = tmp_path / "commands.csv"
    options = ["--seconds", "0.4", "--deadline-us", "500000", "--log", str(log)]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONWARNINGS"}
    done = subprocess.run(
        [*loop, server[transport], "printer", *options], capture_output=True, text=True, timeout=60, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert "sample to answer" in done.stdout
    assert "ticks 200, missed 0, late answers dropped 0, overruns 0, reconnects 0" in done.stdout
    commands = np.loadtxt(log, delimiter=",", skiprows=1)[:, :2]
    assert commands.shape == (200, 2)
    # a circle of 20 mm about (110, 110), within what an untrained net of bounded offsets can add
    radius = np.hypot(*(commands - 110.0).T)
    assert 19.0 < radius.min() < radius.max() < 21.0
    assert np.ptp(radius) > 1e-6  # the offsets are in it


def test_a_wrong_argument_is_one_line_and_exit_2() -> None:
    done = subprocess.run([*c_plus_plus_loop(), "unix:x", "--rate", "fast"], capture_output=True, text=True, timeout=20)
    assert done.returncode == 2
    assert done.stderr.startswith("controller_loop: --rate must be a number above 0, got 'fast'\nusage: ")


def test_no_server_is_one_line_and_exit_1(tmp_path: Path) -> None:
    address = f"unix:{tmp_path / 'nobody.sock'}"
    for loop in (c_plus_plus_loop(), [sys.executable, str(ROOT / "examples/controller_loop.py")]):
        done = subprocess.run([*loop, address], capture_output=True, text=True, timeout=30)
        assert done.returncode == 1
        assert done.stderr.startswith(f"controller_loop: {address}, model 'printer': UNAVAILABLE")
        assert done.stderr.count("\n") == 1
