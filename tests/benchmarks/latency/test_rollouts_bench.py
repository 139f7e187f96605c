"""`learn-bench rollouts`: every backend and number of threads in turn, and every answer right."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("learn_rt._latency", reason="the timing loops are not built")

from learn_rt.benchmarks.latency.own_models import write_own_model
from learn_rt.benchmarks.rollouts import measure


def test_each_backend_is_timed_on_each_number_of_threads(tmp_path: Path) -> None:
    folder = write_own_model("dynamics", tmp_path).version_folder
    rows = measure(folder, 5, [2], 0.5)
    assert [(row["backend"], row["threads"]) for row in rows] == [
        ("native", 1),
        ("native", 2),
        ("onnxruntime", 1),
        ("onnxruntime", 2),
    ]
    assert rows[0]["ratio"] == {"p50": 1.0, "low": 1.0, "high": 1.0}
    assert all(row["latency_us"]["n"] > 0 for row in rows)


def test_a_model_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="kind rollout, it is pointwise"):
        measure(write_own_model("cost", tmp_path).version_folder, 5, [1], 0.5)
