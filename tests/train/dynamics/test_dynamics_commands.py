"""From data to rollouts through the commands: simulate, train, evaluate, export, and the runtime's answers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from learn_rt.export import export_servable
from learn_rt.train.cli import data, evaluate, train
from learn_rt.train.core.checkpoint import load, load_servable
from learn_rt.train.dynamics.baseline import LinearAutoregression
from learn_rt.train.dynamics.data import read_data
from learn_rt.train.dynamics.leave_one_out import main as leave_one_out
from learn_rt.train.dynamics.recording import read_recording
from learn_rt.train.dynamics.simulate import load_mechanism

pytest.importorskip("mujoco")
SHARED = Path(__file__).parents[4] / "shared" / "data" / "dynamics"
SMALL = [
    "system=dynamics", "threads=1", "horizon=2", "net.window=3", "net.hidden_size=8", "net.head_size=8",
    "loop.batch_size=128", "examples=2",
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Twelve trajectories of half a second."""
    out = tmp_path_factory.mktemp("data") / "cart"
    data(["dynamics", "simulate", "--out", str(out), "--trajectories", "12", "--seconds", "0.5", "--seed", "3"])
    return out


@pytest.fixture(scope="module")
def run(folder, tmp_path_factory) -> Path:
    """A run of two epochs, to be tested on a trajectory that moves a lot."""
    out = tmp_path_factory.mktemp("runs") / "cart"
    train([*SMALL, f"data={folder}", f"out={out}", "loop.epochs=2", "split.test=[swingup_00001,swingup_00006]"])
    return out


def test_a_simulation_is_the_same_for_the_same_seed(folder, tmp_path):
    again = ["dynamics", "simulate", "--trajectories", "12", "--seconds", "0.5"]
    data([*again, "--out", str(tmp_path / "same"), "--seed", "3"])
    data([*again, "--out", str(tmp_path / "other"), "--seed", "4"])
    for path in folder.iterdir():
        assert path.read_bytes() == (tmp_path / "same" / path.name).read_bytes()
    assert any(p.read_bytes() != (tmp_path / "other" / p.name).read_bytes() for p in folder.glob("*.csv"))


def test_the_cart_pole_swings_as_two_rods_do():
    # Small swings about hanging, cart held: M q'' = -K q of two uniform rods of 0.1 kg and 1 m, relative angles.
    import mujoco

    model = load_mechanism("double_cart_pole")
    model.dof_damping[:] = 0.0
    model.body_mass[1] = 1e6  # so heavy a cart stands
    m, g = 0.1, 9.81
    absolute = np.array([[1.0, 0.0], [1.0, 1.0]])  # of the relative angles
    mass = absolute.T @ (m * np.array([[1 / 3 + 1, 0.5], [0.5, 1 / 3]])) @ absolute
    stiffness = absolute.T @ (m * g * np.diag([1.5, 0.5])) @ absolute
    squared, shapes = np.linalg.eig(np.linalg.solve(mass, stiffness))
    slow = int(np.argmin(squared))
    found = mujoco.MjData(model)
    found.qpos[1:] = 0.01 * shapes[:, slow] / np.abs(shapes[:, slow]).max()
    angle = []
    for _ in range(1000):
        mujoco.mj_step(model, found)
        angle.append(found.qpos[1])
    crossings = np.flatnonzero(np.diff(np.sign(angle)) != 0)
    period = 2 * np.diff(crossings).mean() * model.opt.timestep
    assert period == pytest.approx(2 * np.pi / np.sqrt(squared[slow]), rel=0.02)  # capsules are a little more than rods


def test_a_trajectory_ends_before_the_rail_does(folder):
    for path in folder.glob("*.csv"):
        recording = read_recording(path)
        assert (recording.nq, recording.nv, recording.nu) == (3, 3, 1)
        assert np.abs(recording.rows[:, 0]).max() < 3.8
        assert np.abs(recording.rows[:, 6]).max() <= 1.0


def test_a_run_leaves_its_files_and_learns(run):
    results = json.loads((run / "results.json").read_text())
    assert set(results["split"]) == {"train", "validation", "test"}
    assert len(results["accuracy"]["steps"]["mse"]) == 2
    assert results["accuracy"]["mse_last"] < 0.2 * results["accuracy"]["steps"]["mse_still"][-1]
    for name in ("growth.png", "example_00.png", "example_01.png", "learning.png"):
        assert (run / "plots" / name).is_file()
    contents = load(run / "best.ckpt")
    assert contents["config"]["net"]["angle_indices"] == [1, 2]  # from the data, so that the net is built without it
    assert tuple(contents["held_out"].shape[1:]) == (3 + 2 - 1, 7)


