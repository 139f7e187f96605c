"""The model folder on disk: versions appear whole or not at all, and the files of one never change.

<repo>/<name>/config.pbtxt and <repo>/<name>/<version>/{..., SHA256SUMS}. Files are staged in <repo>/<name>/.tmp-*,
synced, and the folder is moved to its number in one rename. Adding a file to a version moves the file in first and then
a longer SHA256SUMS over the old one; readers go by SHA256SUMS, so they see the version as it was or as it is. One
exporter at a time holds <repo>/<name>/.lock.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from learn_rt.export.config_pbtxt import check_config, config_pbtxt
from learn_rt.spec import Spec

SUMS = "SHA256SUMS"
MAX_VERSION = 10**9
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def check_name(name: str) -> str:
    """Return `name`.

    Raises: ValueError: it is not 1 to 64 ASCII letters, digits, '-' or '_', the first a letter or digit.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"name must be 1 to 64 letters, digits, '-' or '_', a letter or digit first, got {name!r}")
    return name


def check_version(version: int) -> int:
    """Return `version`.

    Raises: ValueError: it is not 1 to MAX_VERSION.
    """
    if not 1 <= version <= MAX_VERSION:
        raise ValueError(f"version must be 1 to {MAX_VERSION}, got {version}")
    return version


def versions(model: Path) -> list[int]:
    """Return the numbers of a model's versions, ascending."""
    found = [p.name for p in model.iterdir() if p.is_dir()] if model.is_dir() else []
    return sorted(int(n) for n in found if n.isascii() and n.isdigit() and n[0] != "0")


def read_sums(version: Path) -> dict[str, str]:
    """Return file name -> SHA-256 of a version folder's SHA256SUMS, checked against its files.

    Raises: ValueError: a file is missing or was changed; OSError: there is no SHA256SUMS.
    """
    sums = {}
    for line in (version / SUMS).read_text().splitlines():
        digest, _, name = line.partition("  ")
        if Path(name).name != name or not (version / name).is_file() or _sha256(version / name) != digest:
            raise ValueError(f"{version}: {name} is missing or not the file that {SUMS} names")
        sums[name] = digest
    return sums


@contextmanager
def staging(model: Path) -> Iterator[Path]:
    """Give an empty folder <model>/.tmp-* to write into, alone; it is gone afterwards unless it was published.

    What earlier exporters left when they were killed is removed. Folders made on the way are removed again when empty.
    """
    above = [p for p in (model, *model.parents) if not p.exists()]
    try:
        with _locked(model):
            for left in model.glob(".tmp-*"):
                shutil.rmtree(left)
            stage = model / f".tmp-{secrets.token_hex(8)}"
            stage.mkdir()
            try:
                yield stage
            finally:
                shutil.rmtree(stage, ignore_errors=True)
    finally:
        for folder in above:
            with suppress(OSError):  # not empty: something was published
                folder.rmdir()


def publish(stage: Path, version: int, spec: Spec) -> Path:
    """Make the staged files version `version`; return its folder.

    Raises: ValueError: config.pbtxt of the model says otherwise; FileExistsError: the version is there.
    """
    model, target = stage.parent, stage.parent / str(version)
    if target.exists():
        raise FileExistsError(f"{target} is there and is another model: leave --version out for the next number")
    sums = {p.name: _sha256(p) for p in sorted(stage.iterdir())}
    _write(stage / SUMS, _sums_text(sums))
    for name in sums:
        _sync(stage / name)
    _put_config(stage, spec)
    _sync(stage)
    stage.rename(target)
    _sync(model)
    return target


def add(stage: Path, target: Path) -> list[str]:
    """Move the staged files that `target`'s SHA256SUMS does not name into it; return their names."""
    sums = read_sums(target)
    new = [p.name for p in sorted(stage.iterdir()) if p.name not in sums]
    if not new:
        return []
    _write(stage / SUMS, _sums_text(sums | {name: _sha256(stage / name) for name in new}))
    for name in new:
        _sync(stage / name)
        (stage / name).replace(target / name)
    _sync(target)
    (stage / SUMS).replace(target / SUMS)
    _sync(target)
    return new


def _put_config(stage: Path, spec: Spec) -> None:
    config = stage.parent / "config.pbtxt"
    if not config.exists():
        _write(stage / "config.pbtxt", config_pbtxt(spec))
        (stage / "config.pbtxt").rename(config)
    check_config(config.read_text(), spec)


@contextmanager
def _locked(model: Path) -> Iterator[None]:
    """Hold <model>/.lock; the holder removes it, so whoever waited on the removed file tries again."""
    lock = model / ".lock"
    while True:
        model.mkdir(parents=True, exist_ok=True)
        try:
            held = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except FileNotFoundError:
            continue  # another exporter removed the empty folder in between
        fcntl.flock(held, fcntl.LOCK_EX)
        if lock.exists() and os.path.samestat(os.fstat(held), lock.stat()):
            break
        os.close(held)
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)
        os.close(held)


def _sums_text(sums: dict[str, str]) -> str:
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items()))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write(path: Path, text: str) -> None:
    path.write_text(text)
    _sync(path)


def _sync(path: Path) -> None:
    """Bring a file or a folder's entries to the disk."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
