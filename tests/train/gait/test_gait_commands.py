"""The gait from end to end: data, training, evaluation, export, and the pose stream of a served model."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import tritonclient.grpc as triton
from command_lines import failed

from learn_rt.client import Flag, connect
from learn_rt.export.cli import main as export
from learn_rt.runtime import load
from learn_rt.train import cli
from learn_rt.train.core.checkpoint import load_servable
from learn_rt.train.gait.corpus import Corpus
from learn_rt.train.gait.parameters import read_parameters
from learn_rt.train.gait.stream import Stream

ROOT = Path(__file__).parents[3]
REAL = ROOT.parent / "shared" / "data" / "gait"
SMALL = ["system=gait", "threads=1", "net.hidden=[64,64]", "loop.epochs=3", "loop.batch_size=32", "loop.lr=3e-3"]
SMALL += ["loop.keep_every=2", "stream.pool_mb=1"]


def refused(capsys: pytest.CaptureFixture[str], command: object, *argv: object) -> str:
    """Return what a command that exits with 1 says."""
    code, line = failed(capsys, command, *argv)
    assert code == 1
    return line


@pytest.fixture(scope="module")
def run(gait_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run") / "gait"
    cli.train([*SMALL, f"data={gait_corpus}", f"out={out}"])
    return out


@pytest.fixture(scope="module")
def models(run: Path, gait_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trained weights as others publish theirs, imported and exported."""
    folder = tmp_path_factory.mktemp("imported")
    state = load_servable(run / "best.ckpt")[0].state_dict()
    np.savez(folder / "weights.npz", **{name: v.numpy() for name, v in state.items() if name.startswith("fc.")})
    return imported_models(folder / "weights.npz", gait_corpus, folder)


def cycle(params: np.ndarray, n: int = 60) -> np.ndarray:
    """Return samples (n, P + 1) of one body, 30 frames a cycle."""
    phase = np.arange(n) % 30 / 30
    return np.column_stack([np.tile(params, (n, 1)), phase]).astype(np.float32)


def mse5(answers: np.ndarray, motion: np.ndarray) -> float:
    """Return 5 times the mean squared error of 60 poses."""
    return float(5 * np.square(answers.astype(np.float64) - motion.reshape(60, 101)).mean())


def test_training_learns_and_keeps_what_it_did(run: Path, gait_corpus: Path) -> None:
    results = json.loads((run / "results.json").read_text())
    epochs = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert epochs[-1]["mse5"] < 0.6 * epochs[0]["mse5"]
    assert results["accuracy"]["mse5"] < 0.02
    assert set(results["accuracy"]["outputs"]) >= {"pelvis", "left_leg", "right_arm"}
    assert results["train"]["windows"] == results["split"]["train"] * 60
    names = [path.name for path in (run / "epochs").iterdir()]
    assert len(names) == 1  # of three epochs the second
    module, spec, rows = load_servable(run / "epochs" / names[0])
    assert spec.provenance["epoch"] == 1
    assert spec.provenance["data_sha256"] == results["data_sha256"]
    assert rows.shape[1] == 24
    parameters = read_parameters(gait_corpus / "parameters.csv")
    np.testing.assert_allclose(module.low, parameters.low, atol=1e-6)
    assert [s.name for s in spec.inputs] == [*parameters.names, "phase"]
    assert (run / "plots" / "joints.png").stat().st_size > 1000


