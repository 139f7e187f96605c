"""Targets by iterative learning: offsets that make the simulated machine follow its plan, found by printing again.

Each round prints with the offsets so far, measures the error, and asks an optimal controller that knows the whole path
ahead for better ones: the error measured, less what a model says that the offsets did, is a disturbance; the controller
minimises sum (error^2 + effort * second_difference^2) under the model of each axis, m e'' + c e' + k e = k d + c d' +
disturbance for the offset d. The model is linear with the stiffness at the planned place; what it does not know
(friction, the change of stiffness with the error itself) is learned from the prints.

The effort keeps offsets within the envelope: it spreads the answer to a corner, which would be a jump, over some ticks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from learn_rt.train.printer.machine import Axis, Machine
from learn_rt.train.printer.plant import Plant, simulate

Array = NDArray[np.float64]
# Of the offset itself, beside the error: an axis that stands has its offset forgotten, within half a second.
LEAK = 1e-4
STIFFNESSES = 129  # the controller is computed for so many, and the nearest taken: 0.5% apart
FINE = 4  # steps of the command a tick in the simulator


@dataclass(frozen=True)
class Learned:
    """`offsets` and the `error` they leave, (batch, n, 2) [mm]; `rms_um` of the error before each round and after."""

    offsets: Array
    error: Array
    rms_um: tuple[float, ...]


def learn_offsets(
    machine: Machine,
    plant: Plant,
    path: Array,
    dt_s: float,
    effort: float,
    rounds: int,
    base: Array | None = None,
) -> Learned:
    """Return the offsets at each tick of planned paths, learned in so many rounds.

    Args:
        path: (batch, n, 4), x, y [mm], vx, vy [mm/s] at each tick; the machine enters it without error.
        base: (batch, n, 2) [mm], offsets to begin from; effort is then what changes them, so they are kept where they
            do no harm. Default: none.
    """
    command = between(path, dt_s, FINE)
    start = np.stack([path[:, 0, :2], path[:, 0, 2:]], -1)
    base = np.zeros((*path.shape[:2], 2)) if base is None else base
    offsets, modelled = base.copy(), np.zeros_like(base)
    controllers = [_Controller.of(axis, plant, dt_s, effort) for axis in (machine.x, machine.y)]
    reach = [2e3 * plant.friction_scale * axis.friction_n / axis.stiffness_n_m for axis in (machine.x, machine.y)]
    first, rms_um = base, []
    for round_ in range(rounds + 1):
        actual = simulate(machine, command, dt_s / FINE, plant, offset_xy=offsets, every=FINE, state=start.copy())
        error = actual - path[:, :, :2]
        rms_um.append(1e3 * math.sqrt(float((error**2).sum(-1).mean())))
        first = error if round_ == 0 else first
        if round_ < rounds:
            for axis, controller in enumerate(controllers):
                disturbance = error[:, :, axis] - modelled[:, :, axis]
                if plant.dry_friction:
                    # Friction makes of the first print's error at most this much more or less. An axis that sticks
                    # answers to no offset: without a bound, what it lacks would add up from round to round.
                    disturbance = np.clip(disturbance, first[:, :, axis] - reach[axis], first[:, :, axis] + reach[axis])
                change, modelled[:, :, axis] = controller.offsets(path[:, :, axis], disturbance)
                offsets[:, :, axis] = base[:, :, axis] + change
    return Learned(offsets, error, tuple(rms_um))


def between(path: Array, dt_s: float, parts: int) -> Array:
    """Return positions (batch, (n - 1) * parts + 1, 2) between the ticks of (batch, n, 4): cubics."""
    s = (np.arange(parts) / parts)[:, None]
    p0, p1 = path[:, :-1, None, :2], path[:, 1:, None, :2]
    v0, v1 = path[:, :-1, None, 2:] * dt_s, path[:, 1:, None, 2:] * dt_s
    from_start = (2 * s**3 - 3 * s**2 + 1) * p0 + (s**3 - 2 * s**2 + s) * v0
    to_end = (3 * s**2 - 2 * s**3) * p1 + (s**3 - s**2) * v1
    fine = (from_start + to_end).reshape(len(path), -1, 2)
    return np.concatenate([fine, path[:, -1:, :2]], 1)


@dataclass(frozen=True)
class _Controller:
    """The optimal controller of an axis, by stiffness. State: error, its change, offset, its change, a tick."""

    transition: Array  # (stiffness, 4, 4)
    entry: Array  # (stiffness, 4): what a second difference of 1 does
    gain: Array  # (stiffness, 4)
    weight: Array  # (stiffness,)
    slope: float  # of the stiffness, relative, a mm
    centre: float
    limit: float

    @classmethod
    def of(cls, axis: Axis, plant: Plant, dt_s: float, effort: float) -> _Controller:
        """Return the controllers of an axis; `effort` is the weight of a squared second difference [mm a tick^2]."""
        slope = axis.stiffness_slope_per_m * 1e-3 if plant.position_stiffness else 0.0
        limit = axis.stiffness_slope_limit
        k = axis.stiffness_n_m * plant.frequency_scale**2 * np.linspace(1 - limit, 1 + limit, STIFFNESSES)
        c = axis.damping_ns_m * plant.frequency_scale * plant.damping_scale
        if not slope:
            k = k.mean(keepdims=True)
        a, b = _tick(axis.mass_kg, k, c, dt_s)
        cost = _riccati(a, b, np.diag([1.0, 0.0, LEAK, 0.0]), effort)
        push = np.einsum("ki,kij->kj", b, cost)
        weight = effort + np.einsum("ki,ki->k", push, b)
        gain = np.einsum("ki,kij->kj", push, a) / weight[:, None]
        return cls(a, b, gain, weight, slope, axis.centre_mm, limit)

    def offsets(self, place: Array, disturbance: Array) -> tuple[Array, Array]:
        """Return (offsets, the error that the model says they make), (batch, n), for places and disturbances [mm]."""
        which = np.zeros(place.shape, np.int64)
        if self.slope:
            change = np.clip(self.slope * (place - self.centre), -self.limit, self.limit)
            which = np.rint((change / self.limit + 1) * 0.5 * (len(self.weight) - 1)).astype(np.int64)
        made = _control(which, disturbance, self.transition, self.entry, self.gain, self.weight)
        return made[0], made[1]


def _tick(m: float, k: Array, c: float, dt_s: float) -> tuple[Array, Array]:
    """Return transitions (n, 4, 4) and entries (n, 4) of one tick, exact for offsets that are linear between ticks."""
    flow = np.zeros((len(k), 4, 4))  # error, its speed a tick, offset, its speed a tick
    flow[:, 0, 1] = flow[:, 2, 3] = 1.0
    flow[:, 1, 0], flow[:, 1, 2] = -k / m * dt_s**2, k / m * dt_s**2
    flow[:, 1, 1], flow[:, 1, 3] = -c / m * dt_s, c / m * dt_s
    over, term = np.broadcast_to(np.eye(4), flow.shape).copy(), np.broadcast_to(np.eye(4), flow.shape)
    for i in range(1, 30):  # the exponential's series: |flow| is below 2 where a tick is under a quarter period
        term = term @ flow / i
        over += term
    before, after = over[:, :2, 2] - over[:, :2, 3], over[:, :2, 3]  # of the offset at both ends of the tick
    a, b = np.zeros_like(flow), np.ones((len(k), 4))
    a[:, :2, :2], a[:, :2, 2], a[:, :2, 3] = over[:, :2, :2], before + after, after
    a[:, 2, 2] = a[:, 2, 3] = a[:, 3, 3] = 1.0
    b[:, :2] = after
    return a, b


def _riccati(a: Array, b: Array, q: Array, effort: float) -> Array:
    """Return the stabilising solutions (n, 4, 4) of the discrete Riccati equation, by doubling (Chu et al., 2004)."""
    g = b[:, :, None] * b[:, None, :] / effort
    h = np.broadcast_to(q, a.shape)
    for _ in range(30):  # each doubles the horizon: 2^30 ticks
        w = np.linalg.inv(np.eye(4) + g @ h)
        aw, at = a @ w, a.transpose(0, 2, 1)
        a, g, more = aw @ a, g + aw @ g @ at, at @ h @ w @ a
        h = h + more
        if np.abs(more).max() <= 1e-14 * np.abs(h).max():
            break
    return h


@numba.njit(cache=True, nogil=True)
def _control(which, disturbance, a, b, gain, weight):  # type: ignore[no-untyped-def]
    """Return (2, batch, n): offsets and modelled errors. Backwards what lies ahead, then forwards what to do."""
    batch, n = which.shape
    made = np.zeros((2, batch, n))
    for i in range(batch):
        ahead, p, q = np.zeros(n), np.zeros(4), np.zeros(4)
        p[0] = disturbance[i, n - 1]
        for t in range(n - 2, -1, -1):
            j = which[i, t]
            push = b[j, 0] * p[0] + b[j, 1] * p[1] + b[j, 2] * p[2] + b[j, 3] * p[3]
            ahead[t] = push / weight[j]
            for r in range(4):
                q[r] = a[j, 0, r] * p[0] + a[j, 1, r] * p[1] + a[j, 2, r] * p[2] + a[j, 3, r] * p[3]
                q[r] -= gain[j, r] * push
            q[0] += disturbance[i, t]
            p[:] = q
        s = np.zeros(4)
        for t in range(n - 1):
            j = which[i, t]
            u = -ahead[t] - gain[j, 0] * s[0] - gain[j, 1] * s[1] - gain[j, 2] * s[2] - gain[j, 3] * s[3]
            for r in range(4):
                q[r] = a[j, r, 0] * s[0] + a[j, r, 1] * s[1] + a[j, r, 2] * s[2] + a[j, r, 3] * s[3] + b[j, r] * u
            s[:] = q
            made[0, i, t + 1], made[1, i, t + 1] = s[2], s[0]
    return made
