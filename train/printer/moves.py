"""Moves: what a G-code file asks for, line by line, before it is planned in time.

Public: `MOVE` (dtype of an array of moves), `Moves` (such an array with the limits that its moves run under).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from learn_rt.train.printer.machine import Motion

MOVE = np.dtype(
    [
        ("start", "f8", 3),  # x, y, z [mm]
        ("delta", "f8", 4),  # x, y, z, filament [mm]; all zero for a pause
        ("speed", "f8"),  # asked for [mm/s]
        ("radius", "f8"),  # of the arc that this chord belongs to [mm], 0 for a line
        ("pause_s", "f8"),  # a pause stands still before and after
        ("limits", "i4"),  # index into Moves.limits
        ("layer", "i4"),  # 0 before the first
        ("feature", "i1"),  # index into FEATURES
        ("smooth", "?"),  # goes on along the same arc as the move before
    ]
)


@dataclass(frozen=True, slots=True)
class Moves:
    """Consecutive moves. `table` has dtype MOVE, `limits` are the different limits that its moves run under."""

    table: NDArray[Any]
    limits: tuple[Motion, ...]
