"""The loop one would write for `target=error`: windows from memory, or one file a sample through a DataLoader."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset


@dataclass(frozen=True)
class Took:
    """Seconds of an epoch: on the clock, and of all CPU cores together."""

    wall: float
    cpu: float


class Net(nn.Module):
    """Linear, LayerNorm, ReLU, LSTM, Linear, of normalised windows."""

    def __init__(self, n_in: int, hidden: int) -> None:
        super().__init__()
        self.front = nn.Sequential(nn.Linear(n_in, 32), nn.LayerNorm(32), nn.ReLU())
        self.lstm = nn.LSTM(32, hidden, 2, batch_first=True)
        self.head = nn.Linear(hidden, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, 2) from (batch, window, n_in)."""
        answer: Tensor = self.head(self.lstm(self.front(x))[0][:, -1])
        return answer


class Files(Dataset[tuple[Tensor, Tensor]]):
    """One file a sample."""

    def __init__(self, folder: Path, n: int) -> None:
        self._paths = [folder / f"sample_{i:05d}.pt" for i in range(n)]

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, i: int) -> tuple[Tensor, Tensor]:
        sample = torch.load(self._paths[i], weights_only=True)
        return sample["input_features"], sample["targets"]


def from_memory(windows: Tensor, targets: Tensor, batch: int, hidden: int, epochs: int) -> list[Took]:
    """Train on shuffled windows (n, window, n_in) that are one tensor."""

    def batches() -> Iterable[tuple[Tensor, Tensor]]:
        order = torch.randperm(len(windows))
        for i in range(len(windows) // batch):
            chosen = order[i * batch : (i + 1) * batch]
            yield windows[chosen], targets[chosen]

    return _train(Net(windows.shape[2], hidden), batches, epochs)


def already_in_place(windows: Tensor, targets: Tensor, batch: int, hidden: int, epochs: int) -> list[Took]:
    """Train on one batch again and again, as many times as there are batches: the computation alone."""
    one = windows[:batch].clone(), targets[:batch].clone()
    return _train(Net(windows.shape[2], hidden), lambda: [one] * (len(windows) // batch), epochs)


def from_files(folder: Path, n: int, batch: int, n_in: int, hidden: int) -> list[Took]:
    """Train an epoch on files through a DataLoader in this process."""
    loader = DataLoader(Files(folder, n), batch_size=batch, shuffle=True, drop_last=True)
    return _train(Net(n_in, hidden), lambda: loader, 1)


def _train(net: Net, batches, epochs: int) -> list[Took]:  # type: ignore[no-untyped-def]
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=1e-4)
    took = []
    for _ in range(epochs):
        wall, cpu = time.perf_counter(), time.process_time()
        for x, y in batches():
            difference = net(x) - y
            loss = 0.7 * difference.abs().mean() + 0.3 * difference.square().mean()
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
        took.append(Took(time.perf_counter() - wall, time.process_time() - cpu))
    return took
