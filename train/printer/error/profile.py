"""What the time of training goes into, by torch's profiler."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from torch import Tensor
from torch.profiler import profile

Batch = tuple[Tensor, ...]


def profiled(batches: Iterable[Batch], n: int, path: Path) -> Iterator[Batch]:
    """Yield batches; of what the loop does with the first n, write a table of operators to `path`."""
    profiler, running = profile(), True
    profiler.start()
    for i, batch in enumerate(batches):
        if running and i == n:
            running = False
            _write(profiler, path)
        yield batch
    if running:
        _write(profiler, path)


def _write(profiler: profile, path: Path) -> None:
    profiler.stop()
    path.write_text(profiler.key_averages().table(sort_by="self_cpu_time_total", row_limit=30), encoding="utf-8")
