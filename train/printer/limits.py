"""Limits of motion that a file changes as it goes.

Public: `changed(motion, number, words)` for M201, M203, M204 and M205, `velocity_limit(motion, text)` for Klipper's
SET_VELOCITY_LIMIT.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any

from learn_rt.train.printer.machine import Cornering, Motion
from learn_rt.train.printer.words import Words, number

_PAIR = re.compile(r"(\w+)\s*=\s*(\S+)", re.ASCII)
_PLAIN = re.compile(r"\d+(?:\.\d*)?", re.ASCII)


def changed(motion: Motion, command: int, mm: Words) -> Motion:
    """Return the limits after M201, M203, M204 or M205 with these values (mm, s).

    Raises: ValueError: a limit out of range.
    """
    if command == 204:
        use = {"P": "print", "R": "retract", "T": "travel"}
        change: dict[str, Any] = {f"{use[k]}_acceleration_mm_s2": v for k, v in mm.items() if k in use}
        if "S" in mm:  # the old form: both
            change |= {"print_acceleration_mm_s2": mm["S"], "travel_acceleration_mm_s2": mm["S"]}
        return replace(motion, **change)
    name = {201: "acceleration_mm_s2", 203: "speed_mm_s", 205: "jerk_mm_s"}[command]
    before = getattr(motion, name)
    change = {name: tuple(mm.get(letter, before[i]) for i, letter in enumerate("XYZE"))}
    if command == 205 and "J" in mm:
        change |= {"junction_deviation_mm": mm["J"], "cornering": Cornering.JUNCTION}
    elif command == 205 and {"X", "Y"} & mm.keys():
        change["cornering"] = Cornering.JERK
    return replace(motion, **change)


def velocity_limit(motion: Motion, text: str) -> Motion:
    """Return the limits after SET_VELOCITY_LIMIT VELOCITY= ACCEL= SQUARE_CORNER_VELOCITY=.

    Raises: ValueError: a value that is no number, or a limit out of range.
    """
    change: dict[str, Any] = {}
    for key, value in _PAIR.findall(text.upper()):
        if not _PLAIN.fullmatch(value):
            raise ValueError(f"expected a number after {key}=, got {value[:40]!r}")
        limit = number(value, key)
        if key == "ACCEL":
            change |= {"print_acceleration_mm_s2": limit, "travel_acceleration_mm_s2": limit}
        elif key == "VELOCITY":
            change["speed_mm_s"] = (limit, limit, *motion.speed_mm_s[2:])
        elif key == "SQUARE_CORNER_VELOCITY":
            a = change.get("print_acceleration_mm_s2", motion.print_acceleration_mm_s2)
            # The speed at a corner of 90 degrees, as Klipper itself turns it into a deviation.
            change |= {"junction_deviation_mm": limit**2 * (math.sqrt(2) - 1) / a, "cornering": Cornering.JUNCTION}
    return replace(motion, **change)
