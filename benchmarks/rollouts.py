"""How long a rollout takes on each backend and number of threads, turn by turn: `learn-bench rollouts FOLDER`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from learn_rt.benchmarks.latency import machine
from learn_rt.spec import Kind, Spec


def main(argv: Sequence[str] | None = None) -> None:
    """Print one line for each backend and number of threads: its latency, and the ratio of its median to ours."""
    parser = argparse.ArgumentParser(prog="learn-bench rollouts", description=__doc__)
    add = parser.add_argument
    add("folder", type=Path, help="a version folder of a model of kind rollout, with its golden samples")
    add("--candidates", type=int, default=64, help="over the horizon of model.onnx (%(default)s)")
    add("--threads", type=int, nargs="+", default=[1], help="of our engine and of ONNX Runtime: one row each")
    add("--seconds", type=float, default=10.0, help="of all rows together (%(default)s)")
    add("--json", action="store_true")
    args = parser.parse_args(argv)
    about = machine.describe()
    rows = measure(args.folder, args.candidates, args.threads, args.seconds)
    if args.json:
        print(json.dumps({"machine": about, "rows": rows}))
        return
    table = Table("", "threads", "p50", "p99", "max", "times ours on one", box=None)
    for row in rows:
        figures = (f"{row['latency_us'][name] / 1e3:.2f} ms" for name in ("p50", "p99", "max"))
        ratio = row["ratio"]
        times = f"{ratio['p50']:.2f} [{ratio['low']:.2f}, {ratio['high']:.2f}]"
        table.add_row(row["backend"], str(row["threads"]), *figures, times)
    Console(highlight=False).print(table, machine.one_line(about), sep="\n")


def measure(folder: Path, candidates: int, threads: Sequence[int], seconds: float) -> list[dict[str, Any]]:
    """Return a row for each backend that has its file and each number of threads.

    All take turns, block by block, so that what the machine does beside falls on all alike; every answer is compared.
    `ratio` is the median over that of our engine on one thread, with its 95% interval.
    Raises: ValueError, OSError: no such model; WrongAnswer.
    """
    if not (folder / "spec.json").is_file():
        raise ValueError(f"{folder} is no version folder: it holds no spec.json")
    spec = Spec.from_json((folder / "spec.json").read_bytes())
    if spec.kind is not Kind.ROLLOUT:
        raise ValueError(f"{folder} must hold a model of kind rollout, it is {spec.kind}")
    if candidates < 1 or min(threads) < 1:
        raise ValueError(f"candidates and threads must be at least 1, got {candidates}, {list(threads)}")

    from learn_rt._latency import OrtRolloutArm, RolloutArm, Turn
    from learn_rt.benchmarks.latency.baseline import ort_library
    from learn_rt.benchmarks.latency.gate import verify
    from learn_rt.benchmarks.latency.judge import interval, resamples
    from learn_rt.benchmarks.latency.measure import PAIRS, Mode, in_turn
    from learn_rt.benchmarks.latency.rollout_stream import rollout_stream, sizes_of

    stream, sizes = rollout_stream(folder, spec, candidates), sizes_of(spec, candidates)
    graph = str(folder / "model.onnx")
    several = sorted({1, *threads})
    arms = {("native", n): RolloutArm(folder, "native", sizes, n) for n in several}
    arms |= {("onnxruntime", n): OrtRolloutArm(ort_library(), graph, spec.window, sizes, n) for n in several}
    if (folder / "model.pt").exists():
        arms["torchscript", 1] = RolloutArm(folder, "torchscript", sizes, 1)
    for arm in arms.values():
        for sample in stream.samples[: spec.window]:  # the history of ONNX Runtime's arm begins with rows of zeros
            arm.ask(sample)
    # The first window's samples were taken: the stream goes on after them.
    samples, answers = (np.roll(rows, -spec.window, axis=0) for rows in (stream.samples, stream.answers))
    closed = Mode("closed", paced=False, cold=False, warm_up=1)  # a rollout is long: one finds its caches warm
    found, _ = in_turn([Turn(arm, samples, answers) for arm in arms.values()], closed, seconds, spec.dt_s)
    weights = resamples(PAIRS)
    ours = found[0].latency
    rows = []
    for (backend, n), arm in zip(arms, found, strict=True):
        verify(f"{backend} on {n} threads", arm, stream.tolerance)
        ratios = arm.latency.percentile_us(0.5, weights) / ours.percentile_us(0.5, weights)
        ratio = float(arm.latency.percentile_us(0.5)[0] / ours.percentile_us(0.5)[0])
        low, high = interval(ratios)
        figures = arm.latency.figures().as_dict()
        row = {"backend": backend, "threads": n, "latency_us": figures}
        rows.append(row | {"ratio": {"p50": ratio, "low": low, "high": high}})
    return rows
