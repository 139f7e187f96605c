"""How many samples a stateful model remembers: after so many in common, two different histories give one answer."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from learn_rt.export.bake import zero_states
from learn_rt.layout import pieces
from learn_rt.spec import Spec
from learn_rt.train.core.servable import Servable


def forgetting(reference: Servable, held_out: NDArray[np.float32], spec: Spec, tolerance: float) -> int | None:
    """Return the forgetting length [samples], or None when the sequences end before the histories agree.

    Every held-out sequence is answered after each of several histories: none (zero states), two other sequences, and
    the trained ranges' lower and upper ends standing for a sequence's length. From the sample of that number on, all
    answers agree within `tolerance`. So many samples, the one to be answered among them, make another stream's answers.

    Args: reference: the module in float64; held_out: (n, samples, n_features).
    """
    x = torch.from_numpy(held_out).double()
    with torch.no_grad():
        cold, _ = _run(reference, x, [s.double() for s in zero_states(reference, len(x))])
        length = 1
        for history in _histories(x, spec):
            _, states = _run(reference, history, [s.double() for s in zero_states(reference, len(x))])
            answers, _ = _run(reference, x, states)
            differ = ((answers - cold).abs() > tolerance).any(2).any(0).nonzero()
            if len(differ):
                length = max(length, int(differ[-1]) + 2)  # the answer after the last that differs, counted from 1
    return length if length <= x.shape[1] else None


def _histories(x: Tensor, spec: Spec) -> Iterator[Tensor]:
    yield x.roll(1, 0)
    yield x.roll(len(x) // 2, 0).flip(1)
    for end in range(2):
        ends = [
            [
                (s.range_trained[end] - offset) / scale if s.range_trained else float("nan")
                for scale, offset in zip(s.scales, s.offsets, strict=True)
            ]
            for s in spec.inputs
        ]
        sample = [value for p in pieces(spec.inputs) for value in ends[p.signal]]
        extreme = (x.amax((0, 1)) if end else x.amin((0, 1))).where(torch.tensor(sample).isnan(), torch.tensor(sample))
        yield extreme.double().expand_as(x)


def _run(module: Servable, x: Tensor, states: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
    """Return the answers (n, samples, n_outputs) and the last states."""
    answers = []
    for sample in x.unbind(1):
        answer, *states = module.step(sample, *states)
        answers.append(answer)
    return torch.stack(answers, 1), states
