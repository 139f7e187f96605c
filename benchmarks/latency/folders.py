"""The models of a repository, and a repository of one's own where each has an empty model beside it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from learn_rt.spec import Spec

EMPTY_SUFFIX = "-empty"


@dataclass(frozen=True)
class ModelFolder:
    """One model: its newest version."""

    name: str
    version_folder: Path

    def spec(self) -> Spec:
        """Return its spec.

        Raises: ValueError: spec.json does not hold; OSError: it cannot be read.
        """
        return Spec.from_json((self.version_folder / "spec.json").read_bytes())


def find_models(repository: Path) -> list[ModelFolder]:
    """Return the newest version of every model in <repository>/<name>/<version>/spec.json, by name.

    Raises: ValueError: there is none.
    """
    newest: dict[str, Path] = {}
    for spec in repository.glob("*/*/spec.json"):
        folder, model = spec.parent, spec.parent.parent.name
        if folder.name.isdecimal() and (model not in newest or int(folder.name) > int(newest[model].name)):
            newest[model] = folder
    if not newest:
        raise ValueError(
            f"{repository} holds no model: <name>/<version>/spec.json is expected (learn-export writes it)"
        )
    return [ModelFolder(name, newest[name]) for name in sorted(newest)]


def demo_repository() -> Path | None:
    """Return what `make demo` left in the project that this package is run from, if it did."""
    demo = Path(__file__).resolve().parents[2] / "build" / "demo" / "models"
    return demo if any(demo.glob("*/*/spec.json")) else None


def found_by_default(own: Sequence[str]) -> tuple[list[ModelFolder], list[str]]:
    """Return what is measured when no repository is named: what `make demo` left, and of `own` what that lacks."""
    repository = demo_repository()
    models = [] if repository is None else find_models(repository)
    there = {model.name for model in models}
    return models, [name for name in own if name not in there]


def empty_name(name: str) -> str:
    """Return the name of a model's empty twin; a name has at most 64 characters."""
    return name[: 64 - len(EMPTY_SUFFIX)] + EMPTY_SUFFIX


def pair_with_empty(model: ModelFolder, repository: Path) -> tuple[ModelFolder, ModelFolder]:
    """Copy `model` into `repository` and export its empty twin beside it; return both."""
    from learn_rt.export import export_empty  # brings torch

    there = repository / model.name
    there.mkdir(parents=True)
    config = model.version_folder.parent / "config.pbtxt"
    if config.exists():
        shutil.copy2(config, there)
    copy = there / model.version_folder.name
    shutil.copytree(model.version_folder, copy)
    twin = export_empty(model.spec(), repository, empty_name(model.name))
    return ModelFolder(model.name, copy), ModelFolder(empty_name(model.name), twin)
