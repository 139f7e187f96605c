"""The cart pole that cart_pole_mpc.py drives: physics that goes on by its own clock, whatever the planner does.

`RealTime` runs it in a process of its own against the wall clock. `ByCpuTime` lets as many ticks go by as the planner
took processor time for: the same loop, for a machine that is busy with other work.
"""

from __future__ import annotations

import math
import multiprocessing
import multiprocessing.connection
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import mujoco
import numpy as np
from numpy.typing import NDArray

from learn_rt.train.dynamics.simulate import load_mechanism

Array = NDArray[np.float64]
DT_S, PERIOD = 0.01, 2  # a tick; a plan each 2 ticks


@dataclass
class Seen:
    """What happened so far: states (n + 1, 6), the controls (n, 1) between them, how late each tick itself was [s]."""

    states: list[Array]
    actions: list[Array] = field(default_factory=list)
    late_s: list[float] = field(default_factory=list)
    missed: int = 0  # ticks that had no plan as new as planning in time would have made it


class Plant(Protocol):
    """A mechanism that is driven by plans."""

    seen: Seen

    def publish(self, plan: Array, start: int) -> None:
        """Drive by `plan` from now on; its first control is for tick `start`."""

    def wait(self, tick: int) -> None:
        """Return when so many ticks have gone by; `seen` is up to date then."""

    def end(self) -> None:
        """Say that no plan comes any more."""


class Physics:
    """MuJoCo, and the plan that it is driven by: each tick takes the control that the newest plan has for it."""

    def __init__(self, mechanism: Any, seed: int, horizon: int) -> None:
        self._mechanism, self._data = mechanism, mujoco.MjData(mechanism)
        self._data.qpos[1:] = 0.1 * np.random.default_rng(seed).standard_normal(2)
        self._plan, self._from, self.tick = np.zeros(horizon), -PERIOD, 0
        self.state = self._state()

    def publish(self, plan: Array, start: int) -> None:
        self._plan, self._from = plan, start

    def step(self) -> tuple[Array, bool]:
        """Let a tick go by; return its control, and whether the plan for it was too old."""
        action = following(self._plan, self._from, self.tick)[:1]
        self._data.ctrl[:] = action
        mujoco.mj_step(self._mechanism, self._data)
        # A plan that was begun at a tick is there PERIOD ticks later, when it came in time, and the next one again.
        too_old = self.tick - self._from >= 2 * PERIOD
        self.tick += 1
        self.state = self._state()
        return action, too_old

    def _state(self) -> Array:
        return np.concatenate([self._data.qpos, self._data.qvel])


def following(plan: Array, start: int, tick: int) -> Array:
    """Return what a plan that starts at a tick has from another one on (horizon,); its last control is held."""
    return plan[np.minimum(np.arange(tick - start, tick - start + len(plan)), len(plan) - 1)]


class ByCpuTime:
    """Physics that goes on by the processor time of this process."""

    def __init__(self, mechanism: Any, seed: int, horizon: int) -> None:
        self._physics = Physics(mechanism, seed, horizon)
        self.seen = Seen([self._physics.state])
        self._asked = time.process_time()

    def publish(self, plan: Array, start: int) -> None:
        # A tick's control holds from its start: the first one was taken when the planner began.
        self._advance(1 + math.floor((time.process_time() - self._asked) / DT_S))
        self._physics.publish(plan, start)

    def wait(self, tick: int) -> None:
        self._advance(tick - self._physics.tick)
        self._asked = time.process_time()

    def end(self) -> None:
        pass

    def _advance(self, ticks: int) -> None:
        for _ in range(ticks):
            action, too_old = self._physics.step()
            _note(self.seen, self._physics.state, action, 0.0, too_old)


class RealTime:
    """Physics in a process of its own, a tick each 10 ms of the wall clock; plans and states go through a pipe."""

    def __init__(self, pipe: Any, ticks: int, seed: int, horizon: int) -> None:
        self._pipe = pipe
        pipe.send((seed, ticks, horizon))
        self.seen = Seen([pipe.recv()])

    def publish(self, plan: Array, start: int) -> None:
        self._pipe.send((plan, start))

    def wait(self, tick: int) -> None:
        while len(self.seen.actions) < tick or self._pipe.poll():
            _note(self.seen, *self._pipe.recv())

    def end(self) -> None:
        self._pipe.send(None)


def _note(seen: Seen, state: Array, action: Array, late_s: float, too_old: bool) -> None:
    seen.states.append(state)
    seen.actions.append(action)
    seen.late_s.append(late_s)
    seen.missed += too_old


@contextmanager
def another_process() -> Iterator[Any]:
    """Yield the pipe to a process in which the physics runs, one start after another."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_run_physics, args=(there,), daemon=True)
    process.start()
    there.close()
    try:
        yield here
    finally:
        here.close()
        process.join(5.0)
        process.kill()


def _run_physics(pipe: multiprocessing.connection.Connection) -> None:
    mechanism = load_mechanism("double_cart_pole")
    while True:
        try:
            seed, ticks, horizon = pipe.recv()
            physics = Physics(mechanism, seed, horizon)
            pipe.send(physics.state)
            _run_one(physics, pipe, ticks)
            while pipe.recv() is not None:  # a plan that came after the last tick
                pass
        except (EOFError, BrokenPipeError):  # the planner has ended
            return


def _run_one(physics: Physics, pipe: multiprocessing.connection.Connection, ticks: int) -> None:
    start = time.monotonic()
    for k in range(1, ticks + 1):
        while pipe.poll():
            physics.publish(*pipe.recv())
        action, too_old = physics.step()  # what holds from now until the tick's end, when its state can be seen
        end = start + k * DT_S  # an absolute schedule
        time.sleep(max(0.0, end - time.monotonic()))
        pipe.send((physics.state, action, time.monotonic() - end, too_old))
