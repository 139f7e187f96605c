"""Damaged and hostile recordings: one clear error, whatever the bytes are."""

from __future__ import annotations

import zipfile
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from learn_rt.train.table.readers import read

T = np.arange(50) * 0.01


def write(folder: Path, suffix: str) -> Path:
    path = folder / f"run{suffix}"
    if suffix == ".npz":
        np.savez(path, time=T, a=np.sin(T))
    elif suffix == ".parquet":
        parquet.write_table(pa.table({"time": T, "a": np.sin(T)}), path)
    elif suffix == ".h5":
        with h5py.File(path, "w") as file:
            file["time"], file["a"] = T, np.sin(T)
    else:
        path.write_text("time,a\n" + "".join(f"{t},{np.sin(t)}\n" for t in T))
    return path


@pytest.mark.parametrize("suffix", [".parquet", ".h5", ".npz", ".mat"])
@pytest.mark.parametrize("damage", ["cut", "noise", "empty", "text"])
def test_a_damaged_file_is_one_error(suffix: str, damage: str, tmp_path: Path) -> None:
    whole = write(tmp_path, ".h5" if suffix == ".mat" else suffix).read_bytes()
    noise = np.random.default_rng(1).integers(0, 256, len(whole), dtype=np.uint8).tobytes()
    path = tmp_path / f"bad{suffix}"
    path.write_bytes({"cut": whole[: len(whole) // 2], "noise": noise, "empty": b"", "text": b"time,a\n0,1\n"}[damage])
    with pytest.raises(ValueError, match=rf"bad\{suffix}"):
        read(path, ["a"])


def test_flipped_bytes_never_crash(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    for suffix in (".parquet", ".npz", ".csv"):
        whole = write(tmp_path, suffix).read_bytes()
        for _ in range(60):
            damaged = bytearray(whole)
            for at in random.integers(0, len(whole), 4):
                damaged[at] = random.integers(256)
            path = tmp_path / f"bad{suffix}"
            path.write_bytes(bytes(damaged))
            said = ""
            try:
                read(path, ["a"])
            except ValueError as error:
                said = str(error)
            assert said == "" or said.startswith(str(path))


def test_a_pickle_in_an_npz_is_refused_and_does_not_run(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> object:
            return (Path.touch, (tmp_path / "ran",))

    np.savez(tmp_path / "evil.npz", a=np.array([Evil()], dtype=object))
    with pytest.raises(ValueError, match=r"evil\.npz: not an NPZ file of plain arrays"):
        read(tmp_path / "evil.npz", ["a"])
    assert not (tmp_path / "ran").exists()


def test_a_small_file_that_unfolds_to_much_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "bomb.h5", "w") as file:
        file.create_dataset("a", shape=(1 << 34,), dtype="f8", chunks=(1 << 20,), compression="gzip")
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", b"")
        archive.infolist()[0].file_size = 1 << 36
        archive.filelist[0].file_size = 1 << 36
    for name in ("bomb.h5", "bomb.npz"):
        with pytest.raises(ValueError, match=rf"{name}: .* unfolds to more than 8 GiB"):
            read(tmp_path / name, ["a"])
