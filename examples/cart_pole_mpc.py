"""Sampling-based MPC swings a double cart pole up and balances it, with three models of the same mechanism.

    learn-data dynamics simulate --out data/cartpole --trajectories 1000 --seconds 2
    learn-train system=dynamics data=data/cartpole out=runs/cartpole net.window=1 net.hidden_size=96 horizon=4 \
        loss.mirror=true loss.calm=0.02 loop.batch_size=512 loop.lr=5e-3 loop.epochs=12
    learn-export runs/cartpole/best.ckpt --format onnx --out models
    python examples/cart_pole_mpc.py --address inproc:models --data data/cartpole

Every 20 ms a new plan of 75 steps of 10 ms is made from 64 candidates, while the physics goes on by its own clock
(cart_pole_plant.py): a plan that comes late finds the cart elsewhere. `mujoco` plans with the physics itself, `ours`
with a learned net, here or in a server (`learn-serve models --listen unix:/tmp/learn.sock` and that address), `linear`
with a linear autoregression fitted to the same data (cart_pole_models.py). The cost is the same for all.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from cart_pole_models import LearnedModel, LinearModel, Model, MujocoModel, begin
from cart_pole_plant import DT_S, PERIOD, ByCpuTime, Plant, RealTime, another_process, following
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.linalg import solve_discrete_are

from learn_rt.benchmarks.latency import machine
from learn_rt.train.dynamics.folder import read_folder
from learn_rt.train.dynamics.simulate import load_mechanism

HORIZON, CANDIDATES = 75, 64
UP_M, HOLD_S = 1.9, 2.0  # the tip stands above 1.9 of 2 m for the last 2 s: success
UPRIGHT = np.array([0.0, math.pi, 0.0, 0.0, 0.0, 0.0])
ABSOLUTE = np.eye(6)  # the second pole's angle and velocity against the vertical
ABSOLUTE[2, 1] = ABSOLUTE[5, 4] = 1.0
Array = NDArray[np.float64]


# --- what is wanted ---------------------------------------------------------------------------------------------------


def height(states: Array) -> Array:
    """Return how high the tip is over the cart [m] in states (..., 6) x, q1, q2, v, w1, w2; -2 hangs, 2 stands."""
    return np.asarray(-np.cos(states[..., 1]) - np.cos(states[..., 1] + states[..., 2]))


class Cost:
    """Stand upright, in the middle, slowly. The end of a plan costs what a linear regulator would still pay from there.

    That regulator is made from the recordings, by least squares over the rows about upright: nobody tells the physics.
    """

    def __init__(self, recordings: list[Array]) -> None:
        before = np.concatenate([rows[:-1] for rows in recordings])
        after = np.concatenate([rows[1:, :6] for rows in recordings])
        turns = np.zeros_like(after)  # whole ones, by which a recording's angles are off
        turns[:, 1:3] = 2 * np.pi * np.round((before[:, 1:3] - UPRIGHT[1:3]) / (2 * np.pi))
        state = before[:, :6] - UPRIGHT - turns
        near = (np.abs(state @ ABSOLUTE.T)[:, 1:3].max(1) < 0.1) & (np.abs(state[:, 4:]).max(1) < 1.0)
        known = np.hstack([state[near], before[near, 6:]])
        fitted = np.linalg.lstsq(known, (after - UPRIGHT - turns)[near])[0].T
        q = ABSOLUTE.T @ np.diag([0.3, 3.0, 3.0, 0.05, 0.1, 0.1]) @ ABSOLUTE
        self._value = solve_discrete_are(fitted[:, :6], fitted[:, 6:], q, np.array([[0.3]]))

    def __call__(self, states: Array, actions: Array) -> Array:
        """Return the costs (K,) of states (K, H, 6) and actions (K, H, 1)."""
        x, v, w1, w = states[..., 0], states[..., 3], states[..., 4], states[..., 4] + states[..., 5]
        low = 2.0 - height(states)
        running = low + 0.1 * x**2 + 20.0 * np.maximum(np.abs(x) - 3.0, 0.0) ** 2 + 0.02 * v**2
        running += 0.02 * actions[..., 0] ** 2 + 0.2 * np.exp(-4.0 * low) * (w1**2 + w**2)
        end = states[:, -1].copy()
        end[:, 1] = np.mod(end[:, 1], 2 * np.pi) - np.pi
        end[:, 2] = np.mod(end[:, 2] + np.pi, 2 * np.pi) - np.pi
        left = np.einsum("ki,ij,kj->k", end, self._value, end)
        # Far from upright the linear regulator's cost means nothing: it levels off.
        return np.asarray(running.sum(1) + left / (1.0 + left / 300.0))


# --- the planner ------------------------------------------------------------------------------------------------------


class Planner:
    """Model-predictive path integral control: the plan is the candidates' mean, the cheaper the heavier.

    Candidates are the last plan plus noise that is linear between five knots, from fine (to balance) to coarse (to
    swing up). The first ticks are as they will be driven until the plan is there.
    """

    def __init__(self, model: Model, cost: Cost, rng: np.random.Generator) -> None:
        self._model, self._cost, self._rng = model, cost, rng
        at, knots = np.linspace(0, 4, HORIZON), np.arange(5)
        self._hats = np.maximum(0.0, 1.0 - np.abs(at - knots[:, None]))  # (5, horizon)
        self._sigma = np.resize(np.repeat([0.03, 0.1, 0.3, 0.8], CANDIDATES // 4), (CANDIDATES - 1, 1))

    def plan(self, last: Array) -> Array | None:
        """Return the next controls (horizon,), given what the last plan has for the same ticks; None: no answer."""
        noise = (self._rng.standard_normal((CANDIDATES - 1, 5)) * self._sigma) @ self._hats
        candidates = np.clip(last + np.vstack([np.zeros(HORIZON), noise]), -1.0, 1.0)
        candidates[:, :PERIOD] = last[:PERIOD]
        states = self._model.rollout(candidates[..., None])
        if states is None:
            return None
        costs = self._cost(states, candidates[..., None])
        scale = np.quantile(costs, 0.25) - costs.min() + 1e-9
        weights = np.exp((costs.min() - costs) / (0.1 * scale))
        return np.asarray(weights @ candidates / weights.sum())


@dataclass
class Episode:
    """How one start went: plan times [ms], ticks without a plan of their time, how late the clock's ticks were [ms]."""

    success: bool
    up_after_s: float | None
    plan_ms: list[float]
    missed_ticks: int
    tick_late_ms: list[float]


