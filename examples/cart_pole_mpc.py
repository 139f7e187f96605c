"""Sampling-based MPC swings a double cart pole up and balances it, with three models of the same mechanism.

    learn-data dynamics simulate --out data/cartpole --trajectories 1000 --seconds 2
    learn-train system=dynamics data=data/cartpole out=runs/cartpole net.window=1 net.hidden_size=96 horizon=4 \
        loss.mirror=true loss.calm=0.02 loop.batch_size=512 loop.lr=5e-3 loop.epochs=12
    learn-export runs/cartpole/best.ckpt --format onnx --out models
    python examples/cart_pole_mpc.py --model models/dynamics/1 --data data/cartpole

Every 20 ms a new plan of 75 steps of 10 ms is made from 64 candidates, while the physics goes on by its own clock: a
plan that comes late finds the cart elsewhere. `mujoco` plans with the physics itself, `ours` with a served rollout, and
`linear` with a linear autoregression fitted to the same data. The cost is the same for all.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import torch
from mujoco import rollout
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.linalg import solve_discrete_are

from learn_rt.runtime import load
from learn_rt.train.dynamics.baseline import LinearAutoregression
from learn_rt.train.dynamics.folder import read_folder
from learn_rt.train.dynamics.simulate import load_mechanism
from learn_rt.train.dynamics.windows import Windows

DT_S, HORIZON, CANDIDATES, PERIOD = 0.01, 75, 64, 2  # a plan each 2 ticks of 10 ms
UP_M, HOLD_S = 1.9, 2.0  # the tip stands above 1.9 of 2 m for the last 2 s: success
Array = NDArray[np.float64]


# --- what is wanted ---------------------------------------------------------------------------------------------------


def height(states: Array) -> Array:
    """Return how high the tip is over the cart [m] in states (..., 6) x, q1, q2, v, w1, w2; -2 hangs, 2 stands."""
    return np.asarray(-np.cos(states[..., 1]) - np.cos(states[..., 1] + states[..., 2]))


class Cost:
    """Stand upright, in the middle, slowly. The end of a plan costs what an ideal linear controller would still pay."""

    def __init__(self, model: Any) -> None:
        data = mujoco.MjData(model)
        data.qpos[:] = (0.0, math.pi, 0.0)
        mujoco.mj_forward(model, data)
        a, b = np.zeros((6, 6)), np.zeros((6, 1))
        mujoco.mjd_transitionFD(model, data, 1e-6, True, a, b, None, None)
        absolute = np.eye(6)
        absolute[2, 1] = absolute[5, 4] = 1.0  # the second pole's angle against the vertical
        q = absolute.T @ np.diag([0.3, 3.0, 3.0, 0.05, 0.1, 0.1]) @ absolute
        self._value = solve_discrete_are(a, b, q, np.array([[0.3]]))

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
        # Far from upright the linear controller's cost means nothing: it levels off.
        return np.asarray(running.sum(1) + left / (1.0 + left / 300.0))


# --- models: states (K, H, 6) of candidates (K, H, 1), after rows that were observed ----------------------------------


class MujocoModel:
    """The physics itself."""

    def __init__(self, model: Any) -> None:
        self._model, self._data = model, mujoco.MjData(model)
        self._start = np.zeros(mujoco.mj_stateSize(model, mujoco.mjtState.mjSTATE_FULLPHYSICS))

    def observe(self, state: Array, action: Array) -> None:
        self._start[1:7] = state

    def rollout(self, actions: Array) -> Array:
        states, _ = rollout.rollout(self._model, self._data, np.tile(self._start, (len(actions), 1)), actions)
        return np.asarray(states[:, :, 1:7])


class ServedModel:
    """A rollout session on a model folder, in process."""

    def __init__(self, folder: Path) -> None:
        model = load(folder)
        self._session = model.rollouts(max_candidates=CANDIDATES, max_horizon=HORIZON)
        self._begun = False

    def observe(self, state: Array, action: Array) -> None:
        if not self._begun:
            self._session.begin(np.concatenate([state, action]))  # as if it had stood there for ever
            self._begun = True
        else:
            self._session.observe(state, action)

    def rollout(self, actions: Array) -> Array:
        states, _ = self._session.rollout(actions)
        return states.astype(np.float64)


class LinearModel:
    """A linear autoregression over `window` rows, fitted to the folder that our model learned from."""

    def __init__(self, folder: Path, window: int = 11) -> None:
        rows = list(read_folder(folder).rows.values())
        self._fitted = LinearAutoregression(Windows(rows, window + 1), window, 6)
        self._rows: list[Array] = []
        self._window = window

    def observe(self, state: Array, action: Array) -> None:
        if self._rows:
            self._rows[-1][6:] = action
        self._rows = [*(self._rows or [np.concatenate([state, action])] * self._window), np.concatenate([state, [0.0]])]
        self._rows = self._rows[-self._window :]

    def rollout(self, actions: Array) -> Array:
        x = torch.from_numpy(np.stack(self._rows)).expand(len(actions), -1, -1).clone()
        x[:, -1, 6:] = torch.from_numpy(actions[:, 0])
        states: Array = self._fitted.predict(x, torch.from_numpy(actions)).numpy()
        # It may run away; a cost that overflows would hide which candidate was the least bad.
        return np.clip(np.nan_to_num(states, nan=1e3), -1e3, 1e3)


# --- the planner ------------------------------------------------------------------------------------------------------


class Planner:
    """Model-predictive path integral control: the plan is the candidates' mean, the cheaper the heavier.

    Candidates are the last plan plus noise that is linear between five knots, from fine (to balance) to coarse (to
    swing up). The first ticks are as they will be driven until the plan is there.
    """

    def __init__(self, model: Any, cost: Cost, rng: np.random.Generator) -> None:
        self._model, self._cost, self._rng = model, cost, rng
        at, knots = np.linspace(0, 4, HORIZON), np.arange(5)
        self._hats = np.maximum(0.0, 1.0 - np.abs(at - knots[:, None]))  # (5, horizon)
        self._sigma = np.resize(np.repeat([0.03, 0.1, 0.3, 0.8], CANDIDATES // 4), (CANDIDATES - 1, 1))

    def plan(self, last: Array) -> Array:
        """Return the next controls (horizon,), given what the last plan has for the same ticks."""
        noise = (self._rng.standard_normal((CANDIDATES - 1, 5)) * self._sigma) @ self._hats
        candidates = np.clip(last + np.vstack([np.zeros(HORIZON), noise]), -1.0, 1.0)
        candidates[:, :PERIOD] = last[:PERIOD]
        costs = self._cost(self._model.rollout(candidates[..., None]), candidates[..., None])
        scale = np.quantile(costs, 0.25) - costs.min() + 1e-9
        weights = np.exp((costs.min() - costs) / (0.1 * scale))
        return np.asarray(weights @ candidates / weights.sum())


# --- the physics, on its own clock ------------------------------------------------------------------------------------


class Plant:
    """The mechanism: every tick it takes the control that the newest plan has for that tick."""

    def __init__(self, model: Any, seed: int) -> None:
        self._model, self._data = model, mujoco.MjData(model)
        self._data.qpos[1:] = 0.1 * np.random.default_rng(seed).standard_normal(2)
        self.states, self.actions = [self._state()], list[Array]()
        self._plan, self._from = np.zeros(HORIZON), 0

    def publish(self, plan: Array, start: int) -> None:
        """Drive by `plan`, whose first control is for the tick `start`."""
        self._plan, self._from = plan, start

    def remaining(self, tick: int) -> Array:
        """Return the present plan's controls from a tick on (horizon,); the last one is held."""
        at = np.minimum(np.arange(tick, tick + HORIZON) - self._from, HORIZON - 1)
        return self._plan[at]

    def tick(self) -> None:
        """Let 10 ms pass."""
        action = self.remaining(len(self.actions))[:1]
        self._data.ctrl[:] = action
        mujoco.mj_step(self._model, self._data)
        self.actions.append(action.copy())
        self.states.append(self._state())

    def _state(self) -> Array:
        return np.concatenate([self._data.qpos, self._data.qvel])


