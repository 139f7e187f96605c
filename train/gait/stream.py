"""Sequences from disk to the optimizer, in bounded memory: two pools, one being trained on while the other fills."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from learn_rt.train.gait.corpus import Corpus, Run
from learn_rt.train.gait.pose import N_POSE
from learn_rt.train.gait.refine import FRAMES_A_CYCLE, N_FRAMES

TOGETHER = 8  # batches whose rows are gathered in one go: that takes half the time


@dataclass
class Pool:
    """Sequences in memory: params (n, P), motions (n, 60, 101), float32."""

    params: Tensor
    motions: Tensor

    def rows(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Return samples (b, P + 1), parameters and phase, and poses (b, 101) of frames (b,), 60 to a sequence."""
        sequence = torch.div(frames, N_FRAMES, rounding_mode="floor")
        # A whole number of cycles makes no difference, but float32 is finest near zero.
        phase = (frames % FRAMES_A_CYCLE).to(torch.float32).unsqueeze(1) * (1.0 / FRAMES_A_CYCLE)
        return torch.cat([self.params[sequence], phase], 1), self.motions.view(-1, N_POSE)[frames]

    def to(self, device: torch.device) -> Pool:
        """Return the pool on a device."""
        return Pool(self.params.to(device), self.motions.to(device))


class Stream:
    """The training part of a corpus, epoch after epoch.

    Runs of sequences are drawn in an order that (seed, epoch) decides, from all files; frames are shuffled within a
    pool of `capacity` sequences. A corpus that fits into one pool is read once and stays.
    """

    def __init__(self, corpus: Corpus, runs: Sequence[Run], capacity: int, n_sequences: int, seed: int) -> None:
        """Args: n_sequences: of an epoch, at most; 0: all."""
        self._corpus, self._runs, self._seed = corpus, list(runs), seed
        there = sum(run.count for run in runs)
        self.n_sequences = min(n_sequences or there, there)
        self._resident = there <= capacity and self.n_sequences == there
        self.capacity = min(max(capacity, max(run.count for run in runs)), there)
        self.device = torch.device("cpu")
        self._buffers: list[Pool] = []
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="gait-reader")
        self._ahead: tuple[int, Future[Pool]] | None = None  # the first pool of the epoch that comes next

    @property
    def n_bytes(self) -> int:
        """Memory of the pools."""
        row = 4 * (len(self._corpus.parameters) + N_FRAMES * N_POSE)
        return self.capacity * row * (1 if self._resident else 2)

    def pools(self, epoch: int) -> Iterator[Pool]:
        """Yield an epoch's pools. A pool is valid until the next but one is asked for."""
        if self._resident:
            if not self._buffers:
                self._buffers = [self._fill(self._buffer(), self._runs).to(self.device)]
            yield self._buffers[0]
            return
        while len(self._buffers) < 2:
            self._buffers.append(self._buffer())
        plan = self._plan(epoch)
        if self._ahead and self._ahead[0] == epoch:
            coming = self._ahead[1]
        else:
            self._settle()
            coming = self._reader.submit(self._fill, self._buffers[0], plan[0])
        self._ahead = None
        for i in range(len(plan)):
            pool = coming.result()
            following = self._other(pool)
            if i + 1 < len(plan):
                coming = self._reader.submit(self._fill, following, plan[i + 1])
            else:
                first = self._plan(epoch + 1)[0]
                self._ahead = (epoch + 1, self._reader.submit(self._fill, following, first))
            try:
                yield pool.to(self.device)
            except GeneratorExit:
                coming.cancel()
                self._settle()
                raise

    def batches(
        self, epoch: int, batch_size: int, passes: int, generator: torch.Generator
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield samples (b, P + 1) and poses (b, 101), all of `batch_size` but the epoch's last.

        What a pass leaves over is put before the next one's frames.
        """
        rest: tuple[Tensor, Tensor] | None = None
        for pool in (pool for pool in self.pools(epoch) for _ in range(passes)):
            order = torch.randperm(len(pool.params) * N_FRAMES, generator=generator).to(self.device)
            first = 0
            if rest is not None:
                first = batch_size - len(rest[0])
                head = pool.rows(order[:first])
                rest = (torch.cat([rest[0], head[0]]), torch.cat([rest[1], head[1]]))
                if len(rest[0]) < batch_size:
                    continue
                yield rest
                rest = None
            whole = first + (len(order) - first) // batch_size * batch_size
            for start in range(first, whole, TOGETHER * batch_size):
                x, pose = pool.rows(order[start : min(start + TOGETHER * batch_size, whole)])
                yield from zip(x.split(batch_size), pose.split(batch_size), strict=True)
            if whole < len(order):
                rest = pool.rows(order[whole:])
        if rest is not None:
            yield rest

    def _settle(self) -> None:
        """Wait until no read is going on."""
        self._ahead = None
        self._reader.submit(lambda: None).result()

    def _plan(self, epoch: int) -> list[list[Run]]:
        """Return the runs of each pool of an epoch."""
        rng = np.random.default_rng((self._seed, epoch))
        order = _shuffled(self._corpus, self._runs, rng)
        pools: list[list[Run]] = [[]]
        held, left = 0, self.n_sequences
        for run in order:
            if left <= 0:
                break
            run = Run(run.source, run.start, min(run.count, left))
            if held + run.count > self.capacity:
                pools.append([])
                held = 0
            pools[-1].append(run)
            held, left = held + run.count, left - run.count
        return pools

    def _buffer(self) -> Pool:
        pinned = self.device.type == "cuda"  # copies to the device are twice as fast
        params = torch.empty(self.capacity, len(self._corpus.parameters), pin_memory=pinned)
        return Pool(params, torch.empty(self.capacity, N_FRAMES, N_POSE, pin_memory=pinned))

    def _fill(self, buffer: Pool, runs: Sequence[Run]) -> Pool:
        n = self._corpus.fill(runs, buffer.params.numpy(), buffer.motions.numpy())
        return Pool(buffer.params[:n], buffer.motions[:n])

    def _other(self, pool: Pool) -> Pool:
        """Return the buffer that a pool does not lie in."""
        return self._buffers[pool.params.data_ptr() == self._buffers[0].params.data_ptr()]


def _shuffled(corpus: Corpus, runs: Sequence[Run], rng: np.random.Generator) -> list[Run]:
    """Return the runs in random order; those of a file that must be decoded as a whole stay together."""
    groups: dict[tuple[int, int], list[Run]] = {}
    for run in runs:
        key = (run.source, run.start if corpus.sources[run.source].in_place else -1)
        groups.setdefault(key, []).append(run)
    chunks = list(groups.values())
    return [run for i in rng.permutation(len(chunks)) for run in chunks[i]]
