"""The systems' pages are true: their commands run one after another as they stand, with less data and smaller nets."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path

import h5py
import numpy as np
import pytest
from page_commands import ROOT, run_page

import learn_rt.runtime
from learn_rt.train import cli
from learn_rt.train.core.config import LoopConfig

CODE = re.compile(r"`([^`]+)`")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the page is followed: a project's folder, empty."""
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.chdir(project)
    return project


def test_the_commands_of_the_table_page_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = "loop.epochs=1 samples_per_epoch=2000 net.hidden_size=8 threads=1"
    run_page("table.md", monkeypatch, {"name=arm out=runs/arm\n": f"name=arm out=runs/arm {quick}\n"})
    assert json.loads((folder / "runs/arm/eval/metrics.json").read_text())["r2"] > 0.8
    assert (folder / "models/arm/1/model.onnx").is_file()


def test_the_commands_of_the_gait_page_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _publish_weights(folder)
    run_page(
        "gait.md",
        monkeypatch,
        {
            "--sequences 4000": "--sequences 60",
            "loop.epochs=4": "loop.epochs=1 net.hidden=[16] threads=1",
            "--format all": "--format onnx",
            "--out walk.gif": "--out walk.gif --seconds 0.1 --cycle 0.2",
            "deadline_us=5000": "deadline_us=500000",
            "published.ckpt --out models": "published.ckpt --format onnx --out models",
        },
    )
    assert (folder / "walk.gif").stat().st_size > 1000
    assert (folder / "models/gait/2/model.onnx").is_file()


def test_the_commands_of_the_cost_page_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    with h5py.File("rollouts.h5", "w") as file:  # what a reader has
        file["parameter_names"] = ["gait_stride", "gait_cadence", "weight_kg", "subject"]
        for i in range(40):
            state = [rng.uniform(0.5, 0.9), rng.uniform(80, 130), rng.uniform(50, 90), i % 5]
            group = file.create_group(f"param_{i}")
            group["param_state"] = state
            group.attrs["success"] = True
            group.attrs["metabolic/cot/MA/mean"] = state[0] * state[1] / 30
    quick = "loop.epochs=100 loop.validate_every=50"
    run_page(
        "cost.md",
        monkeypatch,
        {
            "--out data/cost\n": "--out data/cost --rollouts 80\n",
            "out=runs/cost\n": f"out=runs/cost {quick}\n",
            "split.by=subject\n": f"split.by=subject {quick} out=runs/own\n",
            "--format all": "--format onnx",
        },
    )
    assert (folder / "runs/cost/eval/metrics.json").is_file()
    assert (folder / "runs/own/best.ckpt").is_file()
    assert (folder / "models/cost/1/model.onnx").is_file()


def test_the_commands_of_the_activity_page_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrist = np.random.default_rng(1).normal(size=(60, 3))
    _pack_clips(Path("utd_mhad_clips.npz"))
    small = "net.window=20 net.extractor.n_filters=4 net.extractor.n_dense=8 net.regressor.fc_hidden=8 threads=1"
    run_page(
        "activity.md",
        monkeypatch,
        {
            "--raw data/made-up": "--raw data/made-up --people 4 --actions 2 --repeats 2 --seconds 1",
            "data=data/activity out=runs/activity": f"data=data/activity out=runs/activity loop=debug {small}",
            "loop.epochs=0 out=runs/regressor": f"loop.epochs=0 out=runs/regressor {small}",
            "loop.epochs=24 seed=0 threads=1": f"loop=debug loop.epochs=1 seed=0 {small}",
            "deadline_us=2000": "deadline_us=500000",
            "unix:/tmp/learn.sock": f"unix:{folder}/s",
        },
        {"wrist": lambda: wrist},
    )
    assert (folder / "models/activity/1/model.onnx").is_file()
    assert (folder / "runs/utd-0/results.json").is_file()


def test_the_commands_of_the_dynamics_page_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mujoco")
    _write_recordings(Path("logs"), ("a", "b"), n_positions=3, seconds=12.0)
    _write_recordings(folder.parent / "shared/data/dynamics", ("dfki_A0_sysid_00", "dfki_A0_sysid_01"), 2, 3.0)
    small = "net.hidden_size=8 net.head_size=8 loop.epochs=1 threads=1 examples=1"
    run_page(
        "dynamics.md",
        monkeypatch,
        {
            "--trajectories 200 --seconds 2": "--trajectories 12 --seconds 0.5",
            "net.window=3 loop.epochs=3": f"net.window=3 {small}",
            "threads=1 loss.mirror=true loss.states=0.5 loop.epochs=12": f"loss.mirror=true loss.states=0.5 {small}",
            "--data data/cartpole --models ours": "--data data/cartpole --models ours --seeds 1 --seconds 0.2",
            "unix:/tmp/learn.sock": f"unix:{folder}/s",
        },
        {
            "learn_rt": learn_rt,
            "state": np.zeros(6, np.float32),
            "action_before": np.zeros(1, np.float32),
            "actions": np.zeros((64, 75, 1), np.float32),
        },
    )
    assert (folder / "models/dynamics/1/model.onnx").is_file()
    assert len(list((folder / "data/arm").glob("*.csv"))) > 2  # two recordings of 12 s, cut


