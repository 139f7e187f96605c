"""The runtime and the client, but for TLS and servers' rollouts, build without gRPC, protobuf and torch."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HIDDEN = ("Protobuf", "absl", "gRPC", "Torch", "Python", "pybind11")
OFF = ("LEARN_RT_SERVE", "LEARN_RT_GRPC", "LEARN_RT_BENCHMARKS", "LEARN_RT_PYTHON", "LEARN_RT_TORCH")


@pytest.fixture(scope="module")
def configured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a build folder that was configured with all that a small machine lacks hidden from CMake."""
    if shutil.which("cmake") is None or shutil.which("ninja") is None:
        pytest.skip("cmake and ninja are needed")
    folder = tmp_path_factory.mktemp("small")
    options = [f"-DCMAKE_DISABLE_FIND_PACKAGE_{name}=ON" for name in HIDDEN] + [f"-D{name}=OFF" for name in OFF]
    # A target that is asked for all the same names a library that is not there.
    options += [f"-D{name}_LIBRARY=/hidden/{name}" for name in ("GRPCPP", "GRPC", "GPR")]
    command = ["cmake", "-S", str(ROOT), "-B", str(folder), "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def test_it_configures_without_them_and_builds_nothing_of_them(configured: Path) -> None:
    build = (configured / "build.ninja").read_text()
    assert "liblearn_rt_runtime.so" in build
    assert "liblearn_rt_client.so" in build
    assert "h2_transport.cpp" in build
    assert "shm_transport.cpp" in build
    for word in ("grpc_", "/hidden/", "protobuf", ".pb.cc", "libtorch"):
        assert not [line for line in build.splitlines() if word in line and "no_grpc" not in line], word
