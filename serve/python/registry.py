"""Which model folders a repository holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from learn_rt import _serve


@dataclass(frozen=True, slots=True)
class VersionFolder:
    """One version of a model, `<repository>/<name>/<version>`."""

    name: str
    version: int
    path: Path


def scan(repository: Path, wanted: Sequence[str] = ()) -> list[VersionFolder]:
    """Return the newest version of each model, or the `wanted` ones: NAME (its newest) or NAME/VERSION.

    Hidden folders are left out: an export in progress is one.

    Raises: ValueError: no such folder, no model in it, a wanted model or version that is not there, or one model's
    folder instead of the repository.
    """
    if not repository.is_dir():
        raise ValueError(f"{repository}: no such folder")
    if _serve.version_folders(repository):
        raise ValueError(f"{repository} is one model's folder: give the repository that holds it, {repository.parent}")
    models = {name: _serve.version_folders(repository / name) for name in _serve.model_folders(repository)}
    if not models:
        raise ValueError(f"{repository} holds no model: one is a folder <name>/<version>/, written by learn-export")
    return [_choose(repository, models, text) for text in dict.fromkeys(wanted or models)]


def _choose(repository: Path, models: dict[str, list[int]], text: str) -> VersionFolder:
    name, _, number = text.partition("/")
    if name not in models:
        raise ValueError(f"{repository} holds no model {name!r}; it holds {', '.join(models)}")
    version = next((v for v in models[name] if str(v) == number), None) if number else models[name][-1]
    if version is None:
        raise ValueError(
            f"{repository / name} holds no version {number!r}; it holds {', '.join(map(str, models[name]))}"
        )
    return VersionFolder(name, version, repository / name / str(version))