@dataclass
class Episode:
    """How one start went: plan times [ms], the share of plans that came late, ticks that went by without a new plan."""

    success: bool
    up_after_s: float | None
    plan_ms: list[float]
    late_plans: int
    missed_ticks: int


def run(
    model: Any, planner: Planner, observe: Callable[[Array, Array], None], seed: int, seconds: float, clock: str
) -> Episode:
    """Return how one start went: the physics runs beside the planner or, with clock=cpu, by the planner's CPU time."""
    plant, n_ticks = Plant(model, seed), round(seconds / DT_S)
    observed, plan_ms, late, missed = 0, [], 0, 0
    ended = threading.Event()
    if clock == "wall":
        thread = threading.Thread(target=_tick_by_the_clock, args=(plant, n_ticks, ended), daemon=True)
        thread.start()
    while (tick := len(plant.actions)) < n_ticks:
        started, cpu = time.perf_counter(), time.thread_time()
        for k in range(observed, tick + 1):
            observe(plant.states[k], plant.actions[k - 1] if k else np.zeros(1))
        observed = tick + 1
        plan = planner.plan(plant.remaining(tick))
        took_s = time.perf_counter() - started if clock == "wall" else time.thread_time() - cpu
        ticks = max(PERIOD, math.ceil(took_s / DT_S))
        plan_ms.append(1e3 * took_s)
        late, missed = late + (ticks > PERIOD), missed + ticks - PERIOD
        while len(plant.actions) < min(tick + ticks, n_ticks):
            if clock == "wall":
                time.sleep(5e-4)
            else:
                plant.tick()
        plant.publish(plan, tick)
    ended.wait(1.0 if clock == "wall" else 0.0)
    return _judge(plant, plan_ms, late, missed)


