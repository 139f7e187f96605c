"""A state carried through whole recordings: training by truncated backpropagation, many of them side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from learn_rt.train.core.config import within

States = tuple[Tensor, ...]
# (x (batch, n, n_inputs), states or None: zero) -> answers (batch, n, n_outputs), states after them
Run = Callable[[Tensor, States | None], tuple[Tensor, States]]


def huber(difference: Tensor) -> Tensor:
    """Return d^2 / 2 up to 1, then |d| - 1/2."""
    return F.smooth_l1_loss(difference, torch.zeros_like(difference), reduction="none")


class CarriedObjective(nn.Module):
    """The loss of a chunk, from the state that the chunk before left; gradients end at the chunk's start."""

    def __init__(self, module: nn.Module, run: Run, distance: Callable[[Tensor], Tensor] = huber) -> None:
        """Args: module: whose weights are trained; run: its method."""
        super().__init__()
        self.module = module
        self._run, self._distance = run, distance
        self._states: States | None = None

    def forward(self, x: Tensor, target: Tensor, weight: Tensor, first: Tensor) -> Tensor:
        """Return the mean loss over what has weight.

        Args: x: (batch, n, n_inputs); target: (batch, n, n_outputs), as `run` answers; weight: (batch, n), 0 where a
        sequence is over or has just begun; first: (batch,), whether it begins here.
        """
        answers, states = self._run(x, None if bool(first[0]) else self._states)
        self._states = tuple(state.detach() for state in states)
        loss = self._distance(answers - target).mean(2)
        # Divided by the number of samples, not of weights: processes with other rows then add up.
        return (loss * weight).mean()


class Chunks:
    """Cuts recordings into sequences at random places, and hands them out side by side, chunk by chunk.

    The state of a sequence that begins inside a recording is unknown: its first `chunk` samples only bring it there and
    have no weight. A recording that fits into one sequence is never cut.
    """

    def __init__(
        self, recordings: Sequence[tuple[Tensor, Tensor, Tensor]], chunk: int, carry: int, side_by_side: int
    ) -> None:
        """Args: recordings: x (n, n_inputs), target (n, n_outputs) and weight (n,) of each."""
        self._recordings = [tuple(r) for r in recordings]
        self._chunk, self._carry, self._rows = chunk, carry, side_by_side
        # One more than fit: wherever the cuts fall, there are as many.
        self._count = [1 if len(r[0]) <= carry else -(-len(r[0]) // carry) + 1 for r in recordings]
        self.n_batches = -(-sum(self._count) // side_by_side) * (carry // chunk)

    def to(self, device: torch.device) -> None:
        """Move to a device."""
        self._recordings = [tuple(part.to(device) for part in r) for r in self._recordings]

    def batches(self, generator: torch.Generator) -> Iterator[tuple[Tensor, ...]]:
        """Yield (x, target, weight, first) as `CarriedObjective` takes them, `n_batches` of them."""
        shift = int(torch.randint(0, self._carry, (1,), generator=generator))
        starts = [(i, k * self._carry - (shift if n > 1 else 0)) for i, n in enumerate(self._count) for k in range(n)]
        order = [starts[k] for k in torch.randperm(len(starts), generator=generator).tolist()]
        for group in range(0, len(order), self._rows):
            rows = [self._sequence(i, at) for i, at in order[group : group + self._rows]]
            parts = [torch.stack(part) for part in zip(*rows, strict=True)]
            for k in range(0, self._carry, self._chunk):
                first = torch.full((len(rows),), k == 0, device=parts[0].device)
                yield *(part[:, k : k + self._chunk] for part in parts), first

    def _sequence(self, i: int, at: int) -> list[Tensor]:
        """Return the parts of a recording from `at` on, zero where it has no samples."""
        x, target, weight = self._recordings[i]
        low, high = min(max(at, 0), len(x)), max(0, min(at + self._carry, len(x)))
        weight = weight[low:high].clone()
        if low:
            weight[: self._chunk] = 0.0
        after = self._carry - (high - low)
        return [
            F.pad(x[low:high], (0, 0, 0, after)),
            F.pad(target[low:high], (0, 0, 0, after)),
            F.pad(weight, (0, after)),
        ]


def check_chunks(chunk: int, carry: int, side_by_side: int) -> None:
    """Raise ValueError unless sequences can be cut so."""
    within("chunk", chunk, 2, 65536)
    within("side_by_side", side_by_side, 1, 1e6)
    if carry < 2 * chunk or carry % chunk:
        raise ValueError(f"carry must be a multiple of chunk ({chunk}), at least twice, got {carry}")