def test_evaluation_finds_what_training_reported(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cli.evaluate([str(run / "best.ckpt"), "--json"])
    found = json.loads(capsys.readouterr().out)
    said = json.loads((run / "results.json").read_text())["accuracy"]
    assert found["mse5"] == pytest.approx(said["mse5"], rel=1e-4)
    assert found["angle_deg"] == pytest.approx(said["angle_deg"], rel=1e-4)


def test_an_interrupted_run_resumes_to_the_same_bits(
    run: Path, gait_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    argv = [*SMALL, f"data={gait_corpus}", f"out={tmp_path}"]

    def cut(stream: Stream, epoch: int, *rest: Any) -> Any:
        if epoch == 2:
            raise KeyboardInterrupt
        return whole(stream, epoch, *rest)

    whole = Stream.batches
    monkeypatch.setattr(Stream, "batches", cut)
    with pytest.raises(SystemExit):
        cli.train(argv)
    monkeypatch.undo()
    cli.train([*argv, "resume=true"])
    first, second = (load_servable(p / "last.ckpt")[0].state_dict() for p in (tmp_path, run))
    assert all((first[name] == second[name]).all() for name in first)


def test_the_runtime_answers_as_model_onnx_does(run: Path, models: Path) -> None:
    version = models / "gait" / "1"
    assert not (version / "step.onnx").exists()
    rows = load_servable(run / "best.ckpt")[2][:200]
    session = onnxruntime.InferenceSession(version / "model.onnx", providers=["CPUExecutionProvider"])
    truth = session.run(["y"], {"x": rows})[0]
    model = load(version)
    tolerance = 2 * json.loads((version / "spec.json").read_text())["tolerance"]
    assert np.abs(model.infer(rows) - truth).max() <= tolerance
    # a stream begins at its nominal pose, and the envelope takes it from there into the gait
    samples = cycle(rows[0, :-1], 90)
    answers, flags = model.session().run(samples)
    nominal = np.array([s.nominal for s in model.spec.outputs])
    rate = np.array([s.envelope.rate for s in model.spec.outputs])
    steps = np.abs(np.diff(np.vstack([nominal, answers.astype(np.float64)]), axis=0))
    assert (steps <= rate * model.spec.dt_s * (1 + 1e-6)).all()
    assert not (flags[60:] & Flag.LIMITED).any()
    truth = session.run(["y"], {"x": samples[60:]})[0]
    assert np.abs(answers[60:] - truth).max() <= tolerance


def test_a_served_body_plays_as_an_animation(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from PIL import Image

    out = tmp_path / "walk.gif"

    def play(*argv: str) -> int:
        monkeypatch.setattr(sys, "argv", ["play_gait.py", f"inproc:{models}", *argv, "--deadline-us", "500000"])
        with pytest.raises(SystemExit) as caught:
            runpy.run_path(str(ROOT / "examples/play_gait.py"), run_name="__main__")
        return int(caught.value.code or 0)

    body = "drop: muscle_force_L_Tibialis*=0.05"
    assert play("--body", body, "--seconds", "0.14", "--cycle", "0.2", "--out", str(out)) == 0
    assert "drop: 4 poses" in capsys.readouterr().out
    with Image.open(out) as film:
        assert film.n_frames == 4
        first = np.asarray(film.convert("RGB")).astype(int)
        film.seek(3)
        assert np.abs(np.asarray(film.convert("RGB")).astype(int) - first).max() > 100  # somebody moves
    assert play("--body", "a: b=1") == 1
    assert capsys.readouterr().err.startswith("play_gait: no parameter is called 'b'")


def imported_models(weights: Path, data: Path, folder: Path) -> Path:
    samples = sorted(path for path in data.glob("*.npz") if "weights" not in path.name)
    csv, checkpoint = data / "parameters.csv", folder / "published.ckpt"
    argv = ["gait", "import", weights, "--parameters", csv, "--samples", *samples, "--out", checkpoint]
    cli.data([str(text) for text in argv])
    argv = [checkpoint, "--format", "onnx", "--out", folder / "models"]
    assert export([str(text) for text in argv]) == 0
    return folder / "models"


def served_mse5(models: Path, params: np.ndarray, motion: np.ndarray) -> tuple[float, float]:
    """Return 5 MSE of one body's cycle by tritonclient, and by our client's stream once it is in the gait."""
    command = [sys.executable, "-m", "learn_rt.serve.cli", str(models), "--listen", "grpc://127.0.0.1:0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            address = json.loads(server.stdout.readline())["listen"][0]
            tensor = triton.InferInput("x", [60, len(params) + 1], "FP32")
            tensor.set_data_from_numpy(cycle(params))
            with triton.InferenceServerClient(address.removeprefix("grpc://")) as client:
                asked = client.infer("gait", [tensor]).as_numpy("y")
            with connect(address, "gait") as stream:
                answers, flags = stream.run(cycle(params, 120))
            assert not (flags[60:] & (Flag.LIMITED | Flag.REFUSED)).any()
        finally:
            server.terminate()
    return mse5(asked, motion), mse5(answers[60:], motion)


def test_imported_weights_serve_what_they_were(models: Path, run: Path, gait_corpus: Path) -> None:
    import torch

    corpus = Corpus(gait_corpus)
    params, motions = corpus.load(corpus.runs(1)[:1])
    module = load_servable(run / "best.ckpt")[0]
    expected = mse5(module(torch.from_numpy(cycle(params[0]))).detach().numpy(), motions[0])
    assert served_mse5(models, params[0], motions[0]) == pytest.approx((expected, expected), rel=1e-4)


def test_imported_weights_are_measured_on_all_that_is_given(
    models: Path, gait_corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cli.evaluate([str(models.parent / "published.ckpt"), "--data", str(gait_corpus), "--json"])
    assert json.loads(capsys.readouterr().out)["mse5"] < 0.02


@pytest.mark.skipif(not REAL.is_dir(), reason=f"{REAL} is not there")
@pytest.mark.parametrize(("name", "published"), [("Sim_Healthy", 0.0017), ("Sim_LeftFootDrop", 0.0168)])
def test_published_weights_serve_their_published_error(name: str, published: float, real_models: Path) -> None:
    with np.load(REAL / f"{name}.npz", allow_pickle=False) as file:
        params, motion = file["params"][0], file["motions"][0]
    for figure in served_mse5(real_models, params, motion):
        assert round(figure, 4) == published


@pytest.fixture(scope="module")
def real_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return imported_models(REAL / "fgn_refnn_weights_float32.npz", REAL, tmp_path_factory.mktemp("real"))


def test_raw_recordings_are_refined_into_a_corpus(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    raw, out = tmp_path / "raw", tmp_path / "refined"
    cli.data(["gait", "synthetic", "--raw", "--out", str(raw), "--sequences", "20", "--frames", "150"])
    capsys.readouterr()
    cli.data(["gait", "refine", str(raw), "--out", str(out), "--per-file", "8", "--json"])
    said = json.loads(capsys.readouterr().out)
    assert (said["sequences"], said["files"], said["refused"]) == (20, 3, 0)
    corpus = Corpus(out)
    assert len(corpus) == 20
    assert all(source.in_place for source in corpus.sources)
    # refined files, compressed or not, are packed anew
    np.savez_compressed(
        tmp_path / "a.npz", **dict(zip(("params", "motions"), corpus.load(corpus.runs(64)), strict=True))
    )
    csv = str(out / "parameters.csv")
    cli.data(["gait", "refine", str(tmp_path / "a.npz"), "--parameters", csv, "--out", str(tmp_path / "again")])
    again = Corpus(tmp_path / "again")
    for one, other in zip(again.load(again.runs(64)), corpus.load(corpus.runs(64)), strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_cannot_be_done_is_one_line(gait_corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    there = refused(capsys, cli.data, "gait", "synthetic", "--out", gait_corpus)
    assert "holds refined_data_0000.npz already: give --force" in there
    assert "--sequences must be at least 1" in refused(
        capsys, cli.data, "gait", "synthetic", "--out", tmp_path, "--sequences", 0
    )
    assert "holds the recordings" in refused(capsys, cli.data, "gait", "refine", gait_corpus, "--out", gait_corpus)
    assert "no .npz files" in refused(capsys, cli.data, "gait", "refine", tmp_path, "--out", tmp_path / "o")
    (tmp_path / "x.npz").write_bytes(b"no archive")
    csv = gait_corpus / "parameters.csv"
    said = refused(capsys, cli.data, "gait", "import", tmp_path / "x.npz", "--parameters", csv, "--out", tmp_path / "c")
    assert "x.npz: not an NPZ file" in said
    train = [*SMALL, f"out={tmp_path / 'run'}"]
    (tmp_path / "empty").mkdir()
    assert "no .npz files there" in refused(capsys, cli.train, *train, f"data={tmp_path / 'empty'}")
    (tmp_path / "alone.npz").write_bytes((gait_corpus / "refined_data_0000.npz").read_bytes())
    assert "parameters.csv is not there" in refused(capsys, cli.train, *train, f"data={tmp_path / 'alone.npz'}")
    assert not (tmp_path / "run" / "config.yaml").exists()
