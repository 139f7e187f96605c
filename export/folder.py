"""The model folder on disk: versions appear whole or not at all, and the files of one never change.

<repo>/<name>/config.pbtxt and <repo>/<name>/<version>/{..., SHA256SUMS}. Files are staged in <repo>/<name>/.tmp-*,
synced, and the folder is moved to its number in one rename. A format is added to a version by swapping its folder with
a staged one that holds the same files and the new one. One exporter at a time holds <repo>/<name>/.lock.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from learn_rt.export.config_pbtxt import check_config, config_pbtxt
from learn_rt.export.exchange import exchange
from learn_rt.spec import Spec

SUMS = "SHA256SUMS"


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


def write_sums(folder: Path) -> None:
    """Write SHA256SUMS for all files of a folder."""
    _write(folder / SUMS, _sums_text({p.name: _sha256(p) for p in sorted(folder.iterdir())}))


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
    """Add the staged files that the version folder `target` lacks; return their names.

    Raises: OSError: the file system cannot swap two folders; ValueError: the folder is not as its SHA256SUMS says.
    """
    sums = read_sums(target)
    new = [p.name for p in sorted(stage.iterdir()) if p.name not in sums]
    if not new:
        return []
    for name in sums:
        (stage / name).unlink(missing_ok=True)
        _link(target / name, stage / name)
    sums |= {name: _sha256(stage / name) for name in new}
    _write(stage / SUMS, _sums_text(sums))
    for name in new:
        _sync(stage / name)
    _sync(stage)
    exchange(stage, target)
    _sync(target.parent)
    return new


def _link(there: Path, here: Path) -> None:
    """Give a file a second name; a copy where links to another's files are not allowed."""
    try:
        here.hardlink_to(there)
    except OSError:
        shutil.copyfile(there, here)
        _sync(here)


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
