"""Windows of trajectories, as indices into rows that lie on the device."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class Windows:
    """Every stretch of `length` rows that lies in one trajectory.

    `rows` (n, F) float32 holds all trajectories one after another, `starts` (m,) the first row of each window.
    """

    def __init__(self, trajectories: Sequence[NDArray[np.float64]], length: int) -> None:
        self.length = length
        self.rows = torch.from_numpy(np.concatenate(trajectories).astype(np.float32))
        starts, first = [], 0
        for rows in trajectories:
            starts.append(first + np.arange(max(0, len(rows) - length + 1)))
            first += len(rows)
        self.starts = torch.from_numpy(np.concatenate(starts))
        if not len(self.starts):
            raise ValueError(f"no trajectory has the {length} rows of a window and its horizon")

    def __len__(self) -> int:
        return len(self.starts)

    def to(self, device: torch.device) -> None:
        """Move the rows."""
        self.rows, self.starts = self.rows.to(device), self.starts.to(device)

    def take(self, chosen: Tensor) -> Tensor:
        """Return windows (len(chosen), length, F) by their number."""
        starts = self.starts[chosen.to(self.starts.device)]
        return self.rows[starts.unsqueeze(1) + torch.arange(self.length, device=starts.device)]

    def spread(self, count: int) -> Tensor:
        """Return windows (at most count, length, F), evenly spread over all."""
        return self.take(torch.linspace(0, len(self) - 1, min(count, len(self))).round().long())
