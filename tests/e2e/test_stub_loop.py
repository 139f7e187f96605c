"""examples/stub_loop.py, which has nothing of ours but the stubs, against the real server."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("learn_rt._serve", reason="the server is not built")

from learn_rt.benchmarks.latency.serving import serving

LOOP = Path(__file__).parents[2] / "examples" / "stub_loop.py"
SAMPLES = np.random.default_rng(2).normal(size=(80, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def addresses(convolutional: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with serving(convolutional.repository, tmp_path_factory.mktemp("socket") / "s", None) as listen:
        yield listen


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONWARNINGS"}
    command = [sys.executable, str(LOOP), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)


def write(path: Path, header: str) -> Path:
    np.savetxt(path, SAMPLES, fmt="%.9g", delimiter=",", header=header, comments="")
    return path


def test_it_imports_the_stubs_and_nothing_else_of_ours() -> None:
    imported = [
        (node.module or "") if isinstance(node, ast.ImportFrom) else node.names[0].name
        for node in ast.walk(ast.parse(LOOP.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert {name for name in imported if name.startswith("learn_rt")} == {"learn_rt.v1"}


@pytest.mark.parametrize("transport", ["unix", "grpc"])
def test_every_tick_gets_the_models_answer(
    transport: str, convolutional: Any, addresses: dict[str, str], tmp_path: Path
) -> None:
    log = tmp_path / "answers.csv"
    samples = write(tmp_path / "samples.csv", "a,b,c")
    done = run(addresses[transport], "conv", str(samples), "--deadline-us", "5e6", "--log", str(log))
    assert done.returncode == 0, done.stderr
    assert "conv 1, native: answers after" in done.stdout
    assert "ticks 80, missed 0, dropped 0, warming up 15, refused 0" in done.stdout
    flags, answers = np.split(np.loadtxt(log, delimiter=","), [1], axis=1)
    assert (flags[15:] == 0).all()
    np.testing.assert_allclose(answers[15:], convolutional.truth(SAMPLES), atol=2 * convolutional.spec.tolerance)


def test_a_missed_tick_keeps_the_last_answer_and_the_late_one_is_dropped(
    addresses: dict[str, str], tmp_path: Path
) -> None:
    log = tmp_path / "answers.csv"
    samples = write(tmp_path / "samples.csv", "a,b,c")
    done = run(addresses["unix"], "conv", str(samples), "--deadline-us", "0.001", "--log", str(log))
    assert done.returncode == 0, done.stderr
    rows = np.loadtxt(log, delimiter=",")
    missed = rows[:, 0] < 0
    assert missed.sum() > 0
    before = np.concatenate([np.zeros((1, 2)), rows[:-1, 1:]])
    assert (rows[missed, 1:] == before[missed]).all()


@pytest.mark.parametrize(
    ("model", "header", "said"),
    [("conv", "a,c,b", "the header must be a,b,c"), ("nobody", "a,b,c", "NOT_FOUND")],
)
def test_what_is_wrong_is_said_in_one_line(
    model: str, header: str, said: str, addresses: dict[str, str], tmp_path: Path
) -> None:
    done = run(addresses["unix"], model, str(write(tmp_path / "samples.csv", header)))
    assert done.returncode == 1
    assert done.stderr.startswith("stub_loop: ")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
