"""From G-code to a served model by the project's own commands, each step once for the same inputs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from learn_rt.benchmarks.printing.report import Accuracy, Parity, Train
from learn_rt.benchmarks.printing.stages import Stages, fingerprint, sources

ALWAYS_UNSEEN = "bearing"  # whatever is printed, so that every demo shares one training
OWN_MACHINE = "ender3v2"  # that the parts were sliced for; another prints them at its own limits


@dataclass(frozen=True)
class Recipe:
    """Which printer a model is trained for."""

    machine: str = OWN_MACHINE
    plant: str = "nonlinear"

    @property
    def name(self) -> str:
        """The model's name: `printer` is the one that everything is about."""
        words = ["printer"]
        words += [self.machine] if self.machine != OWN_MACHINE else []
        words += [self.plant] if self.plant != "nonlinear" else []
        return "-".join(words)

    @property
    def settings(self) -> list[str]:
        """What is set of its training. What is linear is the filters' work: the net there gets little time."""
        return ["loop.epochs=2", "stretches.train=96", "targets.effort=5e-4"] if self.plant == "linear" else []

    @property
    def file_limits(self) -> bool:
        """Whether the limits in the G-code hold."""
        return self.machine == OWN_MACHINE


class Workshop:
    """Data, runs and models under `work`, from the parts of a folder; `unseen` is kept out of every training.

    `settings` are keys of learn-train's configuration; `fresh` does everything anew; `reused` names what was not.
    """

    def __init__(
        self, work: Path, stages: Stages, parts: Path, unseen: str, *, settings: Sequence[str] = (), fresh: bool = False
    ) -> None:
        self.models = work / "models"
        self.parts = sorted(parts.glob("*.gcode"))
        self.unseen = unseen
        self.reused: set[str] = set()
        if unseen not in {p.stem for p in self.parts} or len(self.parts) < 3:
            raise ValueError(f"{parts} must hold G-code of at least three parts, {unseen}.gcode among them")
        self._work = work
        self._stages = stages
        self._fresh = fresh
        self._made: set[str] = set()  # in this run
        self._settings = list(settings)
        self._planned_by = fingerprint([*sources("learn_rt.train"), *self.parts])
        self._exported_by = fingerprint(sources("learn_rt.export"))

    def data(self, recipe: Recipe) -> Path:
        """Return the folder of the parts as that machine plans them, at the rate of the offsets."""
        folder = self._work / "data" / recipe.machine
        limits = "file" if recipe.file_limits else "machine"

        def make() -> None:
            options = ["--machine", recipe.machine, "--limits", limits]
            self._run(f"data-{recipe.machine}", "learn-data", "printer", *self.parts, "--out", folder, *options)

        self._once(f"data {recipe.machine}", self._planned_by, folder, make)
        return folder

    def train(self, recipe: Recipe) -> Train:
        """Train the recipe's model; the unseen part is the split's test part."""
        data, run = self.data(recipe), self.run_folder(recipe)
        config = [f"data={data}", f"machine={recipe.machine}", f"plant={recipe.plant}", f"out={run}"]
        config += [f"split.test=[{self.unseen}]", *recipe.settings, *self._settings]

        def make() -> None:
            self._run(f"train-{recipe.name}", "learn-train", "system=printer", "target=offset", *config)

        self._once(f"train {recipe.name}", fingerprint([], [self._planned_by, *config]), run, make)
        results = json.loads((run / "results.json").read_text())
        if self.unseen in results["split"]["train"] + results["split"]["validation"]:
            raise ValueError(f"{run}: {self.unseen} was trained on, it cannot be the unseen part")
        return Train(**results["train"], reused=f"train {recipe.name}" in self.reused)

    def accuracy(self, recipe: Recipe) -> Accuracy:
        """Evaluate the recipe's checkpoint on the unseen part's windows."""
        said = self._run(f"eval-{recipe.name}", "learn-eval", self.checkpoint(recipe), "--json")
        found = json.loads(said)
        return Accuracy(found["r2"], found["mae_um"], found["rmse_um"], found["corr"])

    def export(self, recipe: Recipe) -> tuple[Path, Parity]:
        """Export the recipe's checkpoint; return the version folder and how exact its files are."""
        key = fingerprint([self.checkpoint(recipe)], [self._exported_by])
        folder = self.models / recipe.name
        kept = self._work / "logs" / f"export-{recipe.name}.json"

        def make() -> None:
            options = ["--format", "all", "--out", str(self.models), "--name", recipe.name, "--json"]
            said = self._run(f"export-{recipe.name}", "learn-export", self.checkpoint(recipe), *options)
            kept.write_text(said)

        self._once(f"export {recipe.name}", key, folder, make)
        report = json.loads(kept.read_text())
        errors = {row["file"]: row["max_error"] for row in report["rows"]}
        return Path(report["folder"]), Parity(errors["model.onnx"], errors["model.pt"], errors["step.onnx"])

    def run_folder(self, recipe: Recipe) -> Path:
        """Return where the recipe's training keeps its files."""
        return self._work / "runs" / recipe.name

    def checkpoint(self, recipe: Recipe) -> Path:
        """Return the recipe's best checkpoint."""
        return self.run_folder(recipe) / "best.ckpt"

    def _run(self, name: str, script: str, *arguments: str | Path) -> str:
        return self._stages.run(name, script, *arguments)

    def _once(self, work: str, key: str, made: Path, make: Callable[[], Any]) -> None:
        """Do `work` unless the folder that it `made` stands, from the same inputs; what is made anew replaces it."""
        if work in self._made:
            return
        if self._stages.is_done(work, key) and made.exists() and not self._fresh:
            self.reused.add(work)
            return
        self._stages.forget(work)
        shutil.rmtree(made, ignore_errors=True)
        make()
        self._made.add(work)
        self._stages.mark_done(work, key)


def unseen_of(parts: Sequence[Path], gcode: Path) -> str:
    """Return the name of the part that is the given file, by content; else of the one that is always kept out."""
    content = gcode.read_bytes()
    return next((p.stem for p in parts if p.read_bytes() == content), ALWAYS_UNSEEN)
