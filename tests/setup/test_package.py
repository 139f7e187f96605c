"""How the package lies on a machine: one name, nothing of the repository's folders beside it."""

import subprocess
import sys

import pytest


def run(code: str, cwd) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize("room", ["train", "export", "serve", "benchmarks"])
def test_a_room_is_reached_through_the_package_alone(room, tmp_path):
    assert run(f"import learn_rt.{room}", tmp_path).returncode == 0
    outside = run(f"import {room}", tmp_path)
    assert outside.returncode != 0
    assert "ModuleNotFoundError" in outside.stderr


@pytest.mark.parametrize(
    ("module", "foreign"),
    [
        ("learn_rt.spec", "torch onnx onnxruntime grpc h5py"),
        ("learn_rt.serve.cli", "torch onnx"),
        ("learn_rt.client", "torch onnx onnxruntime"),
        ("learn_rt.runtime", "torch onnx grpc"),
        ("learn_rt.train.cli", "grpc tritonclient"),
        ("learn_rt.benchmarks.plugin", "torch onnx onnxruntime grpc numpy"),
    ],
)
def test_importing_a_part_does_not_pull_in_what_it_has_no_use_for(module, foreign, tmp_path):
    code = f"import sys, {module}; print([m for m in '{foreign}'.split() if m in sys.modules])"
    done = run(code, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
