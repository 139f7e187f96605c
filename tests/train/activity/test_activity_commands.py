"""From made-up recordings to a served model, by the commands as a user types them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from command_lines import failed

from learn_rt.benchmarks.latency.serving import serving
from learn_rt.client import connect
from learn_rt.export import cli as export_cli
from learn_rt.runtime import Flag, load
from learn_rt.train import cli
from learn_rt.train.core import checkpoint, loop
from learn_rt.train.core.checkpoint import load_servable

SMALL = [
    *("system=activity", "threads=1", "net.window=40", "net.extractor.n_filters=8", "net.extractor.filter_size=5"),
    *("net.extractor.n_dense=24", "net.extractor.drop_features=0.2", "net.regressor.channels=[4,4]"),
    *("net.regressor.kernels=[5,1]", "net.regressor.dilations=[2,1]", "net.regressor.temporal=8"),
    *("net.regressor.fc_hidden=16", "loop.batch_size=32"),
]
RUN = [*SMALL, "loop.epochs=6", "loop.lr=0.01", "subjects.validation=[s4]", "subjects.test=[s5]"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    sizes = ["--people", "5", "--actions", "4", "--repeats", "3", "--seconds", "2.7"]
    cli.data(["activity", "--synthetic", "utd", "--raw", str(folder / "raw"), "--out", str(folder / "utd"), *sizes])
    return folder / "utd"


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run") / "activity"
    cli.train([*RUN, f"data={data}", f"out={out}"])
    return out


@pytest.fixture(scope="module")
def models(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    assert export_cli.main([str(run / "best.ckpt"), "--format", "onnx", "--out", str(folder)]) == 0
    return folder


def test_made_up_actions_are_told_on_a_person_who_was_not_learned_from(run: Path) -> None:
    results = json.loads((run / "results.json").read_text())
    assert results["split"] == {"train": ["s1", "s2", "s3"], "validation": ["s4"], "test": ["s5"]}
    told = results["accuracy"]
    of_four = np.mean([told["outputs"][name]["f1"] for name in told["classes"][:4]])
    assert of_four > 0.6  # guessing: 0.25
    assert told["clips"]["clips"] == 12
    assert np.sum(told["confusion"]) == results["windows"]["test"]
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert lines[-1]["loss"] < 0.7 * lines[0]["loss"]
    assert lines[-1]["mse"] < lines[0]["mse"]
    assert (run / "plots" / "confusion.png").stat().st_size > 1000


def test_evaluation_finds_what_training_reported(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cli.evaluate([str(run / "best.ckpt"), "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found == json.loads((run / "results.json").read_text())["accuracy"]


def test_the_served_model_answers_as_the_net_with_the_names_of_classes(run: Path, models: Path) -> None:
    version = models / "activity" / "1"
    assert not (version / "step.onnx").exists()
    module, spec, windows = load_servable(run / "best.ckpt")
    assert [s.name for s in spec.inputs] == ["acc_x", "acc_y", "acc_z"]
    assert [s.name for s in spec.outputs][:3] == ["swipe_left", "swipe_right", "wave"]
    assert spec.dt_s == 0.02
    with torch.no_grad():
        truth = module.double()(torch.from_numpy(windows[:9]).double()).numpy()
    session = onnxruntime.InferenceSession(version / "model.onnx", providers=["CPUExecutionProvider"])
    assert session.run(None, {"x": windows[:9]})[0] == pytest.approx(truth, abs=1e-5)
    assert all(a.s == b"NOTSET" for a in _attributes(version / "model.onnx") if a.name == "auto_pad")
    stream = load(version).session()
    for sample in windows[3]:
        answer, _ = stream.step(sample)
    assert answer == pytest.approx(truth[3], abs=1e-5)


def test_a_client_of_the_server_gets_model_onnxs_answers_to_a_held_out_clip(
    data: Path, models: Path, tmp_path: Path
) -> None:
    pytest.importorskip("learn_rt._serve", reason="the server is not built")
    with np.load(data / "s5.npz") as held_out:
        clip = held_out["imu"][: held_out["offsets"][1], :3]
    with serving(models, tmp_path / "s", None) as listen, connect(listen["unix"], "activity") as client:
        spec = client.spec
        answers, flags = client.run(clip)
    session = onnxruntime.InferenceSession(models / "activity" / "1" / "model.onnx", providers=["CPUExecutionProvider"])
    slid = np.lib.stride_tricks.sliding_window_view(clip, spec.window, axis=0).transpose(0, 2, 1)
    truth = session.run(["y"], {"x": np.ascontiguousarray(slid)})[0]
    assert (flags[: spec.window - 1] & Flag.WARMING_UP).all()
    assert (flags[spec.window - 1 :] & Flag.WARMING_UP == 0).all()
    assert np.abs(answers[spec.window - 1 :] - truth).max() <= 2 * spec.tolerance


def test_the_regressor_is_taken_out_of_a_run_and_exported(run: Path, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "regressor"
    subjects = [text for text in RUN if text.startswith("subjects")]
    source = ["target=regressor", "loop.epochs=0", f"pretrained={run / 'best.ckpt'}", f"data={data}"]
    cli.train([*SMALL, *subjects, *source, f"out={out}"])
    assert export_cli.main([str(out / "best.ckpt"), "--format", "onnx", "--out", str(tmp_path / "models")]) == 0
    module, spec, poses = load_servable(out / "best.ckpt")
    assert (spec.n_features, spec.n_outputs) == (12, 40 * 3)
    assert spec.outputs[-1].name == "acc_z[0]"
    weights = checkpoint.load(run / "best.ckpt")["model"]
    for name, value in module.state_dict().items():
        assert torch.equal(value, weights[f"simulator.{name}"]), name
    session = onnxruntime.InferenceSession(
        tmp_path / "models" / "activity-regressor" / "1" / "model.onnx", providers=["CPUExecutionProvider"]
    )
    with torch.no_grad():
        assert session.run(None, {"x": poses[:5]})[0] == pytest.approx(module(torch.from_numpy(poses[:5])), abs=1e-4)


def test_the_regressor_alone_learns(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "regressor"
    # A person who wears the sensor as some of the others do: nothing tells how from a pose.
    subjects = ["subjects.validation=[s2]", "subjects.test=[s5]"]
    cli.train([*SMALL, *subjects, "target=regressor", "loop.epochs=6", "loop.lr=0.01", f"data={data}", f"out={out}"])
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert min(line["nrmse"] for line in lines) < 0.9  # 1: the mean


def test_an_interrupted_run_resumes_to_the_same_bits(data: Path, tmp_path: Path, monkeypatch: Any) -> None:
    argv = [*SMALL, "loop.epochs=3", "loop.limit_train_batches=3", "scenario.beta=0.5", f"data={data}"]
    cli.train([*argv, f"out={tmp_path / 'whole'}"])
    original, saves = checkpoint.save, []

    def save(path: Path, contents: dict[str, Any]) -> None:
        if len([p for p in saves if p.name == "last.ckpt"]) == 1:
            raise KeyboardInterrupt
        saves.append(path)
        original(path, contents)

    monkeypatch.setattr(loop.checkpoint, "save", save)
    with pytest.raises(SystemExit):
        cli.train([*argv, f"out={tmp_path / 'cut'}"])
    monkeypatch.undo()
    cli.train([*argv, f"out={tmp_path / 'cut'}", "resume=true"])
    whole, cut = (checkpoint.load(tmp_path / name / "last.ckpt")["model"] for name in ("whole", "cut"))
    assert any(name.startswith("simulator") for name in whole)
    for name, value in whole.items():
        assert torch.equal(value, cut[name]), name


def test_both_sensors_and_mmfits_layout_train_in_the_debug_scenario(tmp_path: Path) -> None:
    made = ["--synthetic", "mmfit", "--people", "3", "--seconds", "1.5"]
    cli.data(["activity", *made, "--raw", str(tmp_path / "raw"), "--out", str(tmp_path / "mmfit")])
    cli.train([*SMALL, "subjects=mmfit_debug", "loop=debug", f"data={tmp_path / 'mmfit'}", f"out={tmp_path / 'r'}"])
    results = json.loads((tmp_path / "r" / "results.json").read_text())
    assert results["split"] == {"train": ["w00"], "validation": ["w01"], "test": ["w02"]}
    assert results["accuracy"]["classes"][-1] == "non_activity"
    _, spec, _ = load_servable(tmp_path / "r" / "best.ckpt")
    assert {s.unit for s in spec.inputs} == {"m/s^2"}


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("sensors=[heart]", "no sensor heart; it has acc, gyro"),
        ("subjects.test=[s9]", "'s9' is not in the data"),
        ("subjects.train=[s5]", "cannot be for training and held out: s5"),
        ("net.window=4000", "no labelled window of 4000 samples"),
        ("net.n_classes=7", "net.n_classes is 7, but the data has 21"),
    ],
)
def test_what_does_not_fit_the_data_is_one_line_and_exit_1(
    data: Path, tmp_path: Path, argument: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["system=activity", f"data={data}", f"out={tmp_path / 'r'}", "subjects.validation=[s4]"]
    code, line = failed(capsys, cli.train, *argv, "subjects.test=[s5]", argument)
    assert (code, said in line) == (1, True), line


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("scenario.alpha=0", "scenario.alpha must be above 0"),
        ("stride_s=0", "stride_s must be"),
        ("net.extractor.drop_prob=1", "net.extractor.drop_prob must be"),
        ("net.regressor.kernels=[5]", "lists of one length"),
        ("subjects=nobody", "nobody"),
        ("net.filter_size=3", "filter_size"),
    ],
)
def test_a_wrong_argument_is_one_line_and_exit_2(
    data: Path, tmp_path: Path, argument: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, line = failed(capsys, cli.train, "system=activity", f"data={data}", f"out={tmp_path / 'r'}", argument)
    assert (code, said in line) == (2, True), line


def test_learn_data_says_what_it_needs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert failed(capsys, cli.data, "activity", "--out", str(tmp_path))[0] == 2
    code, line = failed(capsys, cli.data, "activity", "utd", str(tmp_path / "none"), "--out", str(tmp_path / "o"))
    assert (code, str(tmp_path / "none") in line) == (1, True)
    code, line = failed(capsys, cli.data, "activity", "mmfit", str(tmp_path), "--check")
    assert (code, "it is not MM-Fit" in line) == (1, True)


def _attributes(path: Path) -> list[Any]:
    import onnx

    return [a for node in onnx.load(path).graph.node for a in node.attribute]