def _tick_by_the_clock(plant: Plant, n_ticks: int, ended: threading.Event) -> None:
    start = time.perf_counter()
    for k in range(n_ticks):
        time.sleep(max(0.0, start + (k + 1) * DT_S - time.perf_counter()))  # an absolute schedule
        plant.tick()
    ended.set()


def _judge(plant: Plant, plan_ms: list[float], late: int, missed: int) -> Episode:
    up = height(np.stack(plant.states)) > UP_M
    n = round(HOLD_S / DT_S)
    held = np.convolve(up, np.ones(n), "valid") == n  # from this tick on it stands for 2 s
    first = float(np.argmax(held) * DT_S) if held.any() else None
    return Episode(bool(up[-n:].all()), first, plan_ms, late, missed)


def main() -> None:
    """Run all seeds with all models and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", type=Path, help="version folder of a rollout model, such as models/dynamics/1")
    parser.add_argument("--data", type=Path, help="folder that the model learned from, for the linear autoregression")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument(
        "--clock",
        choices=["wall", "cpu"],
        default="wall",
        help="cpu: the physics goes on by the CPU time that a plan takes, for busy machines (default: wall)",
    )
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    mechanism = load_mechanism("double_cart_pole")
    models: dict[str, Callable[[], Any]] = {"mujoco": lambda: MujocoModel(mechanism)}
    if given.model:
        models["ours"] = lambda: ServedModel(given.model)
    if given.data:
        linear = LinearModel(given.data)
        models["linear"] = lambda: linear
    cost, rows = Cost(mechanism), {}
    for name, make in models.items():
        episodes = []
        for seed in range(given.seeds):
            model = make()
            planner = Planner(model, cost, np.random.default_rng(seed))
            episodes.append(run(mechanism, planner, model.observe, seed, given.seconds, given.clock))
            print(f"{name}, seed {seed}: {'up' if episodes[-1].success else 'down'}", file=sys.stderr)
        rows[name] = summary(episodes, given.seconds)
    if given.json:
        print(json.dumps(rows))
        return
    table = Table("model", "success", "up after s", "plan p50 ms", "p99 ms", "late plans", "missed ticks")
    for name, row in rows.items():
        up = "-" if row["up_after_s"] is None else f"{row['up_after_s']:.1f}"
        table.add_row(
            name,
            f"{row['success']}/{given.seeds}",
            up,
            f"{row['plan_ms_p50']:.1f}",
            f"{row['plan_ms_p99']:.1f}",
            f"{row['late_plans']:.1%}",
            f"{row['missed_ticks']:.1%}",
        )
    Console(highlight=False).print(table)


def summary(episodes: list[Episode], seconds: float) -> dict[str, Any]:
    """Return the table's row of one model."""
    plan_ms = np.concatenate([e.plan_ms for e in episodes])
    up = [e.up_after_s for e in episodes if e.up_after_s is not None]
    return {
        "success": sum(e.success for e in episodes),
        "up_after_s": float(np.median(up)) if up else None,
        "plan_ms_p50": float(np.quantile(plan_ms, 0.5)),
        "plan_ms_p99": float(np.quantile(plan_ms, 0.99)),
        "late_plans": sum(e.late_plans for e in episodes) / len(plan_ms),
        "missed_ticks": sum(e.missed_ticks for e in episodes) * DT_S / (seconds * len(episodes)),
    }


if __name__ == "__main__":
    main()
