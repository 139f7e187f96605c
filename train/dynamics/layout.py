"""Where each signal stands in a raw row, among what the net sees, and in a change of state."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

TINY = 1e-6  # keeps a pair of length zero, or half a turn in one step, from dividing by zero


@dataclass(frozen=True)
class Layout:
    """A raw row is qpos (nq), qvel (nv), ctrl (nu). Every index is one of qpos.

    Of a change of state come first the coordinates, then the cosines of the angles' changes, their sines, the other
    positions and the velocities.
    """

    nq: int
    nv: int
    nu: int
    coordinates: tuple[int, ...] = ()
    angles: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        both = [*self.coordinates, *self.angles]
        if len(set(both)) != len(both) or any(not 0 <= i < self.nq for i in both):
            raise ValueError(
                f"coordinate_indices and angle_indices must be distinct and from 0 to {self.nq - 1}, "
                f"got {list(self.coordinates)} and {list(self.angles)}"
            )

    @property
    def others(self) -> tuple[int, ...]:
        """Positions that are neither coordinates nor angles."""
        return tuple(i for i in range(self.nq) if i not in self.coordinates and i not in self.angles)

    @property
    def n_state(self) -> int:
        """Elements of a raw state."""
        return self.nq + self.nv

    @property
    def n_row(self) -> int:
        """Elements of a raw row."""
        return self.nq + self.nv + self.nu

    @property
    def n_delta(self) -> int:
        """Elements of a change, an angle's being two."""
        return self.nq + len(self.angles) + self.nv

    def coordinate(self, x: Tensor) -> Tensor:
        """Return the coordinates (..., n) of raw rows (..., at least nq)."""
        return _take(x, self.coordinates)

    def seen(self, x: Tensor, transform: Callable[[Tensor], Tensor] | None = None) -> Tensor:
        """Return what the net sees of raw rows (..., S + A) beside the coordinates: cosines, sines, others, qvel, ctrl.

        With `transform`, its features of qpos stand for coordinates, cosines, sines and others.
        """
        rest = x[..., self.nq :]
        if transform is not None:
            return torch.cat([transform(x[..., : self.nq]), rest], -1)
        angle = _take(x, self.angles)
        parts = [torch.cos(angle), torch.sin(angle)] if self.angles else []
        if self.others:
            parts.append(_take(x, self.others))
        return torch.cat([*parts, rest], -1)

    def change(self, before: Tensor, after: Tensor) -> Tensor:
        """Return the change (..., n_delta) between raw states (..., S), angles as pairs of length one."""
        delta = after - before
        turn = _take(delta, self.angles)
        parts = [self.coordinate(delta), torch.cos(turn), torch.sin(turn), _take(delta, self.others)]
        return torch.cat([*parts, delta[..., self.nq :]], -1)

    def around(self, delta: Tensor, one: float = 1.0) -> Tensor:
        """Return a change (..., n_delta) of which zero is no change at all: one is added to the cosines.

        With `one` of -1 it is taken away again.
        """
        first, n = len(self.coordinates), len(self.angles)
        if not n:
            return delta
        return torch.cat([delta[..., :first], delta[..., first : first + n] + one, delta[..., first + n :]], -1)

    def turn(self, delta: Tensor) -> Tensor:
        """Return the angles' changes (..., n) [rad] of a change (..., n_delta), whatever its pairs' length."""
        first, n = len(self.coordinates), len(self.angles)
        c, s = delta[..., first : first + n], delta[..., first + n : first + 2 * n]
        length = torch.sqrt(c * c + s * s + TINY * TINY)
        # Half the angle, whose tangent has no other branch.
        return 2.0 * torch.atan(s / torch.clamp(length + c, min=TINY))

    def moved(self, state: Tensor, delta: Tensor) -> Tensor:
        """Return the raw state (..., S) after a change (..., n_delta)."""
        first, n = len(self.coordinates), len(self.angles)
        parts = [delta[..., :first]] if first else []
        if n:
            parts.append(self.turn(delta))
        rest = delta[..., first + 2 * n :]
        moved = torch.cat([*parts, rest], -1) if parts else rest
        order = [*self.coordinates, *self.angles, *self.others]
        if order != list(range(self.nq)):
            place = [order.index(i) for i in range(self.nq)]
            moved = _take(moved, (*place, *range(self.nq, self.n_state)))
        return state + moved


def _take(x: Tensor, indices: Sequence[int]) -> Tensor:
    """Return columns of x (..., n) in an order, as slices: fewer and plainer nodes in the graph than gathering."""
    runs: list[list[int]] = []
    for i in indices:
        if runs and i == runs[-1][1]:
            runs[-1][1] += 1
        else:
            runs.append([i, i + 1])
    parts = [x[..., low:high] for low, high in runs]
    return parts[0] if len(parts) == 1 else torch.cat(parts, -1) if parts else x[..., :0]
