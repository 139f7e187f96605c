"""NPZ files that lie, are cut off, hold code or ask for terabytes: refused in one sentence that names the file."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from learn_rt.train.gait import npz
from learn_rt.train.gait.corpus import source_of
from learn_rt.train.gait.npz import members
from learn_rt.train.gait.parameters import Parameters
from learn_rt.train.gait.published import read_weights
from learn_rt.train.gait.refine import read_raw

PARAMETERS = Parameters(("a", "b"), np.zeros(2), np.ones(2))


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (exec, ("raise SystemError('a pickle ran')",))


def npy(header: str, body: bytes = b"") -> bytes:
    text = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + body


def packed(path: Path, kind: int = zipfile.ZIP_STORED, **entries: bytes) -> Path:
    with zipfile.ZipFile(path, "w", kind) as archive:
        for name, data in entries.items():
            archive.writestr(f"{name}.npy", data)
    return path


def array(values: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, values)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (npy("{'descr': '<f4', 'fortran_order': False, 'shape': (4000000000, 60, 101), }"), "not what its header says"),
        (npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-4, 101), }", b"\0" * 64), "not an NPZ file"),
        (npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", b"\0" * 8), "expected plain numbers"),
        (npy("{'descr': '<U9', 'fortran_order': False, 'shape': (1,), }", b"\0" * 36), "expected plain numbers"),
        (npy("__import__('os').abort()"), "not an NPZ file"),
        (b"\x93NUMPY\x09\x00" + b"\0" * 60, "not an NPZ file"),
        (b"nothing of the kind", "not an NPZ file"),
        (b"", "not an NPZ file"),
        (array(np.asfortranarray(np.zeros((3, 4), np.float32))), "Fortran order"),
        (array(np.float32(3.0)[()]), "without axes"),
    ],
)
@pytest.mark.parametrize("kind", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_an_array_that_is_none_is_refused(entry: bytes, said: str, kind: int, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        members(packed(tmp_path / "bad.npz", kind, motions=entry))
    assert "bad.npz" in str(caught.value)


def test_a_pickle_is_not_run(tmp_path: Path) -> None:
    np.savez(tmp_path / "bad.npz", motions=np.array([Bomb()], dtype=object))
    for read in (source_of, lambda path: read_weights(path, PARAMETERS), lambda path: list(read_raw(path, 2))):
        with pytest.raises(ValueError, match="expected plain numbers"):
            read(tmp_path / "bad.npz")


def test_a_file_cut_off_anywhere_is_refused(tmp_path: Path) -> None:
    whole = tmp_path / "whole.npz"
    np.savez(whole, params=np.ones((3, 2), np.float32), motions=np.ones((3, 60, 101), np.float32))
    data = whole.read_bytes()
    source_of(whole)
    for end in [*range(0, 200, 13), *range(200, len(data) - 1, 9973), len(data) - 1]:
        (tmp_path / "cut.npz").write_bytes(data[:end])
        with pytest.raises(ValueError, match=r"cut\.npz"):
            source_of(tmp_path / "cut.npz")


def test_flipped_bits_never_read_beyond_the_file(tmp_path: Path) -> None:
    whole = tmp_path / "whole.npz"
    np.savez(whole, params=np.ones((2, 2), np.float32), motions=np.ones((2, 60, 101), np.float32))
    data = whole.read_bytes()
    rng = np.random.default_rng(0)
    # where headers are: the first bytes of each entry, and the directory at the end
    places = np.concatenate([np.arange(200), np.arange(len(data) - 200, len(data))])
    for _ in range(300):
        changed = bytearray(data)
        changed[rng.choice(places)] ^= 1 << int(rng.integers(8))
        (tmp_path / "flipped.npz").write_bytes(changed)
        try:
            source = source_of(tmp_path / "flipped.npz")
        except ValueError:
            continue
        for member in (source.params, source.motions):
            if member.offset is not None:
                assert member.offset + member.row_bytes * member.shape[0] <= len(data)


def test_a_compressed_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez_compressed(tmp_path / "bomb.npz", motions=np.zeros(1 << 22, np.uint8))
    monkeypatch.setattr(npz, "MAX_DECODED", 1 << 20)
    member = members(tmp_path / "bomb.npz")["motions"]
    with pytest.raises(ValueError, match="must be at most"):
        member.read()


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"params": np.ones((2, 2))}, "motions is missing"),
        ({"params": np.ones((2, 2)), "motions": np.ones((3, 60, 101))}, "must hold params"),
        ({"params": np.ones((2, 2)), "motions": np.ones((2, 59, 101))}, "must hold params"),
        ({"params": np.ones((0, 2)), "motions": np.ones((0, 60, 101))}, "must hold params"),
        (
            {"params": np.ones((2, 2)), "motions": np.ones((2, 57)), "lengths": np.ones(2, int)},
            "learn-data gait refine",
        ),
    ],
)
def test_a_file_of_something_else_is_refused(arrays: dict[str, np.ndarray], said: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", **arrays)
    with pytest.raises(ValueError, match=said):
        source_of(tmp_path / "other.npz")


@pytest.mark.parametrize(
    ("lengths", "said"),
    [([-5, 155], "whole numbers that add up"), ([10**18, 150 - 10**18], "add up"), ([75.0, 75.0], "add up")],
)
def test_lengths_that_lie_are_refused(lengths: list[float], said: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "raw.npz", params=np.ones((2, 2)), motions=np.ones((150, 57)), lengths=np.array(lengths))
    with pytest.raises(ValueError, match=said):
        list(read_raw(tmp_path / "raw.npz", 2))


@pytest.mark.parametrize(
    ("shapes", "said"),
    [
        ({}, "must hold fc.0.weight"),
        ({"fc.0.weight": (4, 4), "fc.0.bias": (4,)}, "must hold fc.0.weight"),
        ({"fc.0.weight": (8, 5), "fc.0.bias": (8,), "fc.2.weight": (101, 8), "fc.2.bias": (101,)}, "takes 4 numbers"),
        ({"fc.0.weight": (8, 4), "fc.0.bias": (8,), "fc.2.weight": (101, 9), "fc.2.bias": (101,)}, "size mismatch"),
        ({"fc.0.weight": (8, 4), "fc.0.bias": (8,), "fc.2.weight": (3, 8), "fc.2.bias": (3,)}, "gives 101"),
    ],
)
def test_weights_of_another_net_are_refused(shapes: dict[str, tuple[int, ...]], said: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "w.npz", **{name: np.ones(shape, np.float32) for name, shape in shapes.items()})
    with pytest.raises(ValueError, match=said):
        read_weights(tmp_path / "w.npz", PARAMETERS)
