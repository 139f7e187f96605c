"""report.json keeps to its keys."""

import json
from pathlib import Path
from typing import Any

import pytest

from learn_rt.benchmarks.printing.report import METHODS, Report, best_linear

FIGURES = {"rms_um": 30.0, "contour_rms_um": 20.0, "contour_p99_um": 70.0, "contour_max_um": 90.0}
LATENCY = {"p50": 90.0, "p99": 180.0, "p999": 400.0, "max": 700.0, "n": 2000, "missed": 0}


def body() -> dict[str, Any]:
    plant = {name: dict(FIGURES) for name in METHODS}
    plant["zv"]["contour_rms_um"] = 8.0
    return {
        "source": "examples/bearing.gcode",
        "train": {"windows": 200_000, "epochs": 12, "seconds": 61.5},
        "accuracy": {"r2": 0.99, "mae_um": 1.2, "rmse_um": 2.0, "corr": 0.995},
        "closed_loop": {"linear": plant, "nonlinear": json.loads(json.dumps(plant))},
        "parity": {"onnx": 1e-9, "torchscript": 2e-9, "step": 3e-9},
        "latency_us": {"inproc": LATENCY, "unix": LATENCY, "grpc": LATENCY},
        "hiccup_us": LATENCY,
        "seconds_total": 140.0,
    }


def test_the_keys_are_those_that_were_agreed(tmp_path: Path) -> None:
    report = Report.from_json(json.dumps(body()))
    report.write(tmp_path / "deep" / "report.json")
    written = json.loads((tmp_path / "deep" / "report.json").read_text())
    agreed = body()
    agreed["train"]["reused"] = False
    assert written == agreed | {"details": {}}
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["report.json"]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (("closed_loop", "linear", "ours"), r"missing key 'ours' at \$\.closed_loop\.linear"),
        (("latency_us", "grpc", "missed"), r"missing key 'missed' at \$\.latency_us\.grpc"),
        (("seconds_total",), r"missing key 'seconds_total' at \$"),
    ],
)
def test_a_missing_figure_is_named(path: tuple[str, ...], said: str) -> None:
    broken = json.loads(json.dumps(body()))
    at = broken
    for key in path[:-1]:
        at = at[key]
    del at[path[-1]]
    with pytest.raises(ValueError, match=said):
        Report.from_json(json.dumps(broken))


def test_a_figure_that_is_no_number_is_never_written(tmp_path: Path) -> None:
    broken = body()
    broken["closed_loop"]["linear"]["ours"]["rms_um"] = "good"
    with pytest.raises(ValueError, match=r"\$\.closed_loop\.linear\.ours\.rms_um"):
        Report.from_json(json.dumps(broken))
    report = Report.from_json(json.dumps(body()))
    object.__setattr__(report.accuracy, "r2", float("nan"))
    with pytest.raises(ValueError, match="not JSON compliant"):
        report.write(tmp_path / "report.json")
    assert not list(tmp_path.iterdir())


def test_the_best_linear_method_is_neither_the_plan_nor_ours() -> None:
    plant = Report.from_json(json.dumps(body())).closed_loop.linear
    object.__setattr__(plant.ours, "contour_rms_um", 0.1)
    object.__setattr__(plant.planned, "contour_rms_um", 0.2)
    assert best_linear(plant) == "zv"
