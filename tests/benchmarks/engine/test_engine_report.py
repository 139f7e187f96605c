"""The engine's benchmark: ratios and floors from blocks whose truth is known, the JSON's schema, one row for real."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from learn_rt.benchmarks.engine import report
from learn_rt.benchmarks.engine.arms import Arm
from learn_rt.benchmarks.engine.cli import main
from learn_rt.benchmarks.engine.measure import Measured, Timed, WrongAnswer, _timed, ratio
from learn_rt.benchmarks.engine.models import NETS, ROLLOUTS, ROWS
from learn_rt.benchmarks.latency.histogram import Blocks
from learn_rt.spec import Weights

KEYS = [
    "model",
    "weights",
    "answer_us",
    "sustained_us",
    "onnxruntime_step_us",
    "onnxruntime_us",
    "torchscript_us",
    "step_ratio",
    "answer_ratio",
    "sustained_ratio",
    "bound_us",
]


def blocks(us: float, n_blocks: int = 12, n: int = 100) -> Blocks:
    ns = np.array([round(us * 1e3)], np.int64)
    return Blocks(ns, np.full((n_blocks, 1), n, np.int64), np.repeat(ns, n_blocks))


def timed(answer: float, sustained: float) -> Timed:
    return Timed(blocks(answer), blocks(sustained), compared=1, worst=0.0)


def measured(model: str, **arms: Timed) -> Measured:
    row: Any = SimpleNamespace(model=model, threads=1, folders={Weights.FP32: Path()})
    bounds = {Weights.FP32: np.full(12, 0.5)}
    return Measured(row, arms, {Weights.FP32: blocks(9.0)}, bounds, {})


def test_ratios_are_the_baselines_median_over_ours() -> None:
    found = ratio(blocks(2.0), blocks(30.0))
    assert (found.value, found.low, found.high) == pytest.approx((15.0, 15.0, 15.0))


def test_the_json_has_the_agreed_keys() -> None:
    arms = {
        "fp32": timed(2.0, 40.0),
        "onnxruntime_step": timed(30.0, 30.0),
        "onnxruntime": timed(100.0, 100.0),
        "torchscript": timed(400.0, 400.0),
    }
    (row,) = report.as_json(measured("printer-56x2-w20", **arms))
    assert list(row) == KEYS
    assert (row["step_ratio"], row["answer_ratio"], row["sustained_ratio"]) == (15.0, 50.0, 2.5)
    for key in KEYS:
        if key.endswith("_us"):
            assert list(row[key]) == ["p50", "p99", "p999", "max", "n"]
    assert row["answer_us"]["n"] == 1200
    assert row["bound_us"]["p50"] == 0.5
    json.dumps(row, allow_nan=False)


def test_without_a_step_there_is_nothing_to_compare_it_with() -> None:
    arms = {"fp32": timed(30.0, 30.0), "onnxruntime": timed(60.0, 60.0), "torchscript": timed(90.0, 90.0)}
    (row,) = report.as_json(measured("gait-mlp-15", **arms))
    assert row["onnxruntime_step_us"] is None
    assert row["step_ratio"] is None


def test_a_floor_that_is_missed_is_named() -> None:
    assert report.judged("printer-56x2-w20", "fp32", [12.0, 41.0, 2.5]) == "met"
    assert report.judged("printer-56x2-w20", "fp32", [9.0, 41.0, 2.0]) == "step 9 < 10, sustained 2 < 2.2"
    assert report.judged("cost-mlp", "int8", [None, 3.0, 3.0]) == ""


def test_every_row_has_a_net_and_a_floor() -> None:
    for model in ROWS:
        assert ROLLOUTS.get(model, (model,))[0] in NETS
        assert (model, "fp32") in report.FLOORS


def test_a_wrong_answer_is_no_measurement() -> None:
    row: Any = SimpleNamespace(model="cost-mlp")
    lap = {"compared": 5, "worst": 0.5, "answer": {}, "sustained": {}}
    with pytest.raises(WrongAnswer, match=r"cost-mlp, fp32: 5 answers compared, the worst 5.00e-01"):
        _timed(row, Arm("fp32", None, 1e-3), [lap])
    with pytest.raises(WrongAnswer, match="0 answers compared"):
        _timed(row, Arm("fp32", None, 1e-3), [lap | {"compared": 0, "worst": 0.0}])


def test_one_row_end_to_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "engine.json"
    arguments = ["--rows", "cost-mlp", "--seconds", "0.3", "--cold-seconds", "0.1", "--where"]
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--cache", str(tmp_path / "nets"), "--json", str(path)])
    assert ended.value.code == 0
    rows = json.loads(path.read_text())
    assert [(row["model"], row["weights"]) for row in rows] == [("cost-mlp", form) for form in ("fp32", "bf16", "int8")]
    for row in rows:
        assert row["bound_us"]["p50"] > 0
        assert 0 < row["answer_us"]["p50"] <= row["sustained_us"]["p50"] <= row["sustained_us"]["max"]
    printed = capsys.readouterr().out
    assert "a model that does nothing answers in" in printed
    assert "from the files to the first answer" in printed
