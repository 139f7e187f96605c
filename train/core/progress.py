"""Progress on stderr: a bar with rate and time left where there is a terminal, else a line every few seconds."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

REDRAW_S = 0.1  # a bar that moves oftener costs time and shows nothing more
LINE_S = 2.0  # between lines: ten thousand quick epochs are not ten thousand lines


class Progress:
    """Shows batches as they are taken and epochs' figures when they end."""

    def __init__(self, what: str, first_epoch: int, n_epochs: int, n_batches: int, quiet: bool = False) -> None:
        self._what, self._n_epochs, self._n_batches = what, n_epochs, n_batches
        self._first, self._started = first_epoch, time.monotonic()
        self._drawn = self._said = 0.0
        self._console = Console(stderr=True, highlight=False, quiet=quiet)
        self._bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[figures]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self._console,
            disable=quiet or not self._console.is_terminal,
            auto_refresh=False,
        )
        self._task = self._bars.add_task(what, total=n_epochs * n_batches, figures="")

    def __enter__(self) -> Progress:
        self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._bars.stop()

    def batches(self, epoch: int, batches: Iterable[Any]) -> Iterator[Any]:
        """Yield an epoch's batches, moving the bar."""
        if self._bars.disable:
            yield from batches
            return
        for i, batch in enumerate(batches):
            yield batch
            if time.monotonic() - self._drawn > REDRAW_S:
                self._draw(epoch * self._n_batches + i + 1)

    def say(self, epoch: int, line: dict[str, Any]) -> None:
        """Print an epoch's figures, with the rate and the time left; not oftener than every two seconds."""
        now, last = time.monotonic(), epoch + 1 == self._n_epochs
        if last and not self._bars.disable:
            self._draw(self._n_epochs * self._n_batches)
        if now - self._said < LINE_S and not last:
            return
        self._said = now
        figures = "  ".join(f"{k} {v:.4g}" for k, v in line.items() if k not in ("epoch", "lr"))
        rate = (epoch + 1 - self._first) * self._n_batches / max(now - self._started, 1e-9)
        left = (self._n_epochs - epoch - 1) * self._n_batches / rate
        speed = f"{rate:.3g} batches/s" + ("" if last else f"  {int(left) // 60}:{int(left) % 60:02d} left")
        self._bars.console.print(f"{self._what} {epoch + 1}/{self._n_epochs}  {figures}  {speed}", soft_wrap=True)

    def _draw(self, done: int) -> None:
        self._drawn = time.monotonic()
        epoch = min(self._n_epochs, -(-done // self._n_batches))
        speed = self._bars.tasks[0].speed
        figures = f"{speed:.3g} batches/s" if speed else ""
        self._bars.update(
            self._task, completed=done, description=f"{self._what} {epoch}/{self._n_epochs}", figures=figures
        )
        self._bars.refresh()
