"""The trainer on the smallest system: what is kept, when it stops, and that a resumed run is the unbroken one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import toy_task

from learn_rt.train.core import checkpoint
from learn_rt.train.core.checkpoint import load_servable

Train = Callable[..., Any]


def same(one: Path, other: Path) -> None:
    """Fail unless two checkpoints hold the same bits."""
    a, b = checkpoint.load(one), checkpoint.load(other)
    for part in ("model", "resume"):
        assert str(a[part].keys()) == str(b[part].keys())
    for name, value in a["model"].items():
        assert torch.equal(value, b["model"][name]), name
    for key, slots in a["resume"]["optimizer"]["state"].items():
        for name, value in slots.items():
            assert torch.equal(value, b["resume"]["optimizer"]["state"][key][name]), (key, name)
    for key in ("watch", "plateau", "top", "epoch"):
        assert a["resume"][key] == b["resume"][key], key


@pytest.mark.parametrize(
    "loop",
    [
        {"schedule": "cosine", "accumulate": 2, "warmup_steps": 7},
        {"schedule": "cosine_restarts", "t0": 2, "keep_top": 3},
        {"schedule": "plateau", "plateau_patience": 0, "lr": 0.5, "save_every": 2},
        {"schedule": "constant", "optimizer": "adam", "validate_every": 3, "clip_value": 0.01},
        {"schedule": "plateau", "plateau_on": "loss", "plateau_patience": 0, "patience": 4, "clip_norm": 0.0},
    ],
    ids=lambda loop: loop["schedule"],
)
def test_a_resumed_run_gives_the_bits_of_an_unbroken_one(
    loop: dict[str, Any], train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = {"dropout": 0.3, "rows": 44}
    whole = train("whole", run, epochs=7, **loop)

    def cut(self: Any, epoch: int) -> None:
        if epoch == 5:
            raise KeyboardInterrupt

    monkeypatch.setattr(toy_task.ToyTask, "on_epoch", cut)
    with pytest.raises(KeyboardInterrupt):
        train("cut", run, epochs=7, **loop)
    monkeypatch.undo()
    again = train("cut", run | {"resume": True}, epochs=7, **loop)
    same(whole.root / "last.ckpt", again.root / "last.ckpt")
    for left, right in zip(whole.lines, again.lines, strict=True):
        assert {**left, "seconds": 0} == {**right, "seconds": 0}
    assert sorted(p.name for p in whole.root.glob("top/*")) == sorted(p.name for p in again.root.glob("top/*"))
    assert whole.results["best_epoch"] == again.results["best_epoch"]


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(train: Train) -> None:
    one, two = train("one", {"dropout": 0.3}), train("two", {"dropout": 0.3, "deterministic": True})
    same(one.root / "last.ckpt", two.root / "last.ckpt")
    other = train("three", {"dropout": 0.3, "seed": 1})
    assert other.results["accuracy"] != one.results["accuracy"]
    torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize(("mode", "best"), [("min", [2, 4, 1]), ("max", [3, 0, 5])])
def test_the_best_checkpoints_by_the_monitored_metric_stay(mode: str, best: list[int], train: Train) -> None:
    scores = [5.0, 2.0, 1.0, 9.0, 1.5, 4.0]
    run = train(run={"scores": scores}, epochs=6, mode=mode, keep_top=3)
    assert [epoch for _, epoch in checkpoint.load(run.root / "last.ckpt")["resume"]["top"]] == best
    assert sorted(p.name for p in run.root.glob("top/*")) == [f"epoch-{e + 1:06d}.ckpt" for e in sorted(best)]
    assert run.results["best_epoch"] == best[0]
    kept = checkpoint.load(run.root / "top" / f"epoch-{best[0] + 1:06d}.ckpt")
    for name, value in checkpoint.load(run.root / "best.ckpt")["model"].items():
        assert torch.equal(value, kept["model"][name])
    for path in run.root.glob("top/*"):
        assert load_servable(path)[1].provenance["epoch"] == int(path.stem[-6:]) - 1


def test_every_so_many_epochs_a_checkpoint_stays(train: Train) -> None:
    run = train(epochs=7, keep_every=3)
    assert sorted(p.name for p in run.root.glob("epochs/*")) == ["epoch-000003.ckpt", "epoch-000006.ckpt"]


def test_training_stops_when_patience_is_over(train: Train) -> None:
    # 0.999 is better than 1.0, but not noticeably
    run = train(run={"scores": [2.0, 1.0, 0.999, 1.0, 1.1, 0.1]}, epochs=6, patience=3)
    assert run.results["train"]["epochs"] == 5
    assert run.results["best_epoch"] == 2


def test_between_validations_nothing_is_measured_or_written(train: Train) -> None:
    run = train(epochs=10, validate_every=4, save_every=5)
    assert [line["epoch"] for line in run.lines] == [3, 7, 9]
    assert [event for event in toy_task.EVENTS if event[0] == "validate"] == [("validate", i) for i in range(3)]
    assert [epoch for what, epoch in toy_task.EVENTS if what == "epoch"] == list(range(10))


def test_what_the_objective_says_is_logged_beside_its_loss(train: Train) -> None:
    run = train()
    assert set(run.lines[0]) == {"epoch", "loss", "mae", "rmse", "lr", "seconds"}
    assert run.lines[-1]["loss"] < 0.5 * run.lines[0]["loss"]


def test_batches_can_be_limited(train: Train) -> None:
    share = train("share", limit_train_batches=0.4, epochs=1, save_every=1)  # of five
    number = train("number", limit_train_batches=2, epochs=1, limit_validation_batches=3)
    a, b = (checkpoint.load(run.root / "last.ckpt")["resume"]["optimizer"]["state"] for run in (share, number))
    assert float(a[0]["step"]) == float(b[0]["step"]) == 2
    assert number.lines[0]["rmse"] != share.lines[0]["rmse"]


def test_accumulated_batches_step_as_one_batch_of_their_size(train: Train) -> None:
    one = train("one", epochs=2, batch_size=40)
    many = train("many", epochs=2, batch_size=10, accumulate=4)
    a, b = (checkpoint.load(run.root / "last.ckpt") for run in (one, many))
    assert float(b["resume"]["optimizer"]["state"][0]["step"]) == 2
    for name, value in a["model"].items():
        torch.testing.assert_close(value, b["model"][name], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("key", "bound"), [("clip_value", 1e-3), ("clip_norm", 1e-3)])
def test_gradients_are_clipped(key: str, bound: float, train: Train) -> None:
    off = {"clip_norm": 0.0, "clip_value": 0.0}
    run = train(run={"scale": 1e3}, epochs=1, batch_size=40, **(off | {key: bound}))
    state = checkpoint.load(run.root / "last.ckpt")["resume"]["optimizer"]["state"]
    first = [slots["exp_avg"] / (1 - 0.9) for slots in state.values()]  # after one step: its gradients
    if key == "clip_value":
        assert max(float(g.abs().max()) for g in first) == pytest.approx(bound, rel=1e-4)
    else:
        assert float(torch.cat([g.flatten() for g in first]).norm()) == pytest.approx(bound, rel=1e-3)


def test_a_trained_net_is_where_fine_tuning_starts(train: Train, tmp_path: Path) -> None:
    first = train("first", epochs=8)
    path = str(first.root / "best.ckpt")
    tuned = train("tuned", {"pretrained": path}, epochs=1, lr=1e-6)
    assert tuned.lines[0]["rmse"] == pytest.approx(first.results["accuracy"]["rmse"], rel=1e-3)
    contents = checkpoint.load(path)
    contents["model"]["net.0.weight"] = torch.zeros(9, 2)
    checkpoint.save(tmp_path / "other.ckpt", contents)
    with pytest.raises(ValueError, match=r"other\.ckpt: its weights do not fit"):
        train("third", {"pretrained": str(tmp_path / "other.ckpt")})


def test_less_precision_trains_too(train: Train) -> None:
    full, half = train("full", epochs=8), train("half", {"precision": "bf16-mixed"}, epochs=8)
    assert half.results["accuracy"]["rmse"] != full.results["accuracy"]["rmse"]
    assert half.results["accuracy"]["rmse"] == pytest.approx(full.results["accuracy"]["rmse"], rel=0.2)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU, where it works")
def test_half_precision_without_a_gpu_is_refused_before_anything_is_written(train: Train, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="precision=16-mixed needs a GPU: on the CPU set precision=bf16-mixed"):
        train("half", {"precision": "16-mixed"})
    assert not (tmp_path / "half").exists()


def test_a_loss_that_runs_away_is_named(train: Train) -> None:
    with pytest.raises(ValueError, match=r"the training loss is (nan|inf) in epoch 1: lower loop\.lr"):
        train(run={"scale": 1e38}, lr=10.0, clip_norm=0.0)


def test_a_metric_that_is_not_there_is_named_with_those_that_are(train: Train) -> None:
    with pytest.raises(ValueError, match="validation gives no 'macro_f1'; it gives loss, mae, rmse"):
        train(monitor="macro_f1")
    assert train("again", monitor="loss").results["train"]["epochs"] == 4


@pytest.mark.timeout(120)
def test_two_processes_learn_what_one_learns(train: Train) -> None:
    loop = {"epochs": 2, "batch_size": 15, "accumulate": 2}  # batches of 15, 15 and 10: odd and even
    one = train("one", **loop)
    two = train("two", {"devices": 2}, **loop)
    a, b = (checkpoint.load(run.root / "last.ckpt")["model"] for run in (one, two))
    for name, value in a.items():
        torch.testing.assert_close(value, b[name], rtol=1e-4, atol=1e-6)
    for left, right in zip(one.lines, two.lines, strict=True):
        assert left["loss"] == pytest.approx(right["loss"], rel=1e-4)
        assert left["rmse"] == pytest.approx(right["rmse"], rel=1e-4)
    assert two.results["accuracy"]["rmse"] == pytest.approx(one.results["accuracy"]["rmse"], rel=1e-4)
