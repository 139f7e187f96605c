"""NPZ files of others, read without trust: no pickles, sizes bounded before memory is taken, parts read in place."""

from __future__ import annotations

import lzma
import math
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

MAX_MEMBERS = 64
MAX_BYTES = 1 << 40  # of a stored array; it is never read as a whole
MAX_DECODED = 1 << 31  # of an array that must be decompressed as a whole
# What the reading of a damaged archive, once it is open, ends with.
DAMAGED = (
    zipfile.BadZipFile,
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,
    RuntimeError,
    ValueError,
    struct.error,
    zlib.error,
    lzma.LZMAError,
)


@dataclass(frozen=True)
class Member:
    """One array of a file: `offset` is where its plain bytes begin, None where they are compressed."""

    path: Path
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    offset: int | None

    @property
    def row_bytes(self) -> int:
        """Bytes of one entry of the first axis."""
        return int(math.prod(self.shape[1:])) * self.dtype.itemsize

    def read(self) -> NDArray[Any]:
        """Return the whole array.

        Raises: ValueError: it is larger than MAX_DECODED, or damaged; OSError.
        """
        if self.row_bytes * self.shape[0] > MAX_DECODED:
            raise ValueError(f"{self.path}: {self.name} must be at most {MAX_DECODED:,} bytes to be read as a whole")
        with self.path.open("rb") as file:
            try:
                with zipfile.ZipFile(file) as archive, archive.open(f"{self.name}.npy") as stream:
                    _header(stream)
                    data = stream.read()
            except DAMAGED as error:
                raise ValueError(f"{self.path}: {self.name} is damaged ({error})") from None
        return np.frombuffer(data, self.dtype).reshape(self.shape)


def members(path: Path) -> dict[str, Member]:
    """Return what arrays an NPZ file holds, without reading them.

    Raises: ValueError: not an NPZ file of plain arrays of numbers in C order, or one that is too large; OSError.
    """
    with path.open("rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                entries = archive.infolist()
                if len(entries) > MAX_MEMBERS:
                    raise ValueError(f"must hold at most {MAX_MEMBERS} arrays, got {len(entries)}")
                found = [_member(path, archive, entry, file) for entry in entries]
            return {member.name: member for member in found}
        except DAMAGED as error:
            raise ValueError(f"{path}: not an NPZ file of plain arrays ({error})") from None


def _member(path: Path, archive: zipfile.ZipFile, entry: zipfile.ZipInfo, file: IO[bytes]) -> Member:
    name = entry.filename.removesuffix(".npy")
    with archive.open(entry) as stream:
        shape, dtype = _header(stream)
        start = stream.tell()
    if entry.file_size != start + math.prod(shape) * dtype.itemsize or entry.file_size > MAX_BYTES:
        raise ValueError(f"{name} has {entry.file_size:,} bytes, which is not what its header says")
    if entry.compress_type != zipfile.ZIP_STORED:
        return Member(path, name, shape, dtype, None)
    offset = _data_offset(file, entry) + start
    if offset + entry.file_size - start > path.stat().st_size:
        raise ValueError(f"{name} is cut off")
    return Member(path, name, shape, dtype, offset)


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = np.lib.format.read_magic(stream)
    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}.get(version)
    if read is None:
        raise ValueError(f"an array of format {version}")
    shape, fortran, dtype = read(stream)
    if dtype.hasobject or dtype.kind not in "fiu" or dtype.itemsize > 8:
        raise ValueError(f"an array of {dtype}: expected plain numbers")
    if (fortran and len(shape) > 1) or len(shape) == 0:
        raise ValueError("an array in Fortran order or without axes: save it with np.ascontiguousarray")
    return shape, dtype


def _data_offset(file: IO[bytes], entry: zipfile.ZipInfo) -> int:
    """Return where an entry's bytes begin: behind its local header, whose name and extra field have their own sizes."""
    file.seek(entry.header_offset)
    local = file.read(30)
    signature, name, extra = local[:4], *struct.unpack("<HH", local[26:30])
    if signature != b"PK\x03\x04":
        raise ValueError("a local header is missing")
    return entry.header_offset + 30 + int(name) + int(extra)
