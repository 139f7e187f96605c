"""Seconds of an epoch of 40,000 windows, LSTM 2x56, window 20, batch 256, beside the loops one would write.

    learn-bench error --data DIR

DIR: what learn-data printer --rate 100 wrote. Rounds of all of them take turns, so that a busy machine is busy for all.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

from learn_rt.benchmarks.printer_error.naive import Took, already_in_place, from_files, from_memory
from learn_rt.train.core.config import compose_config
from learn_rt.train.core.loop import Trainer
from learn_rt.train.core.run import launch
from learn_rt.train.core.run_folder import RunFolder
from learn_rt.train.printer.error import TASK
from learn_rt.train.printer.error.task import ErrorConfig

N_WINDOWS, BATCH, HIDDEN, WINDOW = 40_000, 256, 56, 20
FILES = 2_000  # written for the loop that reads one file a sample; its epoch is scaled from them


def main(argv: Sequence[str] | None = None) -> None:
    """Print a table, or JSON."""
    parser = argparse.ArgumentParser(
        prog="learn-bench error", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(argv)
    torch.set_num_threads(given.threads)
    rows = measure(given.data, given.threads, given.rounds)
    if given.json:
        print(json.dumps(rows, indent=2))
        return
    for name, row in rows.items():
        print(f"{name:62} {row['wall_s']:7.2f} s  {row['cpu_s']:7.2f} CPU s")


def measure(data: Path, threads: int, rounds: int) -> dict[str, dict[str, float]]:
    """Return the median seconds of an epoch by name."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        task = TASK(_config(data, folder / "none", threads, 1), lambda text: None)
        signals, targets = _windows(task)
        for i in range(FILES):
            torch.save(
                {"input_features": signals[i].clone(), "targets": targets[i].clone()}, folder / f"sample_{i:05d}.pt"
            )
        arms: dict[str, Callable[[], list[Took]]] = {
            "computation alone (one batch, again and again)": lambda: already_in_place(
                signals, targets, BATCH, HIDDEN, 2
            ),
            "plain loop, windows in memory": lambda: from_memory(signals, targets, BATCH, HIDDEN, 2),
            "plain loop, one file a sample (DataLoader)": lambda: [
                Took(t.wall * N_WINDOWS / FILES, t.cpu * N_WINDOWS / FILES)
                for t in from_files(folder, FILES, BATCH, signals.shape[2], HIDDEN)
            ],
            "learn-train, windows (answers=1)": lambda: _ours(data, folder / "r", threads, 1),
            "learn-train, passes over 16 windows (answers=16)": lambda: _ours(data, folder / "r", threads, 16),
        }
        took: dict[str, list[Took]] = {name: [] for name in arms}
        for _ in range(rounds):
            for name, arm in arms.items():
                took[name] += arm()[-1:]
    return {
        name: {"wall_s": float(np.median([t.wall for t in ts])), "cpu_s": float(np.median([t.cpu for t in ts]))}
        for name, ts in took.items()
    }


def _config(data: Path, out: Path, threads: int, answers: int) -> ErrorConfig:
    overrides = [
        *("system=printer", "target=error", f"data={data}", f"out={out}", f"threads={threads}", f"answers={answers}"),
        *("loop=cosine", f"loop.batch_size={BATCH}", f"loop.limit_train_batches={N_WINDOWS // BATCH}"),
        *(f"net.hidden_size={HIDDEN}", f"net.window={WINDOW}", "loop.limit_validation_batches=0.01"),
    ]
    config: ErrorConfig = compose_config(ErrorConfig, TASK.groups, [*overrides, "loop.epochs=2"])
    return config


def _ours(data: Path, out: Path, threads: int, answers: int) -> list[Took]:
    """Return the seconds of each epoch of the trainer, without its validation."""
    took: list[Took] = []

    def timed(trainer: Trainer, *given: Any) -> Any:
        wall, cpu = time.perf_counter(), time.process_time()
        figures = plain(trainer, *given)
        took.append(Took(time.perf_counter() - wall, time.process_time() - cpu))
        return figures

    plain = Trainer._train_epoch
    with patch.object(Trainer, "_train_epoch", timed):
        launch(TASK, _config(data, out, threads, answers), RunFolder(out, False, True))
    return took


def _windows(task) -> tuple[torch.Tensor, torch.Tensor]:  # type: ignore[no-untyped-def]
    """Return N_WINDOWS windows and their targets as the task's own batches have them, normalised."""
    generator = torch.Generator().manual_seed(0)
    batches = [b for _, b in zip(range(N_WINDOWS // BATCH), task.batches(generator), strict=False)]
    signals, targets = (torch.cat([b[i] for b in batches]) for i in (0, 1))
    return signals, targets[:, 0] / task.module.target_std
