from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import toy_task
from toy_task import ToyConfig, ToyTask

from learn_rt.train.core.config import restore_config
from learn_rt.train.core.register import MODULES
from learn_rt.train.core.run import launch
from learn_rt.train.core.run_folder import RunFolder


class Run:
    """A finished run of the toy."""

    def __init__(self, root: Path, results: dict[str, Any]) -> None:
        self.root, self.results = root, results
        self.lines = [json.loads(text) for text in (root / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture
def train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    """Train the toy: keys of the loop by name, the rest of the configuration in `run`."""
    monkeypatch.setitem(MODULES, ("toy", "toy"), "toy_task")
    toy_task.EVENTS.clear()

    def run(name: str = "run", run: dict[str, Any] | None = None, **loop: Any) -> Run:
        keys = {"epochs": 4, "batch_size": 8, "patience": 0, "warmup_steps": 0, "lr": 0.02} | loop
        whole = {"out": str(tmp_path / name), "device": "cpu", "threads": 1, "loop": keys} | (run or {})
        config = restore_config(ToyConfig, whole)
        folder = RunFolder(Path(config.out), config.resume, config.overwrite)
        results = launch(ToyTask, config, folder)
        assert results is not None
        return Run(folder.root, results)

    return run
