"""learn-train and learn-eval from end to end, on three small parts."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from command_lines import failed

from learn_rt.spec import Spec
from learn_rt.train import cli
from learn_rt.train.core import checkpoint, loop
from learn_rt.train.core.checkpoint import load_servable
from learn_rt.train.core.register import systems
from learn_rt.train.printer.parts import read_parts

EXAMPLES = Path(__file__).parents[2] / "examples"
QUICK = [
    *("system=printer", "target=offset", "threads=1", "answers=16", "targets.rounds=2"),
    *("stretches.ticks=500", "stretches.train=12", "stretches.validation=2", "stretches.test=4"),
    *("net.steps=24", "net.preview=12", "net.hidden_size=8", "net.front_size=8"),
    *("loop.batch_size=16", "loop.epochs=3", "loop.patience=0", "split.test=[star]"),
]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    files = [str(EXAMPLES / f"{name}.gcode") for name in ("cube", "letters", "star")]
    cli.data(["printer", *files, "--out", str(folder), "--layers", "1"])
    return folder


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run") / "printer"
    cli.train([*QUICK, f"data={data}", f"out={out}"])
    return out


def test_a_run_leaves_its_files_and_says_what_it_did(run: Path) -> None:
    results = json.loads((run / "results.json").read_text())
    assert results["train"]["windows"] == 12 * (500 - 60 - (150 + 12))
    assert results["train"]["epochs"] == 3
    assert results["split"]["test"] == ["star"]
    planned, learned, filters, refined = results["targets_rms_um"]
    assert learned < 0.2 * planned
    assert filters < 0.5 * planned
    assert refined < filters
    assert results["accuracy"]["r2"] > 0.9
    assert len((run / "metrics.jsonl").read_text().splitlines()) == 3
    for name in ("config.yaml", "best.ckpt", "last.ckpt", "plots/learning.png"):
        assert (run / name).stat().st_size > 100


def test_the_checkpoint_serves_and_carries_its_provenance(run: Path) -> None:
    module, spec, windows = load_servable(run / "best.ckpt")
    assert windows.shape[1:] == (25, 5)
    assert spec.provenance["split"] == {"train": ["cube"], "validation": ["letters"], "test": ["star"]} or (
        spec.provenance["split"] == {"train": ["letters"], "validation": ["cube"], "test": ["star"]}
    )
    assert set(spec.provenance) >= {"config", "seed", "versions", "data_sha256", "metrics"}
    assert spec.outputs[0].envelope is not None
    answers = module(torch.from_numpy(windows))
    assert float(answers.detach().abs().max()) < spec.outputs[0].envelope.value
    for i, signal in enumerate(spec.inputs):
        if signal.name == "z_ref":
            continue
        assert signal.range_valid is not None
        assert signal.range_valid[0] <= windows[..., i].min() <= windows[..., i].max() <= signal.range_valid[1]


def test_evaluation_finds_what_training_reported(run: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cli.evaluate([str(run / "best.ckpt"), "--data", str(data), "--json"])
    found = json.loads(capsys.readouterr().out)
    said = json.loads((run / "results.json").read_text())["accuracy"]
    assert found["rmse_um"] == pytest.approx(said["rmse_um"], rel=1e-5)
    assert set(found["outputs"]) == {"offset_x", "offset_y"}


def test_an_interrupted_run_resumes_to_the_same_bits(
    run: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    saves: list[Path] = []

    def save(path: Path, contents: dict[str, Any]) -> None:
        if len([p for p in saves if p.name == "last.ckpt"]) == 1:
            raise KeyboardInterrupt
        saves.append(path)
        original(path, contents)

    original = checkpoint.save
    out = tmp_path / "cut"
    monkeypatch.setattr(loop.checkpoint, "save", save)
    assert failed(capsys, cli.train, *QUICK, f"data={data}", f"out={out}") == (1, "learn-train: interrupted")
    monkeypatch.undo()
    cli.train([*QUICK, f"data={data}", f"out={out}", "resume=true"])
    whole, cut = checkpoint.load(run / "last.ckpt"), checkpoint.load(out / "last.ckpt")
    for name, value in whole["model"].items():
        assert torch.equal(value, cut["model"][name]), name
    assert [json.loads(t)["epoch"] for t in (out / "metrics.jsonl").read_text().splitlines()] == [0, 1, 2]


def test_the_same_seed_gives_the_same_spec_contract_and_another_geometry_another(run: Path) -> None:
    spec = Spec.from_json(checkpoint.load(run / "best.ckpt")["spec"])
    assert spec.window == 25
    assert spec.preview == 12


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("loop.epocs=3", "epocs"),
        ("lop.epochs=3", "lop"),
        ("loop.epochs=many", "many"),
        ("net=lstm9x9", "lstm9x9"),
        ("net.preview=99", "net.preview must be"),
        ("net.hidden_size=0", "net.hidden_size must be 1 to 2048, got 0"),
        ("net.steps=1000000", "net.steps must be 2 to 4096"),
        ("loop.batch_size=0", "loop.batch_size must be 1 to"),
        ("loop.epochs=-1", "loop.epochs must be 0 to"),
        ("loop.lr=nan", "loop.lr must be"),
        ("stretches.test=0", "stretches.test must be 1 to"),
        ("targets.rounds=0", "targets.rounds must be 1 to"),
        ("seed=-1", "seed must be"),
        ("threads=-1", "threads must be"),
        ("system=spaceship", "there are printer, dynamics, gait"),
        ("target=spaceship", "there are offset, error"),
        ("--fast", "--fast"),
    ],
)
def test_a_wrong_argument_is_one_line_and_exit_2(
    argument: str, said: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["system=printer", "target=offset", f"data={data}", f"out={tmp_path / 'r'}", argument]
    code, line = failed(capsys, cli.train, *argv)
    assert code == 2
    assert said in line
    assert not (tmp_path / "r").exists()


def test_missing_data_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, line = failed(capsys, cli.train, "system=printer", "target=offset", f"out={tmp_path / 'r'}")
    assert (code, "data" in line) == (2, True)
    code, line = failed(
        capsys, cli.train, "system=printer", "target=offset", f"data={tmp_path}", f"out={tmp_path / 'r'}"
    )
    assert (code, str(tmp_path) in line) == (1, True)


def test_the_configuration_is_shown_without_data(capsys: pytest.CaptureFixture[str]) -> None:
    cli.train(["system=printer", "target=offset", "loop.epochs=3", "--cfg"])
    shown = json.loads(capsys.readouterr().out)
    assert shown["loop"]["epochs"] == 3
    assert shown["data"] == "DATA"


def test_a_folder_that_cannot_be_made_is_one_line_and_exit_1(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    code, line = failed(capsys, cli.train, *QUICK, f"data={data}", f"out={tmp_path / 'file' / 'r'}")
    assert code == 1
    assert str(tmp_path / "file") in line


def test_overwriting_with_data_that_is_not_there_costs_nothing(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()}
    code, _ = failed(capsys, cli.train, *QUICK, f"data={tmp_path}", f"out={run}", "overwrite=true")
    assert code == 1
    assert before == {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()}


def test_resuming_with_another_net_is_one_line_and_exit_1(
    run: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = Path(shutil.copytree(run, tmp_path / "r"))
    argv = [*QUICK, f"data={data}", f"out={out}", "resume=true", "net.hidden_size=9"]
    code, line = failed(capsys, cli.train, *argv)
    assert code == 1
    assert "of a run with another configuration" in line


def test_a_checkpoint_finds_its_data_whatever_the_folder_is_called(
    run: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = tmp_path / "a, b=[ü] ${oc.env:HOME} \\'\""
    there.symlink_to(data)
    contents = checkpoint.load(run / "best.ckpt")
    moved = contents | {"config": contents["config"] | {"data": str(there)}}
    checkpoint.save(tmp_path / "best.ckpt", moved)
    cli.evaluate([str(tmp_path / "best.ckpt"), "--json"])
    cli.evaluate([str(run / "best.ckpt"), "--data", str(there), "--json"])
    first, second = capsys.readouterr().out.splitlines()
    assert json.loads(first) == json.loads(second)


def test_a_checkpoint_that_was_not_trained_on_data_is_one_line_and_exit_1(
    small: Any, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "give --data" in failed(capsys, cli.evaluate, str(small.checkpoint))[1]
    code, line = failed(capsys, cli.evaluate, str(small.checkpoint), "--data", str(data))
    assert code == 1
    assert "names no held-out part" in line


def test_a_part_that_was_never_finished_is_not_learned_from(data: Path, tmp_path: Path) -> None:
    shutil.copytree(data, tmp_path / "data")
    shutil.copytree(data / "star", tmp_path / "data" / ".tmp-star-x")
    assert set(read_parts(tmp_path / "data", "ender3v2", 0.002)) == {"cube", "letters", "star"}


def test_a_finished_run_is_not_overwritten_unasked(run: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (run / "best.ckpt").read_bytes()
    code, line = failed(capsys, cli.train, *QUICK, f"data={data}", f"out={run}")
    assert code == 2
    assert "overwrite=true" in line
    assert (run / "best.ckpt").read_bytes() == before


def test_a_damaged_checkpoint_is_one_line_and_exit_1(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged = tmp_path / "damaged.ckpt"
    damaged.write_bytes((run / "best.ckpt").read_bytes()[:-500])
    code, line = failed(capsys, cli.evaluate, str(damaged))
    assert code == 1
    assert "damaged.ckpt" in line


def test_evaluation_writes_its_figures_to_a_folder(
    run: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cli.evaluate([str(run / "best.ckpt"), "--data", str(data), "--out", str(tmp_path / "deep" / "eval")])
    shown = capsys.readouterr().out
    figures = json.loads((tmp_path / "deep" / "eval" / "metrics.json").read_text())
    for text in ("R2", "RMSE um", "offset_x", "offset_y", "all", f"{figures['rmse_um']:.5g}"):
        assert text in shown, text


def test_help_shows_a_systems_groups_and_keys(capsys: pytest.CaptureFixture[str]) -> None:
    cli.train(["--help"])
    assert "Systems: printer, dynamics, gait, activity, cost, table" in capsys.readouterr().out
    cli.train(["system=printer", "net=lstm2x96", "--help"])
    shown = capsys.readouterr().out
    for text in ("net=lstm2x56|lstm2x96", "net.hidden_size=96", "loop.schedule=cosine", "cosine_restarts|plateau"):
        assert text in shown, text
    # what a key means is the comment beside it, in a base class too
    assert "sample" not in shown.split("seed=42")[1].splitlines()[0]
    assert "go on from `out`/last.ckpt" in shown


@pytest.mark.parametrize("system", systems())
def test_help_and_configuration_are_shown_for_every_system(system: str, capsys: pytest.CaptureFixture[str]) -> None:
    cli.train([f"system={system}", "--help"])
    assert "loop.epochs=" in capsys.readouterr().out
    cli.train([f"system={system}", "--cfg"])
    assert json.loads(capsys.readouterr().out)["system"] == system


def test_fine_tuning_starts_from_a_trained_net(
    run: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "tuned"
    path = f"pretrained={run / 'best.ckpt'}"
    cli.train([*QUICK, f"data={data}", f"out={out}", path, "loop.epochs=1", "loop.lr=1e-6", "--json"])
    tuned = json.loads(capsys.readouterr().out)
    before = json.loads((run / "results.json").read_text())
    assert tuned["accuracy"]["r2"] == pytest.approx(before["accuracy"]["r2"], abs=0.01)
    one, two = (checkpoint.load(path / "best.ckpt")["model"] for path in (run, out))
    assert torch.equal(one["filters.weight"], two["filters.weight"])
    code, line = failed(capsys, cli.train, *QUICK, f"data={data}", f"out={tmp_path / 'x'}", path, "net.hidden_size=9")
    assert code == 1
    assert "its weights do not fit this configuration" in line
