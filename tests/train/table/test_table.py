"""From anyone's files to a served model: train, evaluate, export, and the runtime answers as model.onnx does."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from command_lines import failed

from learn_rt.spec import Kind
from learn_rt.train import cli
from learn_rt.train.core.checkpoint import load_servable
from learn_rt.train.table.model import CarriedNet, NetConfig, PointNet, WindowNet

QUICK = ["system=table", "threads=1", "loop.epochs=2", "net.hidden_size=12", "samples_per_epoch=4000"]
COLUMNS = ["inputs=[voltage,speed,temperature]", "outputs=[deflection]", "units=[voltage:V,deflection:mm]"]


def train(logs: Path, out: Path, *more: str) -> dict[str, Any]:
    cli.train([*QUICK, *COLUMNS, f"data={logs}/*.csv", f"out={out}", *more])
    results: dict[str, Any] = json.loads((out / "results.json").read_text())
    return results


def refused(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    """Return what a learn-train that fails says."""
    code, line = failed(capsys, cli.train, *QUICK, *argv)
    assert code in (1, 2)
    return line


@pytest.mark.parametrize("window", ["12", "pointwise"])
def test_recordings_become_a_model_that_the_runtime_runs(
    window: str, logs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from learn_rt.export import export_servable
    from learn_rt.runtime import load

    run = tmp_path / "run"
    results = train(logs, run, f"window={window}")
    said = capsys.readouterr()
    assert "resampled: temperature (5 Hz)" in said.err
    assert "deflection follows speed by 0.0" in said.err
    assert "deflection [mm]" in said.out
    assert results["accuracy"]["r2"] > (0.8 if window == "12" else 0.4)
    assert results["accuracy"]["outputs"]["deflection"]["unit"] == "mm"
    assert len(results["split"]["train"]) == 4
    for name in ("plots/held-out.png", "plots/learning.png"):
        assert (run / name).stat().st_size > 1000

    cli.evaluate([str(run / "best.ckpt"), "--out", str(tmp_path / "eval")])
    found = json.loads((tmp_path / "eval" / "metrics.json").read_text())
    assert found["r2"] == pytest.approx(results["accuracy"]["r2"], rel=1e-5)
    assert (tmp_path / "eval" / "held-out.png").exists()

    module, spec, held_out = load_servable(run / "best.ckpt")
    assert spec.kind is (Kind.POINTWISE if window == "pointwise" else Kind.WINDOW)
    assert [signal.unit for signal in (*spec.inputs, *spec.outputs)] == ["V", "1", "1", "mm"]
    assert spec.dt_s == 0.005
    assert "stretch" not in spec.provenance["metrics"]
    version = export_servable(module, spec, held_out[:200], tmp_path / "models", formats=("onnx",))
    model = load(version)
    whole = module(torch.from_numpy(held_out[:20])).detach().numpy()
    for raw, answer in zip(held_out, whole, strict=False):
        session = model.session()
        for sample in raw.reshape(-1, 3):
            y, _ = session.step(sample)
        np.testing.assert_allclose(y, answer, atol=1e-3)


def test_one_recording_is_split_by_blocks(logs: Path, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    shutil.copy(logs / "run-1.csv", tmp_path / "one")
    results = train(tmp_path / "one", tmp_path / "run", "split=by_block", "window=8")
    assert results["accuracy"]["r2"] > 0.5
    cli.evaluate([str(tmp_path / "run" / "best.ckpt"), "--json"])


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["inputs=[voltage,torque]"], "there is no column 'torque'; there are deflection, speed, temperature, time"),
        (["inputs=[voltage,voltage]"], "inputs must name at least one column, each once"),
        (["inputs=[deflection]"], "deflection cannot be an input and an output"),
        (["window=1"], "window must be 2 to 4096 samples, pointwise or carried, got '1'"),
        (["window=9999"], "window must be 2 to 4096"),
        (["preview=20"], "preview must be at least 0 and below window (20)"),
        (["split=by_luck"], "by_luck"),
        (["units=[torque:Nm]"], "units must be name:unit"),
        (["time=clock"], "there is no time column 'clock'"),
        (["time=none"], "give dt_s="),
        (["test=[run-9.csv]"], "test part 'run-9.csv' is not in the data"),
        (["data=/nowhere/*.csv"], "data=/nowhere/*.csv: no file"),
        (["window=4000"], "as long as a window"),
    ],
)
def test_what_cannot_be_is_one_line(
    more: list[str], said: str, logs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = [*COLUMNS[:2], f"data={logs}/*.csv", f"out={tmp_path / 'run'}", *more]
    if more == ["window=4000"]:
        (tmp_path / "short").mkdir()
        for path in logs.glob("*.csv"):
            (tmp_path / "short" / path.name).write_text("\n".join(path.read_text().splitlines()[:900]) + "\n")
        argv += [f"data={tmp_path / 'short'}"]
    assert said in refused(capsys, *argv)


def test_broken_data_is_named_and_can_be_dealt_with(
    logs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(logs, tmp_path / "logs"))
    rows = [line.split(",") for line in (folder / "run-2.csv").read_text().splitlines()]
    for row in rows[100:103]:
        row[2] = ""
    (folder / "run-2.csv").write_text("\n".join(map(",".join, rows)) + "\n")
    argv = [*COLUMNS, f"data={folder}", f"out={tmp_path / 'run'}", "loop.epochs=1", "window=8"]
    line = refused(capsys, *argv)
    assert "run-2.csv: values are missing: speed in 3 of 6,000 rows, first row 100" in line
    cli.train([*QUICK, *argv, "missing=drop"])
    assert "in 7 stretches" in capsys.readouterr().err
    cli.train([*QUICK, *argv, "missing=interpolate", "overwrite=true"])
    assert "in 6 stretches" in capsys.readouterr().err

    for row in rows[1:]:
        row[4] = repr(float(row[4]) / 1000)
        row[2] = row[2] or "0"
    (folder / "run-2.csv").write_text("\n".join(map(",".join, rows)) + "\n")
    line = refused(capsys, *argv, "overwrite=true")
    assert "run-2.csv: deflection is 0.00" in line
    assert "m and mm" in line


@pytest.mark.parametrize("layers", [1, 2])
def test_steps_from_zero_states_give_the_whole_window(layers: int) -> None:
    torch.manual_seed(0)
    net = WindowNet(NetConfig(hidden_size=7, num_layers=layers), 9, 3, 2).double().eval()
    for tensor in (net.linear.weight, net.linear.bias, net.mean, net.target_mean, net.head.weight):
        torch.nn.init.normal_(tensor)
    x = torch.randn(5, 9, 3).double()
    states = [torch.zeros(5, *s.shape).double() for s in net.states()]
    for k in range(9):
        answer, *states = net.step(x[:, k], *states)
    torch.testing.assert_close(answer, net(x))


def test_the_linear_map_is_the_least_squares_one() -> None:
    torch.manual_seed(0)
    net = PointNet(NetConfig(ridge=1e-9), 4, 2)
    z, weight = torch.randn(300, 4), torch.randn(2, 4)
    y = z @ weight.T + 0.5 + 0.1 * torch.randn(300, 2)
    net.fit_linear([(z[:100], y[:100]), (z[100:], y[100:])])
    a = np.c_[z.numpy(), np.ones(300)]
    expected = np.linalg.lstsq(a.astype(np.float64), y.numpy().astype(np.float64), rcond=None)[0]
    np.testing.assert_allclose(net.linear.weight.numpy(), expected[:-1].T, atol=1e-5)
    np.testing.assert_allclose(net.linear.bias.numpy(), expected[-1], atol=1e-5)


def test_a_carried_net_answers_alike_whole_in_chunks_and_by_steps() -> None:
    torch.manual_seed(0)
    net = CarriedNet(NetConfig(hidden_size=6, num_layers=2, taps=5), 5, 3, 2).double().eval()
    for tensor in (net.linear.weight, net.linear.bias, net.mean, net.target_mean, net.head.weight):
        torch.nn.init.normal_(tensor)
    x = torch.randn(4, 30, 3).double()
    states = [torch.zeros(4, *s.shape).double() for s in net.states()]
    stepped = []
    for sample in x.unbind(1):
        y, *states = net.step(sample, *states)
        stepped.append(y)
    by_steps = torch.stack(stepped, 1)
    torch.testing.assert_close(net(x), by_steps[:, -1])
    torch.testing.assert_close(net(x[:, :3]), by_steps[:, 2])  # shorter than the linear map's taps
    states, parts = None, []
    for part in net.standard(x).split(7, 1):
        added, states = net.run(part, states)
        parts.append(added)
    straight = torch.stack([net.straight(row) for row in x])
    torch.testing.assert_close(net.physical(straight + torch.cat(parts, 1)), by_steps)


def test_a_carried_state_is_trained_and_served(logs: Path, tmp_path: Path) -> None:
    from learn_rt.export import export_servable
    from learn_rt.runtime import load

    results = train(logs, tmp_path / "run", "window=carried", "net.taps=8", "carry=256", "loop.epochs=1")
    assert results["accuracy"]["r2"] > 0.8
    module, spec, held_out = load_servable(tmp_path / "run" / "best.ckpt")
    assert (spec.kind, spec.window) == (Kind.STATEFUL, 1)
    assert held_out.shape == (16, 1024, 3)
    some = held_out[:4, :300]  # each is replayed by every loader
    version = export_servable(module, spec, some, tmp_path / "models", formats=("onnx",))
    session = load(version).session()
    answers = [session.step(sample)[0] for sample in held_out[0, :300]]
    whole = module(torch.from_numpy(held_out[:1, :300])).detach().numpy()
    np.testing.assert_allclose(answers[-1], whole[0], atol=1e-3)
