"""The folder of one run: resolved configuration, metrics by epoch, checkpoints, results, plots."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf


class RunFolder:
    """Paths and writers of a run; every file appears whole."""

    def __init__(self, root: Path, resume: bool, overwrite: bool) -> None:
        """Refuse what cannot be begun; nothing is written until `start`.

        Raises: ValueError: it holds a run already and neither resume nor overwrite is set, or there is none to resume.
        """
        self.root, self._resume = root, resume
        self.best, self.last = root / "best.ckpt", root / "last.ckpt"
        self.plots = root / "plots"
        self._top, self._epochs = root / "top", root / "epochs"
        self._metrics = root / "metrics.jsonl"
        if resume and not self.last.is_file():
            raise ValueError(f"{self.last} is not there: nothing to resume")
        if self.last.exists() and not (resume or overwrite):
            raise ValueError(f"{root} holds a run already: set resume=true, overwrite=true or another out=")

    def start(self) -> None:
        """Make the folder, and remove an earlier run from it unless this one goes on from that."""
        self.root.mkdir(parents=True, exist_ok=True)
        if not self._resume:
            for path in (self.best, self.last, self._metrics, self.root / "results.json"):
                path.unlink(missing_ok=True)
            for path in [*self._top.glob("*.ckpt"), *self._epochs.glob("*.ckpt")]:
                path.unlink()
            shutil.rmtree(self.root / "tensorboard", ignore_errors=True)

    def top(self, epoch: int) -> Path:
        """Return where one of the best checkpoints goes."""
        self._top.mkdir(exist_ok=True)
        return self._top / f"epoch-{epoch + 1:06d}.ckpt"

    def keep_top(self, epochs: Collection[int]) -> None:
        """Remove checkpoints that are no longer among the best."""
        kept = {self.top(epoch) for epoch in epochs}
        for path in set(self._top.glob("*.ckpt")) - kept:
            path.unlink()

    def epoch(self, epoch: int) -> Path:
        """Return where a checkpoint goes that stays."""
        self._epochs.mkdir(exist_ok=True)
        return self._epochs / f"epoch-{epoch + 1:06d}.ckpt"

    def write_config(self, config: dict[str, Any]) -> None:
        """Write the resolved configuration."""
        replace_text(self.root / "config.yaml", OmegaConf.to_yaml(OmegaConf.create(config)))

    def write_results(self, results: dict[str, Any]) -> None:
        """Write results.json."""
        replace_text(self.root / "results.json", json.dumps(results, indent=2) + "\n")

    def append_metrics(self, line: dict[str, Any]) -> None:
        """Append one epoch to metrics.jsonl."""
        with self._metrics.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def history(self, before_epoch: int | None = None) -> list[dict[str, Any]]:
        """Return the epochs so far.

        With `before_epoch`, later ones are dropped from the file: a resumed run writes them again.
        """
        lines = self._metrics.read_text(encoding="utf-8").splitlines() if self._metrics.exists() else []
        epochs = [json.loads(line) for line in lines]
        if before_epoch is not None:
            epochs = [e for e in epochs if e["epoch"] < before_epoch]
            replace_text(self._metrics, "".join(json.dumps(e) + "\n" for e in epochs))
        return epochs


def replace_text(path: Path, text: str) -> None:
    """Write a file; a reader sees the old one or the new one, never a part."""
    staged = path.with_name(f".{path.name}.tmp-{os.getpid()}")
    staged.write_text(text, encoding="utf-8")
    staged.replace(path)
