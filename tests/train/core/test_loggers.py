"""Metrics reach TensorBoard and Weights & Biases; a package that is missing costs a warning."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import pytest

Train = Callable[..., Any]


def test_tensorboard_reads_what_metrics_say(train: Train) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = train(run={"logger": ["tensorboard"]})
    events = EventAccumulator(str(run.root / "tensorboard"))
    events.Reload()
    for key in ("loss", "rmse", "lr"):
        values = [(event.step, event.value) for event in events.Scalars(key)]
        assert [step for step, _ in values] == [line["epoch"] for line in run.lines]
        assert [value for _, value in values] == pytest.approx([line[key] for line in run.lines], rel=1e-6)


def test_a_missing_package_is_a_warning(
    train: Train, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    run = train(run={"logger": ["wandb"]})
    assert run.results["train"]["epochs"] == 4
    assert "warning: logger=wandb is left out: wandb is not installed" in capsys.readouterr().err


def test_weights_and_biases_writes_offline(train: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("WANDB_PROJECT", "of-mine")
    run = train(run={"logger": ["wandb"]})
    [log] = run.root.glob("wandb/offline-run-*/*.wandb")
    written = log.read_bytes()
    assert b"of-mine" in written
    for line in run.lines:
        for key in ("loss", "rmse", "lr"):
            assert json.dumps(line[key]).encode() in written, key
