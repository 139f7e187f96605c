"""What a gate is made of besides the judgement: which gates there are, their budgets, and that answers are right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from learn_rt.benchmarks.latency.folders import empty_name, find_models
from learn_rt.benchmarks.latency.gate import WrongAnswer, auto_seconds, budget_of, cases, verify
from learn_rt.benchmarks.latency.histogram import Blocks
from learn_rt.benchmarks.latency.measure import CLOSED, COLD, PACED, STAGES, Measured
from learn_rt.spec import Kind, Signal, Spec


def spec(**provenance: Any) -> Spec:
    """A model's spec with a provenance."""
    signals = (Signal("a", "mm"),)
    return Spec("m", Kind.POINTWISE, 0.002, signals, signals, provenance=provenance)


def measured(**changes: Any) -> Measured:
    """An arm that answered."""
    one = Blocks(np.array([1000]), np.array([[5]]), np.array([1000]))
    body = {"latency": one, "stages": dict.fromkeys(STAGES, one), "settle": one}
    return Measured(**(body | {"compared": 10, "limited": 0, "worst": 1e-6} | changes))


def test_every_transport_is_gated_closed_and_paced_and_the_own_process_cold_too() -> None:
    names = [case.name for case in cases(["a"], ["inproc", "grpc"])]
    assert names == ["a-inproc-closed", "a-inproc-paced", "a-inproc-cold", "a-grpc-closed", "a-grpc-paced"]


def test_an_unknown_transport_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="got tcp"):
        cases(["a"], ["inproc", "tcp"])


def test_the_budget_is_the_options_then_the_specs_then_a_millisecond() -> None:
    assert budget_of(spec(), None) == {"p50": 1000.0, "p99": 1000.0}
    assert budget_of(spec(latency_budget_us=400), None) == {"p50": 400.0, "p99": 400.0}
    assert budget_of(spec(latency_budget_us={"p99": 250.5}), None) == {"p99": 250.5}
    assert budget_of(spec(latency_budget_us=400), 80.0) == {"p50": 80.0, "p99": 80.0}


@pytest.mark.parametrize("stated", [0, -1, "fast", True, {"p95": 3}, {}, {"p50": None}])
def test_a_budget_that_is_none_is_an_error_and_not_the_default(stated: Any) -> None:
    with pytest.raises(ValueError, match="latency_budget_us"):
        budget_of(spec(latency_budget_us=stated), None)


def test_a_wrong_answer_is_an_error_whatever_the_latency() -> None:
    verify("a", measured(), 1e-6)
    with pytest.raises(WrongAnswer, match=r"2\.00e-06 away"):
        verify("a", measured(worst=2e-6), 1e-6)
    with pytest.raises(WrongAnswer, match="away"):
        verify("a", measured(worst=float("inf")), 1e-6)


def test_a_run_in_which_nothing_could_be_compared_is_an_error() -> None:
    with pytest.raises(WrongAnswer, match="limited 10"):
        verify("a", measured(compared=0, limited=10), 1e-6)


def test_a_gate_lasts_until_both_arms_have_the_samples_for_p99() -> None:
    assert auto_seconds(PACED, 0.002) / 0.002 / 2 >= 1000 * 1.1
    assert auto_seconds(COLD, 0.002) > auto_seconds(PACED, 0.002)
    assert auto_seconds(CLOSED, 0.002) == 4.0
    assert auto_seconds(CLOSED, 0.02) == 24.0  # a plan of 7 ms: 1,000 of each arm in it
    assert auto_seconds(PACED, 1.0) == 60.0


def test_the_newest_version_of_each_model_is_found_by_number(tmp_path: Path) -> None:
    for folder in ("b/2", "b/10", "b/.tmp-99", "a/1", "a/notes"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "spec.json").write_text("{}")
    assert [(m.name, m.version_folder.name) for m in find_models(tmp_path)] == [("a", "1"), ("b", "10")]


def test_a_repository_without_models_says_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"spec\.json"):
        find_models(tmp_path)


def test_the_empty_twins_name_stays_a_name() -> None:
    assert empty_name("printer") == "printer-empty"
    assert len(empty_name("m" * 64)) == 64