def test_the_commands_of_the_printer_error_page_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = "net.hidden_size=8 net.front_size=8 threads=1 split.block=1 split.guard=0 split.parts=[cube] stride=10"
    small += " net.window=12"
    run_page(
        "printer-error.md",
        monkeypatch,
        {
            "examples/*.gcode": "examples/star.gcode examples/cube.gcode --layers 1-3",
            "out=runs/error\n": f"out=runs/error loop.epochs=1 {small}\n",
            "loop.epochs=40 data=data/benchy": f"loop.epochs=1 {small} data=data/error",
            "data=data/new split.block=4": f"data=data/error {small}",
            "loop.epochs=8": "loop.epochs=1",
        },
    )
    assert (folder / "runs/error/eval/report.md").is_file()
    assert (folder / "runs/new/best.ckpt").is_file()
    assert (folder / "models/printer-error/1/model.onnx").is_file()


def test_the_commands_of_the_training_page_run_and_leave_the_files_that_it_names(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cli.data(["cost", "make", "--out", "data", "--rollouts", "60"])
    keys = "loop.epochs=40 loop.validate_every=20 loop.keep_top=2 loop.keep_every=20 logger=[tensorboard] out=runs/cost"
    run_page(
        "training.md",
        monkeypatch,
        {
            "system=NAME data=DIR [key=value ...]": f"system=cost data=data {keys}",
            "system=NAME --help        groups": "system=cost --help        # groups",
            "system=NAME ... --cfg     the": "system=cost --cfg     # the",
            "CKPT [--data DIR] [--out DIR]": "runs/cost/best.ckpt --data data --out report",
        },
    )
    said = capsys.readouterr().out
    assert "groups (group=option; the first is the default):" in said
    assert '"recon_type": "huber"' in said
    assert (folder / "report/metrics.json").is_file()
    page = (ROOT / "docs/training.md").read_text()
    files = page.partition("## The run folder")[2].partition("learn-eval")[0]
    named = [name for row in files.splitlines() if row.startswith("| `") for name in CODE.findall(row.split("|")[1])]
    assert len(named) > 8
    for name in named:
        assert name == "wandb/" or (folder / "runs/cost" / name).exists(), name


def test_the_training_page_names_no_key_of_the_loop_that_is_not_there() -> None:
    page = (ROOT / "docs/training.md").read_text()
    rows = page.partition("## The loop")[2].partition("## ")[0]
    keys = [key for row in rows.splitlines() if row.startswith("| `") for key in CODE.findall(row.split("|")[1])]
    assert len(keys) > 15
    assert {key.removeprefix("loop.") for key in keys} <= {f.name for f in fields(LoopConfig)}


def _publish_weights(folder: Path) -> None:
    """Write what others would have published: weights.npz, parameters.csv, Sim_Healthy.npz."""
    cli.data(["gait", "synthetic", "--out", "others", "--sequences", "8"])
    (folder / "others/parameters.csv").rename("parameters.csv")
    (folder / "others/refined_data_0000.npz").rename("Sim_Healthy.npz")
    with np.load("Sim_Healthy.npz") as file:
        n_inputs, n_pose = file["params"].shape[1] + 2, 101
    rng = np.random.default_rng(3)
    sizes = {"fc.0": (16, n_inputs), "fc.2": (n_pose, 16)}
    weights = {f"{name}.weight": 0.1 * rng.normal(size=shape) for name, shape in sizes.items()}
    np.savez("weights.npz", **weights, **{f"{name}.bias": np.zeros(shape[0]) for name, shape in sizes.items()})


def _pack_clips(path: Path) -> None:
    """Write eight subjects' clips of two actions as packed UTD-MHAD."""
    rng = np.random.default_rng(2)
    which = [(action, subject, 1) for subject in range(1, 9) for action in (1, 2)]
    np.savez(
        path,
        inertial=rng.normal(size=(100 * len(which), 6)),
        skeleton=rng.normal(size=(60 * len(which), 20, 3)),
        inertial_offsets=100 * np.arange(len(which) + 1),
        skeleton_offsets=60 * np.arange(len(which) + 1),
        action_subject_trial=np.array(which),
    )


def _write_recordings(folder: Path, names: tuple[str, ...], n_positions: int, seconds: float) -> None:
    """Write trajectories at 100 Hz in the columns that the page names, every joint a swing of its own."""
    folder.mkdir(parents=True)
    t = np.arange(0.0, seconds, 0.01)
    for i, name in enumerate(names):
        speeds = 1.0 + np.arange(n_positions) + 0.3 * i
        columns = {"timestamp": t}
        columns |= {f"qpos_{k}": np.sin(w * t) for k, w in enumerate(speeds)}
        columns |= {f"qvel_{k}": w * np.cos(w * t) for k, w in enumerate(speeds)}
        columns |= {f"ctrl_{k}": -w * w * np.sin(w * t) for k, w in enumerate(speeds)}
        rows = np.column_stack(list(columns.values()))
        np.savetxt(folder / f"{name}.csv", rows, fmt="%.9g", delimiter=",", header=",".join(columns), comments="")
