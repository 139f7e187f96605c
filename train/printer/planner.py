"""Plan moves in time, as printer firmware does: look ahead, carry speed through corners, keep within the axes' limits.

Public: `plan(source, machine, ...) -> Trajectory` for a whole file or lines of text, `plan_pieces(...)` for the same in
pieces of bounded size, `Style`.

A move runs at one acceleration: up from its entry speed, along at its nominal speed, down to its exit speed. Corner
speeds come from classic jerk (each axis may jump by so much, as Marlin counts it: an axis that reverses counts the
larger of both speeds) or from junction deviation; a backward and a forward pass make them reachable. Chords of an arc
run at v^2 / r <= a. `Style.REST` stops at the end of each line instead, as the simulator that came before this one did.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from learn_rt.train.printer.gcode import GcodeReader
from learn_rt.train.printer.machine import Cornering, Machine
from learn_rt.train.printer.moves import Moves
from learn_rt.train.printer.trajectory import SEGMENT, Trajectory

MAX_PENDING = 65_536  # moves looked ahead over; beyond, the machine stops, as one with a full queue would
MAX_DURATION_S = 30 * 86_400.0
SHORT_MM = 1.0  # below it, and at corners flatter than 45 degrees, junction deviation is bounded by the curve's radius
Table = NDArray[Any]

# A move that waits for its speeds to be known.
_PENDING = np.dtype(
    [
        ("start", "f8", 3),
        ("unit", "f8", 4),
        ("length", "f8"),
        ("nominal", "f8"),  # highest speed [mm/s]
        ("acceleration", "f8"),
        ("jerk", "f8", 4),
        ("deviation", "f8"),
        ("by_jerk", "?"),
        ("stop", "f8"),  # speed from which it may stop, and to which it may start, at once
        ("entry2", "f8"),  # highest entry speed squared [mm2/s2], from the corner alone
        ("pause_s", "f8"),
        ("pause", "?"),
        ("smooth", "?"),
        ("layer", "i4"),
        ("feature", "i1"),
        ("extruding", "?"),
        ("travel", "?"),
    ]
)


class Style(StrEnum):
    """How corners are taken."""

    LOOKAHEAD = "lookahead"
    REST = "rest"  # every line from rest to rest


def plan(
    source: str | Path | Iterable[str],
    machine: Machine,
    *,
    style: Style | str = Style.LOOKAHEAD,
    skip_bad: bool = False,
    file_limits: bool = True,
) -> Trajectory:
    """Return the whole of a file (a path), or of lines of G-code, planned from t = 0.

    Args:
        file_limits: whether M201-M205 in the file change the machine's limits, as on the real machine; False prints a
            file that was sliced for another machine at this one's limits.
    Raises: ValueError: a bad line (file, line, what was expected), no moves, a file that cannot be read.
    """
    reader = GcodeReader(machine, skip_bad=skip_bad, file_limits=file_limits)
    pieces = [piece.table for piece in plan_pieces(reader.read(source), style)]
    if not pieces:
        raise ValueError(f"{source if isinstance(source, str | Path) else 'lines'}: expected moves (G0-G3), found none")
    return Trajectory(np.concatenate(pieces))


def plan_pieces(batches: Iterable[Moves], style: Style | str = Style.LOOKAHEAD) -> Iterator[Trajectory]:
    """Yield consecutive pieces of the planned path, each as soon as what follows cannot change it any more.

    Raises: ValueError: a print of more than 30 days.
    """
    rest = Style(style) is Style.REST
    pending, previous = np.empty(0, _PENDING), np.zeros(1, _PENDING)
    previous["pause"] = True  # before the first move it stands
    clock, fed = 0.0, 0.0
    for batch in batches:
        moves = _prepare(batch)
        moves["entry2"] = _corners(np.concatenate([previous, moves]), rest)
        previous = moves[-1:].copy()
        pending = np.concatenate([pending, moves])
        # Whatever comes next, the last move ends between standing and its nominal speed: what both agree on is settled.
        low = _look_ahead(pending, 0.0)
        high = low if rest else _look_ahead(pending, float(previous["nominal"][0]))
        n = int(np.flatnonzero(low[:-1] == high[:-1]).max(initial=0))
        if len(pending) - n > MAX_PENDING:
            n = len(pending) - 1
        if n:
            piece = _in_time(pending[:n], low[: n + 1], clock, fed)
            clock, fed = piece.end_s, _fed(piece)
            yield piece
            pending = pending[n:].copy()
            pending["entry2"][0] = low[n]
    if len(pending):
        last = 0.0 if rest else float(previous["stop"][0])
        yield _in_time(pending, _look_ahead(pending, last), clock, fed)


def _prepare(batch: Moves) -> Table:
    """Return the moves with what follows from each alone: direction, nominal speed, acceleration, stopping speed."""
    t, limits = batch.table, batch.limits
    which = t["limits"]
    axis_speed = np.array([m.speed_mm_s for m in limits])[which]
    axis_acceleration = np.array([m.acceleration_mm_s2 for m in limits])[which]
    delta = t["delta"]
    way = np.sqrt((delta[:, :3] ** 2).sum(1))
    length = np.where(way > 0, way, np.abs(delta[:, 3]))
    pause = length == 0
    unit = delta / np.where(pause, 1.0, length)[:, None]
    share = np.maximum(np.abs(unit), 1e-12)  # an axis that stands still limits nothing
    in_plane, fed = (delta[:, 0] != 0) | (delta[:, 1] != 0), delta[:, 3] > 0
    by_use = np.array(
        [[m.print_acceleration_mm_s2, m.travel_acceleration_mm_s2, m.retract_acceleration_mm_s2] for m in limits]
    )
    use = np.where(way == 0, 2, np.where(delta[:, 3] != 0, 0, 1))
    acceleration = np.minimum(by_use[which, use], (axis_acceleration / share).min(1))
    nominal = np.minimum(t["speed"], (axis_speed / share).min(1))
    on_arc = t["radius"] > 0
    nominal = np.where(on_arc, np.minimum(nominal, np.sqrt(acceleration * t["radius"])), nominal)
    jerk = np.array([m.jerk_mm_s for m in limits])[which]
    by_jerk = np.array([m.cornering is Cornering.JERK for m in limits])[which]

    out = np.zeros(len(t), _PENDING)
    for name in ("start", "pause_s", "smooth", "layer", "feature"):
        out[name] = t[name]
    out["unit"], out["length"], out["acceleration"] = unit, length, acceleration
    out["nominal"] = np.where(pause, 0.0, nominal)
    out["jerk"], out["by_jerk"] = jerk, by_jerk
    out["deviation"] = np.array([m.junction_deviation_mm for m in limits])[which]
    out["stop"] = np.where(by_jerk & ~pause, np.minimum(nominal, (jerk / share).min(1)), 0.0)
    out["pause"], out["extruding"], out["travel"] = pause, in_plane & fed, in_plane & ~fed
    return out


def _corners(t: Table, rest: bool) -> NDArray[np.float64]:
    """Return the square of the highest speed at the start of each move but the first, from its corner alone."""
    a, b = t[:-1], t[1:]
    speed = np.minimum(a["nominal"], b["nominal"])
    if rest:
        v2 = np.zeros(len(b))
    else:
        v2 = np.where(b["by_jerk"], _by_jerk(a, b, speed) ** 2, _by_deviation(a, b, speed))
        v2 = np.where(a["pause"], b["stop"] ** 2, np.where(b["pause"], a["stop"] ** 2, v2))
    return np.where(b["smooth"], speed**2, v2)


def _by_jerk(a: Table, b: Table, speed: NDArray[np.float64]) -> NDArray[np.float64]:
    u, w = a["unit"], b["unit"]
    reverses = u * w < 0
    jump = np.where(reverses, np.maximum(np.abs(u), np.abs(w)), np.abs(u - w))
    return np.minimum(speed, (b["jerk"] / np.maximum(jump, 1e-12)).min(1))


def _by_deviation(a: Table, b: Table, speed: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return v^2 = a d s / (1 - s), s = sin(theta / 2), theta the angle inside; filament alone moves from rest."""
    u, w = a["unit"][:, :3], b["unit"][:, :3]
    cosine = np.clip((u * w).sum(1), -1.0, 1.0)  # of the change of direction
    acceleration = np.minimum(a["acceleration"], b["acceleration"])
    s = np.sqrt(0.5 * (1 + cosine))
    v2 = acceleration * b["deviation"] * s / np.maximum(1 - s, 1e-12)
    turn = np.arccos(cosine)
    flat = (b["length"] < SHORT_MM) & (turn < np.pi / 4)
    v2 = np.where(flat, np.minimum(v2, acceleration * b["length"] / np.maximum(turn, 1e-9)), v2)
    moving = ((u != 0).any(1)) & ((w != 0).any(1))
    return np.where(moving, np.minimum(v2, speed**2), 0.0)


