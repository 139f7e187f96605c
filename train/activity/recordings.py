"""What learn-data writes and training reads: one folder a dataset, one file a subject, dataset.json beside them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from learn_rt.jsonread import read_dataclass

FORMAT = "learn_rt.activity/1"
UNLABELLED = -1


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel of the sensor. Its sensor is what stands before the underscore: acc of acc_x."""

    name: str
    unit: str

    @property
    def sensor(self) -> str:
        return self.name.split("_")[0]


@dataclass(frozen=True, slots=True)
class Description:
    """What all recordings of a dataset have in common."""

    layout: str  # where it came from: mmfit or utd
    rate_hz: float
    channels: tuple[Channel, ...]
    joints: tuple[str, ...]  # of the limb that wears the sensor, from the trunk outwards
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        if not 1 <= self.rate_hz <= 10_000:
            raise ValueError(f"rate_hz must be 1 to 10,000, got {self.rate_hz:g}")
        for what in ("channels", "joints", "classes"):
            names = [getattr(item, "name", item) for item in getattr(self, what)]
            if not names or len(set(names)) != len(names):
                raise ValueError(f"{what} must be distinct and at least one, got {names}")


@dataclass(frozen=True, slots=True)
class Recording:
    """One subject's samples, sensor and pose on one clock; `offsets` bounds stretches without a gap (clips).

    Shapes: imu (n, channels) float32; pose (n, joints, 3) and origin (n, 3) float32 [m], the mid-hip; posed (n,) bool,
    false where the camera saw nothing and the pose only stands for it; label (n,) int16, -1 where there is none.
    """

    imu: NDArray[np.float32]
    pose: NDArray[np.float32]
    origin: NDArray[np.float32]
    posed: NDArray[np.bool_]
    label: NDArray[np.int16]
    offsets: NDArray[np.int64]

    def check(self, description: Description, name: str) -> None:
        """Raises: ValueError: shapes, labels or offsets that do not fit each other, or a value that is not finite."""
        n, d = len(self.imu), description
        want = {"imu": (n, len(d.channels)), "pose": (n, len(d.joints), 3), "origin": (n, 3), "posed": (n,)}
        for key, shape in (want | {"label": (n,)}).items():
            value = getattr(self, key)
            if value.shape != shape:
                raise ValueError(f"{name}: {key} must have shape {shape}, got {value.shape}")
            if value.dtype.kind == "f" and not np.isfinite(value).all():
                raise ValueError(f"{name}: {key} holds {np.count_nonzero(~np.isfinite(value))} values not finite")
        if n == 0 or self.label.min() < UNLABELLED or self.label.max() >= len(d.classes):
            raise ValueError(f"{name}: labels must be -1 to {len(d.classes) - 1} and there must be samples")
        if self.offsets[0] != 0 or self.offsets[-1] != n or (np.diff(self.offsets) <= 0).any():
            raise ValueError(f"{name}: offsets must rise from 0 to {n}")


def join(clips: Sequence[Recording]) -> Recording:
    """Return clips of one subject as one recording."""
    arrays = {
        key: np.concatenate([getattr(c, key) for c in clips]) for key in ("imu", "pose", "origin", "posed", "label")
    }
    lengths = np.concatenate([np.diff(c.offsets) for c in clips])
    return Recording(**arrays, offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))


def check_all(description: Description, subjects: dict[str, Recording]) -> dict[str, Any]:
    """Return a dataset's manifest without the files' hashes. Raises: ValueError: a recording that is not in order."""
    entries = {}
    for name, recording in sorted(subjects.items()):
        recording.check(description, name)
        entries[name] = {
            "samples": len(recording.imu),
            "clips": len(recording.offsets) - 1,
            "posed": round(float(recording.posed.mean()), 4),
            "labelled": round(float((recording.label != UNLABELLED).mean()), 4),
        }
    return {"format": FORMAT, **asdict(description), "subjects": entries}


def write_dataset(folder: Path, description: Description, subjects: dict[str, Recording]) -> dict[str, Any]:
    """Write a dataset and return its manifest (dataset.json's content), which is written last.

    Raises: ValueError: a recording that is not in order, or a folder that holds something else; OSError.
    """
    manifest = check_all(description, subjects)
    folder.mkdir(parents=True, exist_ok=True)
    listed = folder / "dataset.json"
    if any(folder.iterdir()) and not listed.is_file():
        raise ValueError(f"{folder} holds something other than a dataset: choose another --out")
    listed.unlink(missing_ok=True)
    for old in folder.glob("*.npz"):
        old.unlink()
    for name, recording in subjects.items():
        path = folder / f"{name}.npz"
        with path.open("wb") as file:
            np.savez(file, **{key: getattr(recording, key) for key in Recording.__slots__})
        manifest["subjects"][name]["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    staged = folder / f".dataset.tmp-{os.getpid()}"
    staged.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    staged.replace(listed)
    return manifest


def read_dataset(folder: Path, names: Sequence[str] | None = None) -> tuple[Description, dict[str, Recording], str]:
    """Return (description, subject -> recording, hash of all files); only the subjects in `names` where given.

    Raises: ValueError: not a dataset of learn-data, or damaged; OSError.
    """
    path = folder / "dataset.json"
    if not path.is_file():
        raise ValueError(f"{folder} holds no dataset.json: write the data with learn-data activity")
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}") from None
    if not isinstance(manifest, dict) or manifest.pop("format", None) != FORMAT:
        raise ValueError(f'{path}: "format" must be "{FORMAT}"')
    entries = manifest.pop("subjects", None)
    if not isinstance(entries, dict) or not entries:
        raise ValueError(f"{path} names no subjects")
    description = read_dataclass(Description, manifest, str(path))
    digest, subjects = hashlib.sha256(), {}
    for name in sorted(entries):
        stated = str(entries[name].get("sha256")) if isinstance(entries[name], dict) else ""
        digest.update(f"{name} {stated}\n".encode())
        if names is None or name in names:
            subjects[name] = _read(folder / f"{name}.npz", stated)
            subjects[name].check(description, name)
    return description, subjects, digest.hexdigest()


def _read(path: Path, sha256: str) -> Recording:
    if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        raise ValueError(f"{path} is not the file that dataset.json tells of: write the data again")
    with np.load(path, allow_pickle=False) as arrays:
        return Recording(**{key: arrays[key] for key in Recording.__slots__})
