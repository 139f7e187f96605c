"""`make demo` in small: from G-code to a better print through a served model, and the report that others read."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
METHODS = ["planned", "zv", "mzv", "ei", "inverse", "filter", "ours"]
FIGURES = {"rms_um", "contour_rms_um", "contour_p99_um", "contour_max_um"}
pytestmark = pytest.mark.timeout(900)  # it trains two models
LATENCY = {"p50", "p99", "p999", "max", "n", "missed"}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that a demo of four small parts left; an epoch of a tenth of the paths."""
    folder = tmp_path_factory.mktemp("demo")
    parts, out = folder / "parts", folder / "out"
    parts.mkdir()
    for name in ("bearing", "boat", "gear", "star"):
        shutil.copy(ROOT / "examples" / f"{name}.gcode", parts)
    small = ["loop.epochs=1", "stretches.train=32", "targets.rounds=2"]
    command = [sys.executable, "-m", "learn_rt.benchmarks.printing.demo", "--parts", str(parts), "--out", str(out)]
    command += ["--layers", "1", "--hard-s", "6", *(text for setting in small for text in ("--set", setting))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=800)
    assert done.returncode == 0, done.stderr
    assert "learn-rt leaves" in done.stdout + done.stderr
    return out


@pytest.fixture(scope="module")
def report(demo: Path) -> dict[str, Any]:
    body: dict[str, Any] = json.loads((demo / "report.json").read_text())
    return body


def test_the_report_says_what_others_read(report: dict[str, Any]) -> None:
    assert Path(report["source"]).name == "bearing.gcode"
    assert {"windows", "epochs", "seconds"} <= set(report["train"])
    assert {"r2", "mae_um", "rmse_um", "corr"} <= set(report["accuracy"])
    for plant in ("linear", "nonlinear"):
        rows = report["closed_loop"][plant]
        assert [m for m in rows if m in METHODS] == METHODS
        assert all(set(rows[m]) >= FIGURES for m in METHODS)
    assert set(report["parity"]) == {"onnx", "torchscript", "step"}
    assert set(report["latency_us"]) == {"inproc", "unix", "grpc"}
    assert all(set(row) == LATENCY for row in [*report["latency_us"].values(), report["hiccup_us"]])
    assert report["seconds_total"] > 0


def test_the_served_model_makes_the_print_better(report: dict[str, Any]) -> None:
    left = {p: {m: r["contour_rms_um"] for m, r in rows.items()} for p, rows in report["closed_loop"].items()}
    best = min(left["nonlinear"][m] for m in METHODS[:-1])
    assert left["nonlinear"]["ours"] <= 0.4 * best
    assert left["linear"]["ours"] <= 1.2 * left["linear"]["inverse"]
    assert left["linear"]["ours"] < min(left["linear"][m] for m in ("zv", "mzv", "ei"))


def test_a_killed_server_leaves_the_print_inside_the_envelope_and_the_same_bits(report: dict[str, Any]) -> None:
    minute = report["details"]["hard_minute"]
    assert minute["outside_envelope"] == 0
    assert minute["replayed_different"] == 0
    assert minute["replayed"] > 1000
    assert minute["policy_ticks"] > 0
    assert minute["away_s"] > 0


def test_models_and_pictures_are_left(demo: Path) -> None:
    assert (demo / "models" / "printer" / "1" / "model.onnx").is_file()
    for name in ("print-linear", "print-nonlinear", "hard-minute"):
        assert (demo / f"{name}.png").read_bytes().startswith(b"\x89PNG")
