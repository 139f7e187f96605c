"""The pytest plugin as a user meets it: an empty folder, a model repository, one command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from learn_rt.benchmarks.latency import gate
from learn_rt.benchmarks.latency.gate import Case, Report
from learn_rt.benchmarks.latency.histogram import Blocks
from learn_rt.benchmarks.latency.judge import judge
from learn_rt.benchmarks.latency.measure import STAGES, Measured

pytest_plugins = ["pytester"]


def blocks(median_us: float) -> Blocks:
    """Twelve blocks of latencies about a median."""
    rng = np.random.default_rng(0)
    durations = (median_us * rng.lognormal(0.0, 0.1, (12, 100))).astype(np.int64) * 1000
    edges = np.unique(durations)
    counts = np.stack([np.bincount(np.searchsorted(edges, d), minlength=len(edges)) for d in durations])
    return Blocks(edges, counts, durations.max(axis=1))


def report(case: Case, median_us: float, sleeper_us: float) -> Report:
    """What a gate would find of a model and a machine."""
    model, empty = (
        Measured(latency, dict.fromkeys(STAGES, latency), latency, 100, 0, 0.0)
        for latency in (blocks(median_us), blocks(50.0))
    )
    hiccup = blocks(sleeper_us)
    judgements = tuple(judge(model.latency, empty.latency, hiccup, {"p50": 1000.0, "p99": 1000.0}))
    return Report(case, "native", "apart", 2000.0, model, empty, hiccup.figures(), judgements)


@pytest.fixture
def models(pytester: pytest.Pytester) -> Path:
    """A repository of two models, as far as collection looks."""
    for name in ("arm", "gait"):
        folder = pytester.path / "models" / name / "1"
        folder.mkdir(parents=True)
        (folder / "spec.json").write_text("{}")
    return pytester.path / "models"


@pytest.fixture
def plugin(request: pytest.FixtureRequest) -> list[str]:
    """The arguments that load the plugin where the package is not installed with its entry points."""
    return [] if request.config.pluginmanager.hasplugin("learn_rt") else ["-p", "learn_rt.benchmarks.plugin"]


def test_every_model_gets_its_gates_over_the_named_transports(
    pytester: pytest.Pytester, models: Path, plugin: list[str]
) -> None:
    result = pytester.runpytest_inprocess(
        *plugin, "--benchmark-only", "--learn-models", str(models), "--learn-transports", "unix", "--collect-only", "-q"
    )
    gates = sorted(line.partition("[")[2].rstrip("]") for line in result.outlines if "test_latency[" in line)
    assert gates == ["arm-unix-closed", "arm-unix-paced", "gait-unix-closed", "gait-unix-paced"]


def test_verdicts_become_pass_failure_and_skip_and_raw_figures_are_always_shown(
    pytester: pytest.Pytester, models: Path, plugin: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {"closed": (200.0, 60.0), "paced": (1500.0, 60.0), "cold": (200.0, 1500.0)}

    def run(bench: Any, case: Case, *given: Any) -> Report:
        assert given == (750.0, None, None)
        return report(case, *found[case.mode])

    monkeypatch.setattr(gate, "run", run)
    arguments = ["--benchmark-only", "--learn-models", str(models), "--learn-transports", "inproc"]
    result = pytester.runpytest_inprocess(*plugin, *arguments, "--learn-budget-us", "750", "-rA", "-k", "arm")
    result.assert_outcomes(passed=1, failed=1, skipped=1, deselected=3)
    result.stdout.fnmatch_lines_random(
        [
            "*p50 * passes 1000; the model adds *",
            "*not judged: the machine is too late itself*",
            "arm: one prediction",
            "in process, closed *pass*",
            "in process, paced *fail*",
            "in process, cold *not judged*",
            "where the time goes, p50/p99",
            "  machine *",
        ]
    )


def test_a_folder_without_named_models_gets_no_gates(pytester: pytest.Pytester, plugin: list[str]) -> None:
    pytester.makepyfile("def test_mine(): pass\ndef test_bench(benchmark): benchmark(int)")
    result = pytester.runpytest_inprocess(*plugin, "--benchmark-only")
    result.assert_outcomes(passed=1, deselected=1)
    result.stdout.no_fnmatch_line("*latency gates*")


def test_benchmark_only_on_the_command_line_wins_over_benchmark_skip_in_the_configuration(
    pytester: pytest.Pytester, plugin: list[str]
) -> None:
    pytester.makeini("[pytest]\naddopts = --benchmark-skip")
    pytester.makepyfile("def test_mine(): pass\ndef test_bench(benchmark): benchmark(int)")
    pytester.runpytest_inprocess(*plugin, "-k", "mine or bench").assert_outcomes(passed=1, deselected=1)
    result = pytester.runpytest_inprocess(*plugin, "--benchmark-only", "-v")
    result.stdout.fnmatch_lines(["*test_bench PASSED*"])
    result.assert_outcomes(passed=1, deselected=1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--learn-transports", "tcp"], "*transports are inproc, shm, unix, grpc, got tcp*"),
        (["--learn-budget-us", "0"], "*must be a finite number above 0, got '0'*"),
        (["--learn-models", "nowhere"], "*nowhere holds no model*"),
    ],
)
def test_a_wrong_option_is_a_usage_error_that_says_what_must_hold(
    pytester: pytest.Pytester, models: Path, plugin: list[str], arguments: list[str], message: str
) -> None:
    result = pytester.runpytest_inprocess(*plugin, "--benchmark-only", "--learn-models", str(models), *arguments)
    assert result.ret in (pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.INTERRUPTED)
    assert any(message.strip("*") in line for line in result.outlines + result.errlines)


def test_without_pytest_benchmark_the_error_says_what_to_install(
    pytester: pytest.Pytester, models: Path, plugin: list[str]
) -> None:
    result = pytester.runpytest_inprocess(*plugin, "-p", "no:benchmark", "--learn-models", str(models))
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "pip install 'learn-rt[gates]'" in result.stderr.str()


def test_the_plugin_costs_other_runs_nothing() -> None:
    code = "import sys, learn_rt.benchmarks.plugin; print(*{'numpy', 'torch', 'onnx', 'rich'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == ""
