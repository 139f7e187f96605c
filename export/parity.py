"""How far a written file's answers may be from the module's in float64, and how far they are.

scale = max |y| of the float64 module over the held-out samples.
tolerance = max(1e-6 scale, `Servable.rounding(x)` at most), but never above 1e-5 scale.
The first term is what float32 leaves of a small recurrent net; the second is the bound 2 K eps sum |w||x| of a long
linear path, whose terms cancel, so that its error is not in proportion to its answer. See docs/model-folder.md.

A rollout's answers are made from its own answers, so what one step loses grows as the modelled system makes it grow:
its tolerance is (1 + growth) times the above, growth being by how many 1e-6 scale a change of the newest state changes
any answer, each of its numbers by 1e-6 of its own largest: what float32 may lose of it. Where that is more than 100,
float32 tells nothing of the last answers: an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from learn_rt.export.names import split
from learn_rt.spec import Kind, Spec
from learn_rt.train.core.servable import Servable

Answer = Callable[[NDArray[np.float32]], NDArray[np.float32]]  # samples (batch, ...) -> (batch, n_outputs)

BATCHES = (1, 2, 7)  # one stream, two streams, and a batch that divides nothing
MAX_CALLS = 256  # all of 1024 samples at batch 7; a window of 50 steps stays below a second
FLOOR, CEILING = 1e-6, 1e-5  # of the scale
MAX_GROWTH = 100.0


@dataclass(frozen=True, slots=True)
class Truth:
    """What the module in float64 answers: `y` (n, n_outputs); `scale` and `tolerance` in the outputs' units."""

    y: NDArray[np.float64]
    scale: float
    tolerance: float


def truth(reference: Servable, held_out: NDArray[np.float32], spec: Spec) -> Truth:
    """Return the float64 answers to the held-out samples and the tolerance they set.

    Raises: ValueError: an answer that is not finite, or no answer other than zero; a rollout that float32 cannot
    follow.
    """
    parts = [split(part, spec) for part in torch.from_numpy(held_out).double().split(256)]
    with torch.no_grad():
        y = torch.cat([reference(*part) for part in parts]).numpy()
        rounding = max(float(reference.rounding(part[0]).max()) for part in parts)
    if not np.isfinite(y).all():
        raise ValueError("the module answers held-out samples with values that are not finite")
    scale = float(np.abs(y).max())
    if scale == 0:
        raise ValueError("the module answers every held-out sample with zero: there is nothing to compare")
    tolerance = min(max(FLOOR * scale, rounding), CEILING * scale)
    if spec.kind is Kind.ROLLOUT:
        x, actions = parts[0]
        own = x[..., : spec.n_outputs].abs().amax((0, 1))
        grown = growth(reference, x, actions, FLOOR * own) / (FLOOR * scale)
        if not grown <= MAX_GROWTH:
            raise ValueError(
                f"over {spec.horizon} steps what float32 loses of a state grows {grown:.0f} times, more than "
                f"{MAX_GROWTH:.0f}: the last answers mean nothing in float32, export a shorter horizon"
            )
        tolerance *= 1 + grown
    return Truth(y, scale, three_digits(tolerance))


def growth(reference: Servable, x: Tensor, actions: Tensor, change: Tensor) -> float:
    """Return the largest change of any answer to windows whose newest state (n_states,) changed by `change`."""
    n_states = x.shape[2] - actions.shape[2]
    signs = torch.randint(0, 2, (len(x), n_states), generator=torch.Generator().manual_seed(0)) * 2 - 1
    other = x.clone()
    other[:, -1, :n_states] += change * signs
    with torch.no_grad():
        return float((reference(other, actions) - reference(x, actions)).abs().max())


def max_error(answer: Answer, held_out: NDArray[np.float32], expected: NDArray[np.float64]) -> float:
    """Return the largest |answer - expected| at batch 1, 2 and 7, in at most MAX_CALLS calls each.

    Infinite where an answer is not finite or has another shape.
    """
    worst = 0.0
    for batch in BATCHES:
        for rows in _batches(len(held_out), batch):
            y = answer(held_out[rows]).astype(np.float64)
            if y.shape != expected[rows].shape or not np.isfinite(y).all():
                return float("inf")
            worst = max(worst, float(np.abs(y - expected[rows]).max()))
    return worst


def _batches(n: int, batch: int) -> Iterator[slice]:
    """Yield slices of exactly `batch` samples, the first and the last sample among them."""
    last = max(0, n - batch)
    for start in np.unique(np.linspace(0, last, min(MAX_CALLS, -(-n // batch))).astype(int)):
        yield slice(start, start + batch)


def three_digits(value: float) -> float:
    """Return the value rounded down: not above the bound, and without the last bits, in which machines differ."""
    unit = 10.0 ** (np.floor(np.log10(value)) - 2)
    return float(f"{np.floor(value / unit) * unit:.2e}")
