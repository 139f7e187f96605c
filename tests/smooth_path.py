"""Samples for the printer's model that all tests share."""

from __future__ import annotations

import numpy as np


def path_of(n: int) -> np.ndarray:
    """Return samples (n, 5) float32 of a smooth path: x, y, z [mm], vx, vy [mm/s] at 500 Hz."""
    t = np.arange(n) * 0.002
    position = 10 * np.sin(2 * np.pi * np.array([0.7, 1.1]) * t[:, None] + np.array([0.4, 2.0]))
    velocity = np.gradient(position, 0.002, axis=0)
    return np.concatenate([position, np.full((n, 1), 0.2), velocity], axis=1).astype(np.float32)
