"""Arcs as chords.

Public: `arc_points(start, end, centre, clockwise, turns)`, `centre_from_radius(start, end, radius, clockwise)`.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

SAGITTA_MM = 0.0005  # a chord leaves its arc by at most this: far below what a plant shows
MAX_CHORDS = 100_000  # of one line
Point = tuple[float, float]


def centre_from_radius(start: Point, end: Point, radius: float, clockwise: bool) -> Point:
    """Return the centre of the arc of the R form; a negative radius takes the longer way round.

    Raises: ValueError: the points are farther apart than the diameter, or the same.
    """
    dx, dy = end[0] - start[0], end[1] - start[1]
    chord = math.hypot(dx, dy)
    if chord < 1e-6:
        raise ValueError("expected an end other than the start with R (give I and J for a whole turn)")
    if chord > 2 * abs(radius) * 1.001:
        raise ValueError(f"expected R of at least half the chord of {chord:.4g} mm, got {radius:g}")
    height = math.sqrt(max(radius * radius - chord * chord / 4, 0.0))
    side = -height if clockwise == (radius > 0) else height
    return (start[0] + end[0]) / 2 - side * dy / chord, (start[1] + end[1]) / 2 + side * dx / chord


def arc_points(
    start: Point, end: Point, centre: Point, clockwise: bool, turns: int
) -> tuple[NDArray[np.float64], float, NDArray[np.float64]]:
    """Return (points (n, 2) after the start, radius [mm], fraction (n,) of the way at each).

    `turns` counts the turn that is begun: 1 is the plain arc, or a whole turn when it ends at its start. The last point
    is `end` exactly; the radius moves evenly from the start's to the end's, which differ by the file's rounding.
    Raises: ValueError: no radius, an end that does not lie on the circle, or too long an arc.
    """
    x0, y0 = start[0] - centre[0], start[1] - centre[1]
    x1, y1 = end[0] - centre[0], end[1] - centre[1]
    r0, r1 = math.hypot(x0, y0), math.hypot(x1, y1)
    if r0 < 1e-4:
        raise ValueError("expected a centre (I, J) away from the start")
    if abs(r1 - r0) > 0.05 + 0.005 * r0:
        raise ValueError(f"expected an end on the circle of radius {r0:.4g} mm, got one at {r1:.4g} mm from the centre")
    a0 = math.atan2(y0, x0)
    sweep = (math.atan2(y1, x1) - a0) % (2 * math.pi)
    if math.hypot(end[0] - start[0], end[1] - start[1]) < 1e-6:
        sweep = 2 * math.pi
    elif clockwise:
        sweep = 2 * math.pi - sweep
    sweep += 2 * math.pi * (turns - 1)
    step = 2 * math.acos(max(1 - SAGITTA_MM / r0, 0.0))
    n = max(math.ceil(sweep / step), 1)
    if n > MAX_CHORDS:
        raise ValueError(f"expected an arc of at most {MAX_CHORDS} chords, got {r0 * sweep:.4g} mm of it")
    fraction = np.arange(1, n + 1) / n
    angle = a0 + (-sweep if clockwise else sweep) * fraction
    radius = r0 + (r1 - r0) * fraction
    points = np.stack([centre[0] + radius * np.cos(angle), centre[1] + radius * np.sin(angle)], 1)
    points[-1] = end
    return points, r0, fraction
