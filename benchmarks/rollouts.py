"""How long a rollout takes on each backend, turn by turn: `learn-bench rollouts FOLDER`."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from learn_rt.runtime import RolloutSession, load
from learn_rt.spec import Kind

BACKENDS = ("native", "onnxruntime", "torchscript")


def main(argv: Sequence[str] | None = None) -> None:
    """Print one line a backend: percentiles in microseconds, and the ratio of the medians to the native engine's."""
    parser = argparse.ArgumentParser(prog="learn-bench rollouts", description=__doc__)
    parser.add_argument(
        "folder", type=Path, help="a version folder of a model of kind rollout, with its golden samples"
    )
    parser.add_argument("--candidates", type=int, default=64)
    parser.add_argument("--horizon", type=int, default=75)
    parser.add_argument("--turns", type=int, default=30)
    parser.add_argument("--threads", type=int, default=1, help="of the native engine; the others run on one")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args(argv)
    rows = measure(args.folder, args.candidates, args.horizon, args.turns, args.threads)
    if args.json:
        print(json.dumps(rows))
        return
    for backend, row in rows.items():
        figures = "  ".join(f"{name} {row['latency_us'][name]:9.0f}" for name in ("p50", "p99", "max"))
        print(f"{backend:12} {figures} us  x {row['ratio']:5.2f}  off by {row['off_by']:.1e}")


def measure(folder: Path, candidates: int, horizon: int, turns: int, threads: int = 1) -> dict[str, dict[str, Any]]:
    """Return for each backend that has its file: latency_us, the ratio to native, and the largest difference from it.

    Every turn runs all of them, so that what the machine does beside falls on all alike.
    """
    models = {b: load(folder, b) for b in BACKENDS if b != "torchscript" or (folder / "model.pt").exists()}
    spec = models["native"].spec
    if spec.kind is not Kind.ROLLOUT:
        raise ValueError(f"{folder} must hold a model of kind rollout, it is {spec.kind}")
    with np.load(folder / "golden.npz", allow_pickle=False) as golden:
        window, plan = golden["x"][0], golden["actions"]
    # Plans of real actions, one after another.
    real = plan.reshape(-1, spec.n_actions)
    actions = real[np.arange(candidates * horizon) % len(real)].reshape(candidates, horizon, -1)
    sessions = {
        b: m.rollouts(max_candidates=candidates, max_horizon=horizon, threads=threads if b == "native" else 1)
        for b, m in models.items()
    }
    for session in sessions.values():
        observe(session, window, spec.n_outputs)
    took: dict[str, list[float]] = {b: [] for b in sessions}
    answers: dict[str, np.ndarray] = {}
    for _ in range(turns + 2):
        for backend, session in sessions.items():
            start = time.perf_counter_ns()
            answers[backend] = session.rollout(actions)[0]
            took[backend].append((time.perf_counter_ns() - start) / 1e3)
    rows: dict[str, dict[str, Any]] = {}
    for backend, each in took.items():
        hot = np.array(each[2:])
        p50, p99, p999 = (round(float(q), 2) for q in np.percentile(hot, [50, 99, 99.9]))
        rows[backend] = {
            "latency_us": {"p50": p50, "p99": p99, "p999": p999, "max": float(hot.max()), "n": turns, "missed": 0},
            "ratio": float(np.median(hot / np.array(took["native"][2:]))),
            "off_by": float(np.abs(answers[backend] - answers["native"]).max()),
        }
    return rows


def observe(session: RolloutSession, window: np.ndarray, n_states: int) -> None:
    """Observe a window's states, each with the action of the row before."""
    for before, row in zip(np.roll(window, 1, 0), window, strict=True):
        session.observe(row[:n_states], before[n_states:])
