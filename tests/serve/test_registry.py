"""Which folders of a repository are served."""

from __future__ import annotations

from pathlib import Path

import pytest

from learn_rt.serve.registry import VersionFolder, scan


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two models; and what an export leaves, or a person."""
    for folder in ("a/1", "a/2", "a/10", "b/3", ".tmp-x/1", "a/.tmp-y", "a/2.tmp", "a/007", "a/0", "notes/old", "a/²"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "README").touch()
    return tmp_path


def test_the_newest_version_of_each_model_is_served(repository: Path) -> None:
    a, b = repository / "a" / "10", repository / "b" / "3"
    assert scan(repository) == [VersionFolder("a", 10, a), VersionFolder("b", 3, b)]


def test_a_model_and_a_version_can_be_asked_for(repository: Path) -> None:
    assert [(f.name, f.version) for f in scan(repository, ["b", "a/2", "a", "b"])] == [("b", 3), ("a", 2), ("a", 10)]


@pytest.mark.parametrize("wanted", ["c", "a/3", "a/007", "a/0", "a/2.tmp", ".tmp-x", "notes"])
def test_what_is_no_version_is_refused(repository: Path, wanted: str) -> None:
    with pytest.raises(ValueError, match="holds no"):
        scan(repository, [wanted])
