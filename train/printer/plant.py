"""The plant: what the nozzle does when the motors follow a command. Positions in, positions out.

Public: `simulate(machine, command_xy, dt_s, plant=LINEAR, ...) -> actual_xy`; `Plant` with `LINEAR`, `NONLINEAR`, and
its scales for a plant that differs from the one assumed (`dataclasses.replace(NONLINEAR, frequency_scale=0.9)`).

Each axis is m q'' = -k(q) (q - r) - c (q' - r') - F sign(q'), r the command, linear between its samples. Between two
samples and two changes of sign the solution has a closed form, and that is what is stepped: no integrator, no step size
to choose for the linear plant. Stiffness is frozen at the middle of steps of at most 0.5 ms. Friction sticks: an axis
at rest stays until spring and damper together exceed F, and the instants where it stops and breaks away are solved for
inside the step.

How finely the command is sampled decides the accuracy of the whole: a chord cuts the planned parabola by a dt^2 / 12 on
average, which at 8,000 mm/s2 is 2.7 um at 500 Hz, 0.17 um at 2 kHz and 0.04 um at 4 kHz. So sample plans at `FINE_HZ` =
4 kHz, give offsets at their 500 Hz knots as `offset_xy` with `every` = 8, and get the actual position at the knots.
"""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from learn_rt.train.printer.axis import run_axis
from learn_rt.train.printer.machine import Axis, Machine

FINE_HZ = 4000.0
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Plant:
    """Which effects the plant has, and how its numbers differ from the machine's file.

    `frequency_scale` and `damping_scale` scale the natural frequency (through stiffness) and the damping ratio of both
    axes, `friction_scale` the dry friction, `mass_scale` the moving mass of y, the bed.
    """

    position_stiffness: bool = False
    dry_friction: bool = False
    print_mass: bool = False
    frequency_scale: float = 1.0
    damping_scale: float = 1.0
    friction_scale: float = 1.0
    mass_scale: float = 1.0

    def __post_init__(self) -> None:
        for name in ("frequency_scale", "damping_scale", "friction_scale", "mass_scale"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise ValueError(f"{name} must be finite and above 0, got {getattr(self, name)}")


LINEAR = Plant()
NONLINEAR = Plant(position_stiffness=True, dry_friction=True, print_mass=True)


def simulate(
    machine: Machine,
    command_xy: ArrayLike,
    dt_s: float,
    plant: Plant = LINEAR,
    *,
    offset_xy: ArrayLike | None = None,
    every: int = 1,
    print_mass_kg: ArrayLike = 0.0,
    state: Array | None = None,
    threads: int | None = None,
) -> Array:
    """Return the actual position [mm] at every `every`-th sample of the command.

    Args:
        command_xy: (n, 2), or (batch, n, 2) for independent trajectories, float64 [mm], `dt_s` apart, linear between.
        offset_xy: (..., k, 2) [mm], k = (n - 1) // every + 1 knots added to the command, linear in between; n - 1 must
            be a multiple of `every`.
        print_mass_kg: mass of the print on the bed, one number or one a knot (k,); counts where the plant has
            `print_mass`.
        state: (..., 2, 2), for each axis position [mm] and speed [mm/s] at the first sample; advanced in place, so that
            a long command can be given in pieces that share their end samples. Default: at rest on the first command.
        threads: for batches; default: all that this process may use.
    Returns: (..., k, 2) float64.
    Raises: ValueError: another shape, a value that is not finite, or a plant that is overdamped.
    """
    command = np.asarray(command_xy, dtype=np.float64)
    if command.ndim not in (2, 3) or command.shape[-1] != 2 or command.shape[-2] < 1:
        raise ValueError(f"command_xy must have shape (n, 2) or (batch, n, 2), got {command.shape}")
    if not (math.isfinite(dt_s) and dt_s > 0 and every >= 1):
        raise ValueError(f"dt_s must be above 0 and every at least 1, got {dt_s} and {every}")
    if not np.isfinite(command).all():
        raise ValueError("command_xy must be finite")
    single, command = command.ndim == 2, command.reshape(-1, *command.shape[-2:])
    batch, n = command.shape[:2]
    k = (n - 1) // every + 1
    offset = np.zeros((batch, 0, 2))
    if offset_xy is not None:
        offset = np.asarray(offset_xy, dtype=np.float64).reshape(-1, *np.shape(offset_xy)[-2:])
        if offset.shape != (batch, k, 2) or (n - 1) % every:
            raise ValueError(
                f"offset_xy must have {k} knots for {n} commands and every={every}, got shape {np.shape(offset_xy)}"
            )
        if not np.isfinite(offset).all():
            raise ValueError("offset_xy must be finite")
    added = np.atleast_1d(np.asarray(print_mass_kg, dtype=np.float64)) if plant.print_mass else np.zeros(1)
    if added.shape not in ((1,), (k,)) or not (np.isfinite(added).all() and (added >= 0).all()):
        raise ValueError(f"print_mass_kg must be one number or ({k},), finite and not below 0")
    if state is None:
        start = command[:, 0] + (offset[:, 0] if offset.shape[1] else 0.0)
        state = np.stack([start, np.zeros_like(start)], -1)
    elif state.size != batch * 4 or state.shape[-2:] != (2, 2) or not state.flags.c_contiguous or state.dtype != float:
        raise ValueError(f"state must be a contiguous float64 array ({batch}, 2, 2), got {state.dtype} {state.shape}")
    states = state.reshape(batch, 2, 2)  # a view: the caller's array advances
    numbers = _numbers(machine.x, plant, 1.0), _numbers(machine.y, plant, plant.mass_scale)
    masses = np.zeros(1), added
    actual = np.empty((batch, k, 2))

    def run(job: int) -> None:
        b, axis = divmod(job, 2)
        run_axis(
            numbers[axis],
            command[b, :, axis],
            offset[b, :, axis],
            masses[axis],
            dt_s,
            every,
            states[b, axis],
            actual[b, :, axis],
        )

    workers = threads or len(os.sched_getaffinity(0))
    if workers == 1 or batch * n < 20_000:
        for job in range(2 * batch):
            run(job)
    else:
        run(0)  # compiles once, before the threads would
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(run, range(1, 2 * batch)))
    return actual[0] if single else actual


def _numbers(axis: Axis, plant: Plant, mass_scale: float) -> Array:
    """Return m, k, c, slope [1/mm], its limit, centre [mm], F [kg mm/s2] of one axis, scaled as the plant says."""
    softest = 1.0 - axis.stiffness_slope_limit if plant.position_stiffness else 1.0
    worst = axis.damping_ratio * plant.damping_scale / math.sqrt(softest * mass_scale)
    if not worst < 1:
        raise ValueError(
            f"an axis must stay underdamped, got a damping ratio of up to {worst:.3g}: damping_scale is too high"
        )
    return np.array(
        [
            axis.mass_kg * mass_scale,
            axis.stiffness_n_m * plant.frequency_scale**2,
            axis.damping_ns_m * plant.frequency_scale * plant.damping_scale,
            axis.stiffness_slope_per_m * 1e-3 if plant.position_stiffness else 0.0,
            axis.stiffness_slope_limit,
            axis.centre_mm,
            axis.friction_n * 1e3 * plant.friction_scale if plant.dry_friction else 0.0,
        ]
    )
