"""Three models of one mechanism for cart_pole_mpc.py: the physics itself, a learned net, a linear autoregression.

Each takes what is observed, `observe(state, action_before)`, and rolls candidates (K, H, 1) out to states (K, H, 6).
`window` is how many rows of history it looks at.
"""

from __future__ import annotations

from typing import Any, Protocol

import mujoco
import numpy as np
import torch
from mujoco import rollout
from numpy.typing import NDArray

from learn_rt.client import connect
from learn_rt.train.dynamics.baseline import LinearAutoregression
from learn_rt.train.dynamics.windows import Windows

Array = NDArray[np.float64]


class Model(Protocol):
    """What a planner needs of a model."""

    window: int

    def observe(self, state: Array, action: Array) -> None:
        """Take the newest state (6,) and the control (1,) that led to it."""

    def rollout(self, actions: Array) -> Array | None:
        """Return the states (K, H, 6) that follow controls (K, H, 1), or None where a server did not answer."""


class MujocoModel:
    """The physics itself."""

    window = 1

    def __init__(self, mechanism: Any) -> None:
        self._mechanism, self._data = mechanism, mujoco.MjData(mechanism)
        self._start = np.zeros(mujoco.mj_stateSize(mechanism, mujoco.mjtState.mjSTATE_FULLPHYSICS))

    def observe(self, state: Array, action: Array) -> None:
        self._start[1:7] = state  # after the time

    def rollout(self, actions: Array) -> Array | None:
        states, _ = rollout.rollout(self._mechanism, self._data, np.tile(self._start, (len(actions), 1)), actions)
        return np.asarray(states[:, :, 1:7])


class LearnedModel:
    """A served rollout, or with address inproc:REPOSITORY the same in this process."""

    # Beyond this the cart is elsewhere. A plan that is only a little late is better than none.
    DEADLINE_S = 0.2

    def __init__(self, address: str, name: str, candidates: int, horizon: int, threads: int) -> None:
        self._client = connect(address, name, max_candidates=candidates, max_horizon=horizon, threads=threads)
        self.window = self._client.spec.window

    def observe(self, state: Array, action: Array) -> None:
        self._client.observe(state, action)

    def rollout(self, actions: Array) -> Array | None:
        made = self._client.rollout(actions, self.DEADLINE_S)
        if made.warming_up:
            raise RuntimeError(f"the model needs {self.window} rows of history before it can predict")
        return made.states.astype(np.float64) if made else None


class LinearModel:
    """A linear autoregression over `window` rows, fitted to the recordings that the net learned from."""

    def __init__(self, recordings: list[Array], window: int = 11) -> None:
        self._fitted = LinearAutoregression(Windows(recordings, window + 1), window, 6)
        self._rows = np.zeros((window, 7))
        self.window = window

    def observe(self, state: Array, action: Array) -> None:
        self._rows[-1, 6:] = action
        self._rows = np.vstack([self._rows[1:], np.append(state, 0.0)])

    def rollout(self, actions: Array) -> Array | None:
        x = torch.from_numpy(self._rows).expand(len(actions), -1, -1).clone()
        x[:, -1, 6:] = torch.from_numpy(actions[:, 0])
        states: Array = self._fitted.predict(x, torch.from_numpy(actions)).numpy()
        # It may run away; a cost that overflows would hide which candidate was the least bad.
        return np.clip(np.nan_to_num(states, nan=1e3), -1e3, 1e3)


def begin(model: Model, state: Array, dt_s: float = 0.01) -> None:
    """Have `model` observe a history (x, q1, q2, v, w1, w2) that has come to `state` at its present velocities."""
    for ticks in reversed(range(model.window)):
        model.observe(state - np.append(ticks * dt_s * state[3:], np.zeros(3)), np.zeros(1))
