"""The target `error` from end to end: data, training, evaluation, export, and the same answers from the runtime."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from learn_rt.benchmarks.latency.serving import serving
from learn_rt.client import Flag, connect
from learn_rt.export import cli as export_cli
from learn_rt.runtime import load
from learn_rt.spec import Spec
from learn_rt.train import cli
from learn_rt.train.core import checkpoint
from learn_rt.train.core.checkpoint import load_servable
from learn_rt.train.printer.error import TASK
from learn_rt.train.printer.error.recordings import Ticks
from learn_rt.train.printer.error.sides import read_held_out
from learn_rt.train.printer.error.task import ErrorConfig

EXAMPLES = Path(__file__).parents[3] / "examples"
QUICK = [
    *("system=printer", "target=error", "threads=1", "split.block=1", "split.guard=0", "split.parts=[cube]"),
    *("net.window=12", "net.front_size=16", "net.hidden_size=16", "loop=cosine", "loop.epochs=1", "loop.batch_size=64"),
]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    simulator = ["--rate", "100", "--plant", "linear", "--planner", "rest", "--effects"]
    for name, layers in (("star", "1-5"), ("cube", "1-2")):
        cli.data(["printer", str(EXAMPLES / f"{name}.gcode"), "--out", str(folder), "--layers", layers, *simulator])
    return folder


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run") / "error"
    cli.train([*QUICK, f"data={data}", f"out={out}", "answers=8", "profile=2", "loop.epochs=8", "loop.lr=1e-2"])
    return out


def test_a_run_says_what_it_held_out_and_how_well_it_predicts(run: Path) -> None:
    results = json.loads((run / "results.json").read_text())
    found, split = results["accuracy"], results["split"]
    assert split["part"] == {"cube": "1-2"}
    assert {len(split[side]["star"].replace("-", ",").split(",")) for side in ("validation", "test")} == {1}
    assert set(found["outputs"]) == {"error_x", "error_y"}
    assert set(found["percentiles_um"]) == {"p50", "p90", "p95", "p99", "max"}
    assert found["r2"] > 0.6  # the resonance is learned; without the motors' angles nobody exceeds 0.1 here
    assert found["ceiling"]["share"] == pytest.approx(found["r2"] / found["ceiling"]["r2"])
    assert found["parts"]["cube"]["held_out_whole"]
    assert not found["parts"]["star"]["held_out_whole"]
    assert found["inference_us"]["p50"] > 0
    losses = [json.loads(line)["loss"] for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert losses[-1] < losses[0]
    assert "lstm" in (run / "profile.txt").read_text().lower()


def test_a_run_draws_four_plots_and_a_report_page(run: Path) -> None:
    page = (run / "plots" / "report.md").read_text()
    for name in ("trajectory_comparison", "error_distribution", "error_correlation", "per_axis_error"):
        assert (run / "plots" / f"{name}.png").stat().st_size > 5000
        assert f"({name}.png)" in page
    assert "| cube, held out whole |" in page
    assert "R2 1.0000: what remains is random" in page


def test_evaluation_finds_what_training_reported(
    run: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cli.evaluate([str(run / "best.ckpt"), "--data", str(data), "--out", str(tmp_path), "--json"])
    found = json.loads(capsys.readouterr().out)
    said = json.loads((run / "results.json").read_text())["accuracy"]
    assert found["rmse_um"] == pytest.approx(said["rmse_um"], rel=1e-5)
    assert json.loads((tmp_path / "metrics.json").read_text())["parts"].keys() == {"star", "cube"}
    assert (tmp_path / "report.md").is_file()


def test_the_spec_says_what_is_promised_without_the_points_of_the_plots(run: Path) -> None:
    _, spec, windows = load_servable(run / "best.ckpt")
    assert [s.name for s in spec.inputs] == ["x_ref", "y_ref", "vx_ref", "vy_ref"]
    assert (spec.name, spec.window, spec.preview, spec.dt_s) == ("printer-error", 12, 0, 0.01)
    assert windows.shape[1:] == (12, 4)
    assert "detail" not in spec.provenance["metrics"]
    assert spec.provenance["split"]["part"] == {"cube": "1-2"}


@pytest.fixture(scope="module")
def exported(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("models")
    export_cli.main([str(run / "best.ckpt"), "--format", "onnx", "--out", str(out)])
    return out / "printer-error" / "1"


def test_the_exported_model_answers_as_model_onnx_step_by_step(run: Path, exported: Path) -> None:
    windows = load_servable(run / "best.ckpt")[2]
    onnx = onnxruntime.InferenceSession(exported / "model.onnx", providers=["CPUExecutionProvider"])
    (truth,) = onnx.run(None, {"x": windows[:50]})
    model = load(exported, "native")
    scale = np.abs(truth).max()
    np.testing.assert_allclose(model.infer(windows[:50]), truth, rtol=0, atol=2e-6 * scale)
    for window, wanted in zip(windows[:50:7], truth[::7], strict=True):
        session = model.session()
        for sample in window:
            answer, _ = session.step(sample)
        np.testing.assert_allclose(answer, wanted, rtol=0, atol=2e-6 * scale)


def test_a_served_model_answers_a_held_out_layer_as_model_onnx(
    data: Path, run: Path, exported: Path, tmp_path: Path
) -> None:
    spec = Spec.from_json((exported / "spec.json").read_bytes())
    window, held_out = spec.window, spec.provenance["split"]
    layer = read_held_out(data, "ender3v2", spec.dt_s, window, Ticks.walls, held_out)["part"][0].samples
    windows = np.lib.stride_tricks.sliding_window_view(layer, window, 0).swapaxes(1, 2)
    onnx = onnxruntime.InferenceSession(exported / "model.onnx", providers=["CPUExecutionProvider"])
    (truth,) = onnx.run(None, {"x": np.ascontiguousarray(windows)})
    with (
        serving(exported.parent.parent, tmp_path / "s", None) as listen,
        connect(listen["unix"], "printer-error") as client,
    ):
        answers, flags = client.run(layer)
    assert (flags[: window - 1] & Flag.WARMING_UP).all()
    assert not (flags[window - 1 :] & (Flag.WARMING_UP | Flag.REFUSED | Flag.LIMITED)).any()
    np.testing.assert_allclose(answers[window - 1 :], truth, rtol=0, atol=2e-6 * np.abs(truth).max())


def test_prepared_samples_are_trained_on_and_evaluated(
    data: Path, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, _, windows = load_servable(run / "best.ckpt")
    for side, first, n in (("train", 0, 200), ("val", 200, 40), ("test", 240, 40)):
        (tmp_path / "d" / side).mkdir(parents=True)
        for i, window in enumerate(torch.from_numpy(windows[first : first + n])):
            sample = {"input_features": window.clone(), "targets": window[-1, 2:] * 1e-3, "metadata": {}}
            torch.save(sample, tmp_path / "d" / side / f"sample_{i:05d}.pt")
    out = tmp_path / "r"
    cli.train(
        [
            *(a for a in QUICK if "split." not in a),
            f"data={tmp_path / 'd'}",
            f"out={out}",
            "loop.batch_size=16",
            "noise=0.01",
        ]
    )
    cli.evaluate([str(out / "best.ckpt"), "--json"])
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["ceiling"] is None
    results = json.loads((out / "results.json").read_text())
    assert results["split"]["test"] == {"test": "1-40"}
    assert results["train"]["windows"] == 200


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("loss=l3", "l3"),
        ("loss_ratio=2", "loss_ratio must be 0 to 1"),
        ("ticks=some", "some"),
        ("answers=7", "multiple of answers"),
        ("split.block=0", "split.block"),
        ("net.window=1", "net.window must be 2 to"),
        ("net.speeds_mm_s=[-1]", "net.speeds_mm_s"),
        ("split.parts=[moon]", "'moon' is not in the data"),
        ("machine=nowhere", "nowhere"),
    ],
)
def test_a_wrong_argument_is_one_line(
    argument: str, said: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.train([*QUICK, f"data={data}", f"out={tmp_path / 'r'}", argument])
    text = capsys.readouterr().err.strip().splitlines()
    assert caught.value.code in (1, 2)
    assert "Traceback" not in text[0]
    assert said in text[-1]


def test_each_answer_of_a_pass_is_learned_from_its_own_target(data: Path, tmp_path: Path) -> None:
    """The batches of one answer a pass are the served windows; of several, the same ticks with the same targets."""
    config = ErrorConfig(system="printer", target="error", data=str(data), out=str(tmp_path))
    config.split.block, config.split.guard, config.net.window, config.loop.batch_size = 1, 0, 12, 32
    config.split.parts = ["cube"]
    task = TASK(config, lambda text: None)
    signals, _, answered = next(task.batches(torch.Generator().manual_seed(0)))
    assert signals.shape == (32, 12, task.module.config.n_signals)
    assert answered.all()
    config.answers = 8
    passes, wanted, marks = next(task.batches(torch.Generator().manual_seed(0)))
    assert (passes.shape[:2], wanted.shape, marks.shape) == ((4, 19), (4, 8, 2), (4, 8))
    known = {tuple(row.tolist()): t for row, t in zip(task._signals, task._train.targets, strict=True)}
    for one in (0, 3, 7):
        for k in range(4):
            assert torch.equal(known[tuple(passes[k, 11 + one].tolist())], wanted[k, one])


def test_fine_tuning_starts_from_a_checkpoints_statistics(data: Path, run: Path, tmp_path: Path) -> None:
    argv = [*QUICK, f"data={data}", f"out={tmp_path / 'r'}", f"pretrained={run / 'best.ckpt'}", "loop.epochs=0"]
    cli.train(argv)
    before, after = (checkpoint.load(path / "best.ckpt")["model"] for path in (run, tmp_path / "r"))
    assert all(torch.equal(before[name], after[name]) for name in before)
