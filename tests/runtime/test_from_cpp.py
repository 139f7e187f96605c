"""Programs on the installed headers and libraries: built outside the tree, run without Python."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from runtime_models import Exported

from learn_rt.runtime import load
from learn_rt.spec import Spec

EXAMPLES = Path(__file__).parents[2] / "examples" / "cpp"
BACKENDS = ("native", "torchscript")


def run(*command: object, text: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*map(str, command)], input=text, capture_output=True, text=True, timeout=240, env=os.environ | environment
    )


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """examples/cpp, built on the package that Python has."""
    asked = run(sys.executable, "-m", "learn_rt", "--cmakedir")
    assert asked.returncode == 0, asked.stderr
    build = tmp_path_factory.mktemp("examples")
    made = run("cmake", "-S", EXAMPLES, "-B", build, f"-Dlearn_rt_DIR={asked.stdout.strip()}")
    assert made.returncode == 0, made.stderr
    built = run("cmake", "--build", build, "--target", "answer", "plan", "motion_host")
    assert built.returncode == 0, built.stdout
    return build


def as_text(rows: np.ndarray) -> str:
    return "\n".join(" ".join(repr(float(v)) for v in row) for row in rows) + "\n"


def numbers(text: str) -> np.ndarray:
    # nine digits tell a float32 apart
    return np.array([[float(v) for v in line.split(" (")[0].split()] for line in text.splitlines()], np.float32)


def skip_without_plugin(done: subprocess.CompletedProcess[str]) -> None:
    if "TorchScript plugin" in done.stderr:
        pytest.skip(done.stderr)


@pytest.mark.parametrize("backend", BACKENDS)
def test_samples_get_the_answers_that_python_gets(
    programs: Path, short: Exported, path: np.ndarray, backend: str
) -> None:
    done = run(programs / "answer", short.folder, backend, text=as_text(path[:60]))
    skip_without_plugin(done)
    assert done.returncode == 0, done.stderr
    answers, flags = load(short.folder, backend).session().run(path[:60])
    np.testing.assert_array_equal(numbers(done.stdout), np.column_stack([answers, flags]).astype(np.float32))
    assert f"60 answers on {backend}, as asked, p50" in done.stderr


@pytest.mark.parametrize("backend", BACKENDS)
def test_plans_lead_where_python_sees_them_lead(programs: Path, cart_version: Path, backend: str) -> None:
    spec = Spec.from_json((cart_version / "spec.json").read_bytes())
    row = np.array([0.2, -0.1, 0.3, 0.0], np.float32)
    plans = np.random.default_rng(1).uniform(-1, 1, (5, spec.horizon, spec.n_actions)).astype(np.float32)
    done = run(programs / "plan", cart_version, backend, text=as_text(row[None]) + as_text(plans.reshape(5, -1)))
    skip_without_plugin(done)
    assert done.returncode == 0, done.stderr
    session = load(cart_version, backend).rollouts(max_candidates=5, max_horizon=spec.horizon)
    session.begin(row)
    states, flags = session.rollout(plans)
    np.testing.assert_array_equal(numbers(done.stdout), np.column_stack([states[:, -1], flags]).astype(np.float32))
    best = int((states[:, -1].astype(np.float64) ** 2).sum(1).argmin())
    assert f"the best of 5 plans is {best + 1}, " in done.stderr


def test_a_motion_host_in_c_adds_the_offset_of_each_tick(programs: Path, short: Exported, path: np.ndarray) -> None:
    plan = path[:80]
    repository, name = short.folder.parent.parent, short.folder.parent.name
    done = run(programs / "motion_host", f"inproc:{repository}", name, "0.1", text=as_text(plan))
    assert done.returncode == 0, done.stderr
    assert "ticks 80, by policy 0, reconnects 0, fault 0" in done.stderr
    session = load(short.folder, "native").session()
    answers, flags = (np.concatenate(both) for both in zip(session.run(plan), session.flush(), strict=True))
    preview = len(answers) - len(plan)
    given = np.array([line.split() for line in done.stdout.splitlines()], float)
    np.testing.assert_allclose(given[:, :2], plan[:, :2] + answers[preview:], atol=2e-5)
    np.testing.assert_array_equal(given[:, 2], flags[preview:])


def test_torchscript_needs_libtorch_and_no_python(programs: Path, short: Exported, path: np.ndarray) -> None:
    done = run(programs / "answer", short.folder, "torchscript", text=as_text(path[:10]), LD_DEBUG="files")
    skip_without_plugin(done)
    assert done.returncode == 0
    assert "libtorch_cpu.so" in done.stderr
    assert "libpython" not in done.stderr
    assert "libtorch_python" not in done.stderr


def test_the_native_engine_needs_no_torch_and_no_grpc(programs: Path, short: Exported, path: np.ndarray) -> None:
    done = run(programs / "answer", short.folder, "native", text=as_text(path[:10]), LD_DEBUG="files")
    assert done.returncode == 0
    assert "liblearn_rt_runtime.so" in done.stderr
    assert not [name for name in ("libtorch", "libgrpc", "libprotobuf", "libpython") if name in done.stderr]


def test_what_goes_wrong_is_one_line(programs: Path, short: Exported, tmp_path: Path) -> None:
    for text, folder, cause in (
        ("1 2\n", short.folder, "a sample is 5 numbers"),
        ("", tmp_path, "SHA256SUMS: no such file"),
    ):
        done = run(programs / "answer", folder, "native", text=text)
        assert (done.returncode, done.stderr.count("\n")) == (1, 1)
        assert done.stderr.startswith("answer: ")
        assert cause in done.stderr
    assert run(programs / "answer").returncode == 2


@pytest.mark.parametrize("option", ["--cmakedir", "--includedir", "--libdir"])
def test_python_tells_where_the_package_lies(option: str) -> None:
    done = run(sys.executable, "-m", "learn_rt", option)
    assert done.returncode == 0, done.stderr
    expected = {"--cmakedir": "learn_rtConfig.cmake", "--includedir": "learn_rt/model.h"}
    assert (Path(done.stdout.strip()) / expected.get(option, "liblearn_rt_runtime.so")).is_file()
