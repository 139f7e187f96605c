"""`system=cost` from made-up rollouts to the served model, through the commands."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from command_lines import failed

from learn_rt.train import cli
from learn_rt.train.core import checkpoint
from learn_rt.train.core.checkpoint import load_servable
from learn_rt.train.core.config import compose_config
from learn_rt.train.cost.task import CostConfig, CostTask

QUICK = ["system=cost", "loop.epochs=300", "loop.keep_every=100", "loop.save_every=100", "split.test=0.2"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    cli.data(["cost", "make", "--out", str(folder), "--rollouts", "120", "--seed", "1"])
    return folder


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ensemble of three, trained with an outlier-blind loss after 100 epochs of Huber."""
    out = tmp_path_factory.mktemp("run") / "cost"
    loss = ["loss.recon_type=tukey", "loss.recon_start_epoch=100", "net.members=3"]
    cli.train([*QUICK, *loss, f"data={data}", f"out={out}"])
    return out


def test_a_run_learns_and_leaves_its_files(run: Path) -> None:
    results = json.loads((run / "results.json").read_text())
    assert results["accuracy"]["r2"] > 0.98
    assert results["accuracy"]["seen_in_training"] is False
    assert 0 < results["accuracy"]["outputs"]["cot_ma15"]["spread"] < 0.5
    assert sum(results["split"]["rollouts"].values()) + results["rollouts_failed"] == 120
    for name in ("epochs/epoch-000100.ckpt", "epochs/epoch-000300.ckpt", "plots/answers.png", "config.yaml"):
        assert (run / name).stat().st_size > 100
    epoch = checkpoint.load(run / "epochs/epoch-000100.ckpt")
    assert set(epoch["model"]) == set(checkpoint.load(run / "best.ckpt")["model"])


def test_the_json_log_is_an_array_with_step_time_and_every_term(run: Path) -> None:
    log = json.loads((run / "logs/metrics.json").read_text())
    assert [line["step"] for line in log] == [49, 99, 149, 199, 249, 299]
    terms = {f"loss/{name}" for name in ("train", "reconstruction", "l1", "l2", "gradient")}
    for line in log:
        assert terms | {"step", "timestamp", "nrmse", "r2", "lr"} <= set(line)
    last = log[-1]
    weighted = (
        10 * last["loss/reconstruction"] + 1e-3 * (last["loss/l1"] + last["loss/l2"]) + 1e-2 * last["loss/gradient"]
    )
    assert last["loss/train"] == pytest.approx(weighted, rel=1e-5)


