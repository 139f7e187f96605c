"""Truncated backpropagation: sequences hold every sample once, in order, and the state goes on between chunks."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from learn_rt.train.core.carried import CarriedObjective, Chunks, States, check_chunks


def recording(n: int, start: float) -> tuple[Tensor, Tensor, Tensor]:
    """Samples that count up from `start`, targets of the same size, and weights."""
    x = torch.arange(n * 1.0)[:, None] + start
    return x, 10 * x, torch.ones(n)


def weighted(chunks: Chunks, seed: int = 1) -> list[float]:
    """Every sample that has weight, in the order of training."""
    return [v for x, _, w, _ in chunks.batches(torch.Generator().manual_seed(seed)) for v in x[..., 0][w > 0].tolist()]


def test_chunks_of_a_sequence_follow_each_other_and_hold_every_sample() -> None:
    data = [recording(300, 1000), recording(90, 5000)]
    chunks = Chunks(data, chunk=16, carry=64, side_by_side=3)
    before: Tensor | None = None
    batches = list(chunks.batches(torch.Generator().manual_seed(1)))
    assert len(batches) == chunks.n_batches
    for x, target, _, first in batches:
        assert torch.equal(target, 10 * x)
        assert bool(first.all()) or not bool(first.any())
        if not first[0]:
            assert before is not None
            both = (before[:, 0] > 0) & (x[:, 0, 0] > 0)
            assert torch.equal(x[both, 0, 0], before[both, 0] + 1)
        before = x[:, -1]
    seen, every = weighted(chunks), {float(v) for x, *_ in data for v in x[:, 0]}
    assert len(seen) == len(set(seen))
    assert set(seen) <= every
    # what is missing warms up sequences that begin inside a recording: 16 samples each
    assert len(every - set(seen)) == 16 * 6


def test_a_recording_that_fits_is_not_cut_and_its_own_weights_hold() -> None:
    x, target, weight = recording(60, 1000)
    weight[:7] = 0.0
    chunks = Chunks([(x, target, weight)], chunk=16, carry=64, side_by_side=3)
    assert chunks.n_batches == 4
    for seed in range(3):
        assert weighted(chunks, seed) == x[7:, 0].tolist()


class Sum(nn.Module):
    """Answers scale * everything so far."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(2.0))

    def run(self, x: Tensor, states: States | None) -> tuple[Tensor, States]:
        total = x.cumsum(1) * self.scale + (0.0 if states is None else states[0])
        return total, (total[:, -1:],)


def test_the_state_goes_on_but_gradients_end_at_the_chunk() -> None:
    net = Sum()
    objective, ones = CarriedObjective(net, net.run, lambda d: d), torch.ones(1, 3, 1)
    target, weight = torch.zeros(1, 3, 1), torch.tensor([[0.0, 0.0, 1.0]])
    losses, slopes = [], []
    for first in (True, False, False, True):
        loss = objective(ones, target, weight, torch.tensor([first]))
        (slope,) = torch.autograd.grad(loss, net.scale)
        losses.append(float(loss.detach() * 3))
        slopes.append(float(slope * 3))
    assert losses == [6.0, 12.0, 18.0, 6.0]
    assert slopes == [3.0, 3.0, 3.0, 3.0]


@pytest.mark.parametrize(("chunk", "carry"), [(16, 40), (16, 16), (1, 8)])
def test_sequences_are_whole_chunks(chunk: int, carry: int) -> None:
    with pytest.raises(ValueError, match="chunk"):
        check_chunks(chunk, carry, 4)
