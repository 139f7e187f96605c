"""Sequences a second from disk, and trained on, beside usual loaders: `learn-bench gait`.

The arms take turns, so that a busy machine is equally busy for all; ratios are medians over the turns. On a machine
that others use, rates a CPU second tell more.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from learn_rt.benchmarks.gait import loaders
from learn_rt.train import cli
from learn_rt.train.gait.corpus import Corpus
from learn_rt.train.gait.model import PoseNet, PoseNetConfig
from learn_rt.train.gait.refine import N_FRAMES
from learn_rt.train.gait.stream import Stream
from learn_rt.train.gait.task import LossConfig, Objective

Batches = loaders.Batches
Rates = dict[str, list[tuple[float, float]]]
STREAM, RESIDENT = "learn-rt: streamed, two pools", "compute alone: one batch, in place"


def streamed(corpus: Corpus, batch_size: int, capacity: int) -> Batches:
    """Yield batches of the product's stream for ever; `capacity` sequences are less than the corpus has."""
    stream = Stream(corpus, corpus.runs(64), capacity, 0, 0)
    epoch = 0
    while True:
        yield from stream.batches(epoch, batch_size, 1, torch.Generator().manual_seed(epoch))
        epoch += 1


def resident(corpus: Corpus, batch_size: int) -> Batches:
    """Yield one batch for ever: what the optimizer could do if data cost nothing."""
    batch = next(loaders.lists_of_frames(corpus, batch_size))
    while True:
        yield batch


def trainer(corpus: Corpus) -> Callable[[tuple[torch.Tensor, torch.Tensor]], None]:
    """Return a function that takes one optimizer step with a batch."""
    module = PoseNet(PoseNetConfig(n_parameters=len(corpus.parameters)))
    module.normalize(corpus.parameters)
    objective = Objective(module, LossConfig())
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-4, fused=True)

    def step(batch: tuple[torch.Tensor, torch.Tensor]) -> None:
        objective(*batch).backward()
        torch.nn.utils.clip_grad_value_(module.parameters(), 0.1)
        optimizer.step()
        optimizer.zero_grad()

    return step


def rates(
    arms: dict[str, Batches], step: Callable[[tuple[torch.Tensor, torch.Tensor]], None], turns: int, seconds: float
) -> Rates:
    """Return sequences (60 frames each) a second and a CPU second of this process, of every arm in every turn."""
    for batches in arms.values():
        step(next(batches))
    found: Rates = {name: [] for name in arms}
    for _ in range(turns):
        for name, batches in arms.items():
            frames, started, cpu = 0, time.perf_counter(), time.process_time()
            while time.perf_counter() - started < seconds:
                batch = next(batches)
                step(batch)
                frames += len(batch[0])
            took = time.perf_counter() - started, time.process_time() - cpu
            found[name].append((frames / N_FRAMES / took[0], frames / N_FRAMES / took[1]))
    return found


def over(found: Rates, one: str, other: str, which: int) -> float:
    """Return the median over the turns of one arm's rate by another's; `which`: 0 a second, 1 a CPU second."""
    return statistics.median(a[which] / b[which] for a, b in zip(found[one], found[other], strict=True))


def main(argv: Sequence[str] | None = None) -> None:
    """Run and print both tables."""
    parser = argparse.ArgumentParser(
        prog="learn-bench gait", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sequences", type=int, default=2000)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.0, help="a turn of an arm")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="FILE")
    given = parser.parse_args(argv)
    torch.set_num_threads(given.threads)
    with tempfile.TemporaryDirectory() as folder:
        print_and_write(measure(Path(folder), given), given.json)


def measure(folder: Path, given: argparse.Namespace) -> dict[str, Rates]:
    """Return the rates of loading alone and of training."""
    packed, single = folder / "packed", folder / "single"
    cli.data(["gait", "synthetic", "--out", str(packed), "--sequences", str(given.sequences), "--per-file", "500"])
    single.mkdir()
    corpus, size = Corpus(packed), given.batch_size
    loaders.FileASequence.write(corpus, single)

    def arms() -> Iterator[tuple[str, Batches]]:
        yield STREAM, streamed(corpus, size, given.sequences // 4)
        yield "a file a sequence, DataLoader", loaders.file_a_sequence(single, size, 0)
        yield "a file a sequence, DataLoader, 2 workers", loaders.file_a_sequence(single, size, 2)
        yield "frames in memory, DataLoader", loaders.frames_in_memory(corpus, size)
        yield "files into lists of frames (the original)", loaders.lists_of_frames(corpus, size)

    loading = rates(dict(arms()), lambda batch: None, given.turns, given.seconds)
    training = rates({RESIDENT: resident(corpus, size), **dict(arms())}, trainer(corpus), given.turns, given.seconds)
    return {"loading": loading, "training": training}


def print_and_write(found: dict[str, Rates], path: Path | None) -> None:
    """Print the tables; write the rates as JSON where a path is given."""
    for title, base in (("loading", STREAM), ("training", RESIDENT)):
        times = f"times {'the stream' if base == STREAM else 'compute alone'}"
        table = Table(title, "sequences/s", times, "a CPU second", times)
        for name, rows in found[title].items():
            cells = []
            for which in (0, 1):
                # Workers are other processes, whose CPU time is not seen.
                counts = which == 0 or "workers" not in name
                rate = statistics.median(row[which] for row in rows)
                cells += [f"{rate:,.0f}", f"{over(found[title], name, base, which):.3f}"] if counts else ["", ""]
            table.add_row(name, *cells)
        Console().print(table)
    if path:
        path.write_text(json.dumps(found, indent=2) + "\n")