def test_evaluation_finds_what_training_reported(run: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cli.evaluate([str(run / "best.ckpt"), "--data", str(data), "--json"])
    found = json.loads(capsys.readouterr().out)
    said = json.loads((run / "results.json").read_text())["accuracy"]
    assert found["outputs"]["cot_ma15"]["rmse"] == pytest.approx(said["outputs"]["cot_ma15"]["rmse"], rel=1e-5)


def test_other_data_is_judged_as_a_whole(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cli.data(["cost", "make", "--out", str(tmp_path), "--rollouts", "40", "--seed", "2", "--failures", "0"])
    capsys.readouterr()
    cli.evaluate([str(run / "best.ckpt"), "--data", str(tmp_path), "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found["rollouts"] == 40
    assert found["r2"] > 0.97


def test_the_exported_graph_answers_mean_and_spread_in_the_runtime(run: Path, tmp_path: Path) -> None:
    from learn_rt.export import export_servable
    from learn_rt.runtime import load

    module, spec, held_out = load_servable(run / "best.ckpt")
    assert [s.name for s in spec.outputs] == ["cot_ma15", "cot_ma15_spread"]
    assert {s.unit for s in spec.outputs} == {"J/kg/m"}
    session = load(str(export_servable(module, spec, held_out, tmp_path, formats=("onnx",)))).session()
    with torch.no_grad():
        expected = module(torch.from_numpy(held_out)).numpy()
    answers = np.array([np.array(session.step(row)[0]) for row in held_out])
    np.testing.assert_allclose(answers, expected, atol=2e-5)


def test_a_resumed_run_has_the_same_bits_and_one_log(run: Path, data: Path, tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    noisy = [
        "system=cost",
        "net.layers=[8,8]",
        "augment.input_noise=0.1",
        "augment.output_noise=0.05",
        f"data={data}",
        "loop.save_every=100",
    ]
    cli.train([*noisy, f"out={whole}", "loop.epochs=200"])
    cli.train([*noisy, f"out={cut}", "loop.epochs=100"])
    cli.train([*noisy, f"out={cut}", "loop.epochs=200", "resume=true"])
    weights, again = checkpoint.load(whole / "last.ckpt")["model"], checkpoint.load(cut / "last.ckpt")["model"]
    for name, value in weights.items():
        assert torch.equal(value, again[name]), name
    steps = [line["step"] for line in json.loads((cut / "logs/metrics.json").read_text())]
    assert steps == [49, 99, 149, 199]


def test_everything_can_be_trained_on_as_the_original_did(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "all"
    cli.train(
        [
            *QUICK,
            f"data={data}",
            f"out={out}",
            "split.validation=0",
            "split.test=0",
            "gradient=autograd",
            "net.layers=[8]",
        ]
    )
    accuracy = json.loads((out / "results.json").read_text())["accuracy"]
    assert accuracy["seen_in_training"] is True
    _, _, held_out = load_servable(out / "best.ckpt")
    seen = {tuple(row) for row in held_out.tolist()}
    assert len(seen) == accuracy["rollouts"]


def test_early_stopping_ends_a_run(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "early"
    cli.train(["system=cost", f"data={data}", f"out={out}", "loop.validate_every=10", "loop.patience=50"])
    assert json.loads((out / "results.json").read_text())["train"]["epochs"] < 10_002


def test_a_checkpoint_is_tuned_on_other_rollouts_with_its_own_statistics(run: Path, tmp_path: Path) -> None:
    cli.data(["cost", "make", "--out", str(tmp_path / "d"), "--rollouts", "40", "--seed", "5", "--vary", "gait_stride"])
    out = tmp_path / "tuned"
    cli.train([*QUICK, f"data={tmp_path / 'd'}", f"out={out}", f"pretrained={run / 'best.ckpt'}", "net.members=3"])
    tuned, before = checkpoint.load(out / "best.ckpt")["model"], checkpoint.load(run / "best.ckpt")["model"]
    assert torch.equal(tuned["x_std"], before["x_std"])
    assert json.loads((out / "results.json").read_text())["accuracy"]["r2"] > 0.9


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("loss.recon_type=hubert", "hubert"),
        ("net.activation=swish", "swish"),
        ("net.members=65", "net.members must be 1 to 64"),
        ("inputs=[a,a]", "inputs must be 1 to 1024 distinct names"),
        ("outputs=[gait_stride]", "cannot be an input and an output"),
        ("precision=bf16-mixed", "gradient=autograd"),
        ("split.test=1", "split.test must be"),
    ],
)
def test_a_wrong_argument_is_one_line_and_exit_2(
    argument: str, said: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, line = failed(capsys, cli.train, "system=cost", f"data={data}", f"out={tmp_path / 'r'}", argument)
    assert code == 2
    assert said in line


def test_a_label_that_no_rollout_has_ends_the_run_before_it_starts(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["system=cost", f"data={data}", f"out={tmp_path / 'r'}", "inputs=[gait_speed]"]
    code, line = failed(capsys, cli.train, *argv)
    assert code == 1
    assert "has no 'gait_speed'; it has gait_stride, gait_cadence" in line


def test_labels_and_units_take_names_of_ones_own() -> None:
    given = ["system=cost", "target=cost", "data=d", "outputs=[cot]", "labels={cot: metabolic/cot}", "units.cot=J"]
    config = compose_config(CostConfig, CostTask.groups, given)
    assert config.labels["cot"] == "metabolic/cot"
    assert config.units["cot"] == "J"
    with pytest.raises(ValueError, match="lables"):
        compose_config(CostConfig, CostTask.groups, [*given, "lables.cot=x"])


def test_files_are_inspected_merged_and_made_of_tables(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "measured.csv"
    table.write_text("speed,slope,power\n1.0,0.0,3.5\n1.5,0.1,6.25\n")
    converted, merged = tmp_path / "c.h5", tmp_path / "m.h5"
    cli.data(["cost", "convert", str(table), "--outputs", "power", "--out", str(converted)])
    cli.data(["cost", "merge", str(data), str(data), "--out", str(merged)])
    capsys.readouterr()
    cli.data(["cost", "inspect", str(converted), "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found["rollouts"] == found["succeeded"] == 2
    assert found["parameters"]["slope"]["max"] == 0.1
    assert found["attributes"]["power"]["mean"] == pytest.approx(4.875)
    cli.data(["cost", "inspect", str(merged)])
    assert "240 rollouts" in capsys.readouterr().out
    code, line = failed(capsys, cli.data, "cost", "merge", str(data), str(converted), "--out", str(tmp_path / "no.h5"))
    assert code == 1
    assert "has other parameters than the first rollout" in line
    table.write_text("speed,power\n1.0,fast\n")
    code, line = failed(capsys, cli.data, "cost", "convert", str(table), "--outputs", "power", "--out", str(converted))
    assert code == 1
    assert "measured.csv, line 2" in line