def drive(plant: Plant, model: Model, planner: Planner, n_ticks: int, clock: Callable[[], float]) -> Episode:
    """Plan every 20 ms while the plant goes on, and return how it went."""
    begin(model, plant.seen.states[0])
    plan, start, plan_ms = np.zeros(HORIZON), 0, list[float]()
    tick = observed = 0
    while tick < n_ticks:
        asked = clock()
        for k in range(observed + 1, tick + 1):
            model.observe(plant.seen.states[k], plant.seen.actions[k - 1])
        observed = tick
        found = planner.plan(following(plan, start, tick))
        if found is not None:
            plan, start = found, tick
            plant.publish(plan, start)
        plan_ms.append(1e3 * (clock() - asked))
        plant.wait(min(tick + PERIOD, n_ticks))
        tick = len(plant.seen.actions)
    plant.end()
    return _judge(plant, plan_ms)


def _judge(plant: Plant, plan_ms: list[float]) -> Episode:
    seen = plant.seen
    up = height(np.stack(seen.states)) > UP_M
    n = round(HOLD_S / DT_S)
    held = np.convolve(up, np.ones(n), "valid") == n  # from this tick on it stands for 2 s
    first = float(np.argmax(held) * DT_S) if held.any() else None
    return Episode(bool(up[-n:].all()), first, plan_ms, seen.missed, [1e3 * late for late in seen.late_s])


# --- all starts, all models -------------------------------------------------------------------------------------------