def _look_ahead(t: Table, end_speed: float) -> NDArray[np.float64]:
    """Return the square of the speed at the start of each move, and at the end of the last: (n + 1,)."""
    # A pause has no length, but parts the speeds before and after it.
    reach = np.where(t["pause"], np.inf, 2 * t["acceleration"] * t["length"])
    v2 = np.append(t["entry2"], end_speed**2)
    _passes(v2, reach)
    return v2


@numba.njit(cache=True, nogil=True)
def _passes(v2, reach):  # type: ignore[no-untyped-def]
    for i in range(reach.size - 1, -1, -1):
        v2[i] = min(v2[i], v2[i + 1] + reach[i])
    for i in range(reach.size):
        v2[i + 1] = min(v2[i + 1], v2[i] + reach[i])


def _in_time(t: Table, v2: NDArray[np.float64], clock: float, fed: float) -> Trajectory:
    """Return the moves as trapezoids in time, from `clock` [s] on, with `fed` [mm] of filament before."""
    a, length, pause = t["acceleration"], t["length"], t["pause"]
    v0_2, v1_2 = np.where(pause, 0.0, v2[:-1]), np.where(pause, 0.0, v2[1:])
    vp_2 = np.where(pause, 0.0, np.minimum(t["nominal"] ** 2, a * length + 0.5 * (v0_2 + v1_2)))
    vp_2 = np.maximum(vp_2, np.maximum(v0_2, v1_2))  # rounding
    v0, vp, v1 = np.sqrt(v0_2), np.sqrt(vp_2), np.sqrt(v1_2)
    ramps = (vp_2 - v0_2 + vp_2 - v1_2) / (2 * a)
    cruise = np.maximum(length - ramps, 0.0) / np.where(pause, 1.0, vp)
    duration = np.where(pause, t["pause_s"], (vp - v0 + vp - v1) / a + cruise)
    out = np.zeros(len(t), SEGMENT)
    for name in ("start", "unit", "length", "acceleration", "layer", "feature", "extruding", "travel"):
        out[name] = t[name]
    out["v0"], out["vp"], out["v1"], out["duration_s"] = v0, vp, v1, duration
    ends = clock + np.cumsum(duration)
    if ends[-1] > MAX_DURATION_S:
        raise ValueError(f"expected a print of at most {MAX_DURATION_S / 86_400:g} days")
    out["start_s"] = np.append(clock, ends[:-1])
    amount = np.cumsum(t["unit"][:, 3] * length)
    out["filament"] = fed + np.append(0.0, amount[:-1])
    return Trajectory(out)


def _fed(piece: Trajectory) -> float:
    last = piece.table[-1]
    return float(last["filament"] + last["unit"][3] * last["length"])