def test_an_evaluation_repeats_the_runs_figures(run, tmp_path, capsys):
    evaluate([str(run / "best.ckpt"), "--out", str(tmp_path), "--json"])
    found = json.loads(capsys.readouterr().out)
    kept = json.loads((run / "results.json").read_text())["accuracy"]
    assert found["mse_last"] == pytest.approx(kept["mse_last"], rel=1e-6)
    assert json.loads((tmp_path / "metrics.json").read_text())["steps"] == found["steps"]
    assert (tmp_path / "growth.png").is_file()


def test_fine_tuning_starts_from_the_trained_net(run, folder, tmp_path):
    train([*SMALL, f"data={folder}", f"out={tmp_path}", f"pretrained={run / 'best.ckpt'}", "loop.epochs=0"])
    before, after = load(run / "best.ckpt")["model"], load(tmp_path / "best.ckpt")["model"]
    assert all(torch.equal(before[key], after[key]) for key in before)


def test_every_option_of_the_loss_trains(folder, tmp_path):
    options = ["loss.noise=0.1", "loss.mirror=true", "velocity_scale=[1,5,5]", "net.members=2", "net.dropout=0.1"]
    train([*SMALL, *options, f"data={folder}", f"out={tmp_path}", "loop.epochs=1", "loop.limit_train_batches=2"])
    assert np.isfinite(json.loads((tmp_path / "results.json").read_text())["accuracy"]["rmse"])


def test_the_runtime_answers_as_model_onnx_does(run, tmp_path):
    import onnxruntime

    from learn_rt.runtime import load as load_model

    module, spec, held_out = load_servable(run / "best.ckpt")
    version = export_servable(module, spec, held_out, tmp_path, formats=("onnx",))
    graph = onnxruntime.InferenceSession(str(version / "model.onnx"))
    session = load_model(version, backend="native").rollouts(max_candidates=8, max_horizon=6)
    for rows in held_out[:5]:
        window, later = rows[:3], rows[2:]  # the window's last row has the first action
        (wanted,) = graph.run(None, {"x": window[None], "actions": later[None, :, 6:]})
        session.begin()
        for k, row in enumerate(window):
            session.observe(row[:6], window[k - 1, 6:] if k else np.zeros(1))
        states, _ = session.rollout(np.repeat(later[None, :, 6:], 3, 0))
        np.testing.assert_allclose(states, np.repeat(wanted, 3, 0), atol=spec.tolerance or 1e-4)
        assert states.shape == (3, 2, 6)


def test_leaving_one_out_prints_each_recording_and_takes_options_anywhere(folder, tmp_path, capsys):
    few = tmp_path / "few"
    few.mkdir()
    for path in [*sorted(folder.glob("swingup_*.csv"))[:3], folder / "dynamics.json"]:
        (few / path.name).write_bytes(path.read_bytes())
    leave_one_out([str(few), "--json", *SMALL[1:], "loop.epochs=1"])
    found = json.loads(capsys.readouterr().out)
    assert len(found["recordings"]) == 3
    assert len(found["pooled"]) == len(found["mean_share"]) == 2


def test_the_linear_autoregression_is_exact_on_a_linear_system(tmp_path):
    random, state, lines = np.random.default_rng(0), np.array([1.0, 0.0]), ["timestamp,qpos_0,qvel_0,ctrl_0"]
    for k in range(300):
        push = random.normal()
        lines.append(f"{0.01 * k:.9g},{state[0]:.12g},{state[1]:.12g},{push:.12g}")
        state = np.array([[1.0, 0.01], [-0.3, 0.99]]) @ state + np.array([0.0, 0.02]) * push
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n")
    windows = read_data([str(tmp_path)], [], []).windows(["a"], 3 + 20)
    x = windows.take(torch.arange(len(windows)))
    predicted = LinearAutoregression(windows, 3, 2).predict(x[:, :3], x[:, 2:-1, 2:])
    torch.testing.assert_close(predicted.float(), x[:, 3:, :2], rtol=0, atol=1e-3)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the recordings of ../shared/data are not here")
def test_real_recordings_of_a_double_pendulum_are_read(tmp_path):
    files = sorted(SHARED.glob("dfki_A0_sysid_*.csv"))
    data(["dynamics", "convert", *map(str, files), "--out", str(tmp_path / "arm"), "--angles", "0,1"])
    found = read_data([str(tmp_path / "arm")], None, None)
    assert found.counts == (2, 2, 2)
    assert found.about.dt_s == 0.01
    assert [len(rows) for rows in found.rows.values()] == [1000] * 5
