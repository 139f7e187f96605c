"""Logs as people have them: signals of different rates on clocks of their own, in every format, with a known lag."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pytest
from command_lines import failed
from pyarrow import csv, parquet

from learn_rt.train import cli

LAG_S = 0.06  # the flow follows the valve's command
Signals = dict[str, tuple[np.ndarray, np.ndarray]]


def plant(seed: int, seconds: float = 20.0, early_s: float = 0.0) -> Signals:
    """Return name -> (times [s], values): a valve's command at 200 Hz, a level [m] at 50 Hz, the flow at 100 Hz.

    `early_s` is how much the flow meter's clock is slow: its samples seem to come that much earlier.
    """
    rng = np.random.default_rng(seed)
    t = np.arange(0.0, seconds, 0.005)
    command = np.convolve(rng.normal(size=len(t) + 30), np.ones(31) / 31, "valid")
    t_level, t_flow = np.arange(0.0011, seconds, 0.02), np.arange(0.0023, seconds, 0.01)
    level = 1.4 + 0.1 * np.sin(0.3 * t_level + seed)
    flow = 3.0 * np.interp(t_flow - LAG_S, t, command) + np.interp(t_flow, t_level, level)
    return {
        "command": (t, command),
        "level": (t_level, level),
        "flow": (t_flow - early_s, flow + 0.01 * rng.normal(size=len(t_flow))),
    }


def joined(signals: Signals) -> pa.Table:
    """Return one table with a row for each time that any signal has, as merged logs are."""
    times = np.unique(np.concatenate([t for t, _ in signals.values()]))
    columns = {"time": times}
    for name, (t, v) in signals.items():
        columns[name] = np.full(len(times), np.nan)
        columns[name][np.searchsorted(times, t)] = v
    return pa.table({name: pa.array(v, from_pandas=True) for name, v in columns.items()})


def write_csv(path: Path, signals: Signals) -> None:
    csv.write_csv(joined(signals), path.with_suffix(".csv"))


def write_parquet(path: Path, signals: Signals) -> None:
    parquet.write_table(joined(signals), path.with_suffix(".parquet"))


def write_hdf5(path: Path, signals: Signals) -> None:
    with h5py.File(path.with_suffix(".h5"), "w") as file:
        for name, (t, v) in signals.items():
            file[f"{name}/stamp"], file[f"{name}/{name}"] = np.int64(1.76e18) + np.rint(t * 1e9).astype(np.int64), v


def write_npz(path: Path, signals: Signals) -> None:
    times = {f"{name}_time": t for name, (t, _) in signals.items()}
    np.savez(path.with_suffix(".npz"), **times, **{name: v for name, (_, v) in signals.items()})


Writer = Callable[[Path, Signals], None]


def train(folder: Path, *more: str, names: tuple[str, ...] = ("command", "level", "flow")) -> dict[str, Any]:
    *inputs, output = names
    out = folder.parent / "run"
    keys = ["system=table", "threads=1", "loop.epochs=0", "net.hidden_size=4", "overwrite=true", f"data={folder}"]
    cli.train([*keys, f"out={out}", f"inputs=[{','.join(inputs)}]", f"outputs=[{output}]", *more])
    results: dict[str, Any] = json.loads((out / "results.json").read_text())
    return results


def refused(capsys: pytest.CaptureFixture[str], folder: Path, *more: str) -> str:
    code, line = failed(capsys, lambda argv: train(folder, *argv), *more)
    assert code == 1
    return line


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "logs").mkdir()
    return tmp_path / "logs"


@pytest.mark.parametrize("write", [write_csv, write_parquet, write_hdf5, write_npz])
def test_rates_are_brought_together_and_the_lag_is_reported(
    write: Writer, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for k in range(3):
        write(folder / f"run-{k}", plant(k))
    group = write is write_hdf5
    names = tuple(f"{n}/{n}" if group else n for n in ("command", "level", "flow"))
    results = train(folder, names=names)
    assert results["dt_s"] == pytest.approx(0.005)
    lag = results["lags"][0]
    assert (lag["input"], lag["output"]) == (names[0], names[2])
    assert lag["seconds"] == pytest.approx(LAG_S, abs=0.005)
    assert results["warnings"] == []
    assert results["accuracy"]["r2"] > 0.95  # the linear map alone
    said = capsys.readouterr().err
    assert f"resampled: {names[1]} (50 Hz)" in said
    assert f"{names[2]} (100 Hz)" in said
    assert f"{names[2]} follows {names[0]} by 0.06 s" in said


def test_a_lag_that_no_window_holds_and_a_clock_that_is_off_are_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for k in range(3):
        write_npz(folder / f"run-{k}", plant(k))
    [warning] = train(folder, "window=5")["warnings"]
    assert warning == "flow follows command by 12 samples, but the window holds 5: set window=24"
    for k in range(3):
        write_npz(folder / f"run-{k}", plant(k, early_s=0.16))
    [warning] = train(folder)["warnings"]
    assert warning.startswith(
        "flow comes 20 samples before command: a clock may be off, or the answer needs preview=20"
    )
    assert f"warning: {warning}" in capsys.readouterr().err


@pytest.mark.parametrize("write", [write_csv, write_npz])
def test_a_column_in_another_unit_is_named_with_its_file_and_what_to_do(
    write: Writer, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for k in range(4):
        signals = plant(k)
        if k == 2:  # its level is in mm
            signals["level"] = (signals["level"][0], 1000.0 * signals["level"][1])
        write(folder / f"run-{k}", signals)
    line = refused(capsys, folder)
    assert f"run-2{'.csv' if write is write_csv else '.npz'}: level is " in line
    assert "m and mm" in line
    assert "Convert the file, leave it out, or set unit_check=false" in line
    assert "command" not in line
    assert "flow" not in line
    train(folder, "unit_check=false")
    cli.data(["table", str(folder)])
    assert "level is " in capsys.readouterr().out


def test_values_that_are_missing_between_others_are_named_in_a_merged_log(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for k in range(3):
        signals = plant(k)
        if k == 1:
            signals["level"][1][[100, 101, 400]] = np.nan
        write_hdf5(folder / f"run-{k}", signals)
    names = ("command/command", "level/level", "flow/flow")
    with pytest.raises(SystemExit):
        train(folder, names=names)
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert "run-1.h5: values are missing: level/level in 3 of 1,000 rows, first row 101" in line
    assert "Set missing=drop" in line
    train(folder, "missing=drop", names=names)
    train(folder, "missing=interpolate", names=names)


def test_a_column_that_never_changes_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for k in range(3):
        signals = plant(k)
        write_parquet(folder / f"run-{k}", signals | {"level": (signals["level"][0], 0 * signals["level"][1] + 1.5)})
    [warning] = train(folder)["warnings"]
    assert warning.startswith("input level is 1.5 in all training data")
    assert warning.endswith("leave it out of inputs=")
    for k in range(3):
        signals = plant(k)
        write_parquet(folder / f"run-{k}", signals | {"flow": (signals["flow"][0], 0 * signals["flow"][1])})
    line = refused(capsys, folder)
    assert "output flow is 0 in all training data: there is nothing to learn; give other files" in line


def test_signals_that_began_at_different_times_stay_where_they_were(folder: Path) -> None:
    for k in range(3):
        signals = plant(k)
        t, flow = signals["flow"]
        write_hdf5(folder / f"run-{k}", signals | {"flow": (t[150:], flow[150:])})  # it was switched on 1.5 s later
    lag = train(folder, names=("command/command", "level/level", "flow/flow"))["lags"][0]
    assert lag["seconds"] == pytest.approx(LAG_S, abs=0.005)


def test_clocks_that_never_meet_are_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for k in range(3):
        write_npz(folder / f"run-{k}", plant(k, early_s=1000.0))
    line = refused(capsys, folder)
    assert "run-0.npz: level begins 980 s after flow has ended: their times count from different moments" in line


@pytest.mark.parametrize("write", [write_csv, write_parquet])
def test_two_signals_in_one_merged_table_are_no_missing_values(write: Writer, folder: Path) -> None:
    for k in range(3):
        signals = plant(k)
        write(folder / f"run-{k}", {name: signals[name] for name in ("command", "flow")})  # two of three rows hold it
    assert train(folder, names=("command", "flow"))["lags"][0]["seconds"] == pytest.approx(LAG_S, abs=0.005)
