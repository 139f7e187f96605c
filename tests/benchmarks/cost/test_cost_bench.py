"""`learn-bench cost` measures every loop on the same task, and every method on the same rows."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from learn_rt.benchmarks import cli


def run(*argv: str) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["cost", *argv])
    assert ended.value.code == 0


def test_every_loop_learns_the_same_task(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = tmp_path / "speed.json"
    run("speed", "--epochs", "150", "--rollouts", "40", "--json", str(found))
    loops = json.loads(found.read_text())["loops"]
    assert set(loops) == {"learn-train", "DataLoader loop", "loop over one tensor"}
    assert all(row["cpu_s"] > 0 for row in loops.values())
    losses = [row["loss"] for row in loops.values()]
    assert max(losses) < 0.2  # from about 5 before the first step
    assert "times ours" in capsys.readouterr().out


def test_every_method_is_judged_on_the_same_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("sklearn")
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (80, 2))
    rows = np.column_stack([x, 10.0 + x[:, 0] - 2.0 * x[:, 1]])
    table = tmp_path / "plane.csv"
    np.savetxt(table, rows, delimiter=",", header="a,b,height", comments="")
    found = tmp_path / "accuracy.json"
    quick = ["net.layers=[16]", "loop.epochs=300", "loss.recon_type=mse"]
    run("accuracy", str(table), *quick, "--output", "height", "--seeds", "1", "--members", "1", "--json", str(found))
    methods = json.loads(found.read_text())["methods"]
    assert methods["learn-train"]["rmse"][0] < 0.1  # of a standard deviation of 1.3
    assert len(methods) == 6
    assert "gradient boosting" in capsys.readouterr().out
