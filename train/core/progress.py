"""Progress on stderr: a bar for the epoch with rate and time left where there is a terminal, else a line an epoch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars


class Progress:
    """Shows batches as they are taken and an epoch's figures when it ends."""

    def __init__(self, what: str, n_epochs: int, n_batches: int) -> None:
        self._what, self._n_epochs, self._n_batches = what, n_epochs, n_batches
        self._console = Console(stderr=True, highlight=False)
        self._bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[figures]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task = self._bars.add_task(what, total=n_epochs * n_batches, figures="")

    def __enter__(self) -> Progress:
        self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._bars.stop()

    def batches(self, epoch: int, batches: Iterable[Any]) -> Iterator[Any]:
        """Yield an epoch's batches, moving the bar."""
        label = f"{self._what} {epoch + 1}/{self._n_epochs}"
        for i, batch in enumerate(batches):
            yield batch
            speed = self._bars.tasks[0].speed
            figures = f"{speed:.1f} batches/s" if speed else ""
            done = epoch * self._n_batches + i + 1
            self._bars.update(self._task, completed=done, description=label, figures=figures)

    def say(self, epoch: int, line: dict[str, Any]) -> None:
        """Print an epoch's figures."""
        figures = "  ".join(f"{k} {v:.4g}" for k, v in line.items() if k not in ("epoch", "lr"))
        self._bars.console.print(f"{self._what} {epoch + 1}/{self._n_epochs}  {figures}", soft_wrap=True)
