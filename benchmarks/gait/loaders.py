"""Usual ways to feed gait frames to an optimizer: what the stream is measured beside."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from learn_rt.train.gait.corpus import Corpus
from learn_rt.train.gait.refine import FRAMES_A_CYCLE, N_FRAMES

Batches = Iterator[tuple[Tensor, Tensor]]
PHASE = (np.arange(N_FRAMES) % FRAMES_A_CYCLE / FRAMES_A_CYCLE).astype(np.float32)[:, None]


def samples(params: np.ndarray) -> np.ndarray:
    """Return a sequence's samples (60, P + 1)."""
    return np.concatenate([np.repeat(params[None], N_FRAMES, 0), PHASE], 1, dtype=np.float32)


class FileASequence(Dataset[tuple[Tensor, Tensor]]):
    """One file a sequence: the layout that datasets of many recordings usually have."""

    def __init__(self, folder: Path) -> None:
        self._paths = sorted(folder.glob("*.npz"))

    @staticmethod
    def write(corpus: Corpus, folder: Path) -> None:
        """Write each sequence of a corpus into a file of its own."""
        params, motions = corpus.load(corpus.runs(64))
        for i, (row, motion) in enumerate(zip(params, motions, strict=True)):
            np.savez(folder / f"{i:06d}.npz", params=row, motions=motion)

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        with np.load(self._paths[index], allow_pickle=False) as file:
            return torch.from_numpy(samples(file["params"])), torch.from_numpy(file["motions"])


class FramesInMemory(Dataset[tuple[Tensor, Tensor]]):
    """Every frame a sample, all of them in memory."""

    def __init__(self, corpus: Corpus) -> None:
        params, motions = corpus.load(corpus.runs(64))
        self._x = torch.from_numpy(np.concatenate([samples(row) for row in params]))
        self._pose = torch.from_numpy(motions.reshape(len(self._x), -1))

    def __len__(self) -> int:
        return len(self._x)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self._x[index], self._pose[index]


def file_a_sequence(folder: Path, batch_size: int, workers: int) -> Batches:
    """Yield batches of about `batch_size` frames, whole sequences, for ever."""
    loader = DataLoader(FileASequence(folder), max(1, batch_size // N_FRAMES), shuffle=True, num_workers=workers)
    while True:
        for x, pose in loader:
            yield x.flatten(0, 1), pose.flatten(0, 1)


def frames_in_memory(corpus: Corpus, batch_size: int) -> Batches:
    """Yield batches of frames for ever."""
    loader = DataLoader(FramesInMemory(corpus), batch_size, shuffle=True)
    while True:
        yield from loader


def lists_of_frames(corpus: Corpus, batch_size: int) -> Batches:
    """Yield batches of frames for ever, as the original does: whole files into lists of rows, then into one array."""
    while True:
        for source in corpus.sources:
            with np.load(source.path, allow_pickle=False) as file:
                params, motions = file["params"], file["motions"]
            x_rows: list[np.ndarray] = []
            pose_rows: list[np.ndarray] = []
            for row, motion in zip(params, motions, strict=True):
                x_rows += list(samples(row))
                pose_rows += list(motion)
            x, pose = (torch.tensor(np.array(rows, np.float32)) for rows in (x_rows, pose_rows))
            for chosen in torch.randperm(len(x)).split(batch_size):
                yield x[chosen], pose[chosen]