def main() -> None:
    """Run all seeds with all models and print the table."""
    given = _arguments()
    torch.set_num_threads(1)
    mechanism, n_ticks, about = load_mechanism("double_cart_pole"), round(given.seconds / DT_S), machine.describe()
    models: dict[str, Model] = {"mujoco": MujocoModel(mechanism)}
    if given.address:
        models["ours"] = LearnedModel(given.address, given.name, CANDIDATES, HORIZON, given.threads)
    recordings = list(read_folder(given.data).rows.values())
    models["linear"] = LinearModel(recordings)
    cost, rows = Cost(recordings), dict[str, Any]()
    with ExitStack() as stack:
        pipe = stack.enter_context(another_process()) if given.clock == "wall" else None
        clock = time.process_time if pipe is None else time.perf_counter
        for name in given.models or models:
            episodes = []
            for seed in range(given.seeds):
                planner = Planner(models[name], cost, np.random.default_rng(seed))
                args = (seed, HORIZON)
                plant: Plant = RealTime(pipe, n_ticks, *args) if pipe else ByCpuTime(mechanism, *args)
                episodes.append(drive(plant, models[name], planner, n_ticks, clock))
                print(f"{name}, seed {seed}: {'up' if episodes[-1].success else 'down'}", file=sys.stderr)
            rows[name] = summary(episodes)
    if given.json:
        print(json.dumps({"machine": about, "clock": given.clock, "address": given.address, "models": rows}))
        return
    Console(highlight=False).print(table(rows), machine.one_line(about), sep="\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("--address", help="where our model is: inproc:models, or a server, as unix:/tmp/learn.sock")
    add("--name", default="dynamics", help="our model's name there (%(default)s)")
    add("--threads", type=int, default=1, help="that share the candidates, in process (%(default)s)")
    add("--data", type=Path, required=True, help="the recordings that our model learned from")
    add("--models", nargs="+", choices=["mujoco", "ours", "linear"], help="default: all that are there")
    add("--seeds", type=int, default=20)
    add("--seconds", type=float, default=8.0)
    clock = "cpu: the physics goes on by the processor time that a plan takes, for busy machines (default: wall)"
    add("--clock", choices=["wall", "cpu"], default="wall", help=clock)
    add("--json", action="store_true", help="print JSON instead of the table")
    given = parser.parse_args()
    if given.clock == "cpu" and not (given.address or "inproc:").startswith("inproc:"):
        parser.error("--clock cpu cannot see a server's processor time: give --address inproc:REPOSITORY")
    return given


def summary(episodes: list[Episode]) -> dict[str, Any]:
    """Return the table's row of one model."""
    plan_ms, late_ms = (np.concatenate([getattr(e, name) for e in episodes]) for name in ("plan_ms", "tick_late_ms"))
    up = [e.up_after_s for e in episodes if e.up_after_s is not None]
    return {
        "success": sum(e.success for e in episodes),
        "starts": len(episodes),
        "up_after_s": float(np.median(up)) if up else None,
        "plan_ms": {f"p{q}": float(np.percentile(plan_ms, q)) for q in (50, 99)},
        "late_plans": float(np.mean(plan_ms > 1e3 * PERIOD * DT_S)),
        "missed_ticks": sum(e.missed_ticks for e in episodes) / len(late_ms),
        "tick_late_ms": {f"p{q}": float(np.percentile(late_ms, q)) for q in (50, 99)},
    }


def table(rows: dict[str, Any]) -> Table:
    """Return the rows for a terminal."""
    found = Table("model", "success", "up after", "plan p50", "p99", "late plans", "missed ticks", "clock late p99")
    for name, row in rows.items():
        up = "-" if row["up_after_s"] is None else f"{row['up_after_s']:.1f} s"
        times = [f"{row['plan_ms'][q]:.1f} ms" for q in ("p50", "p99")]
        shares = [f"{row[key]:.1%}" for key in ("late_plans", "missed_ticks")]
        late = f"{row['tick_late_ms']['p99']:.1f} ms"
        found.add_row(name, f"{row['success']}/{row['starts']}", up, *times, *shares, late)
    return found


if __name__ == "__main__":
    main()
