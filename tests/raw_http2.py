"""HTTP/2 by hand: what a client sends when it is none, or stops in the middle."""

from __future__ import annotations

import contextlib
import socket
import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS_FRAME, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM, END_HEADERS = 1, 4


def frame(kind: int, flags: int, stream: int, payload: bytes = b"", length: int | None = None) -> bytes:
    """Return an HTTP/2 frame; `length` is what its header claims."""
    size = len(payload) if length is None else length
    return struct.pack(">I", size)[1:] + struct.pack(">BBI", kind, flags, stream) + payload


SETTINGS = frame(SETTINGS_FRAME, 0, 0)


def field(name: bytes, value: bytes) -> bytes:
    """Return a header field for HPACK: literal, not indexed, no Huffman code."""
    return b"\0" + _text(name) + _text(value)


def fields(method: str, *more: tuple[bytes, bytes]) -> bytes:
    """Return the header block of a gRPC call of "/SERVICE/METHOD"."""
    pairs = [(b":method", b"POST"), (b":scheme", b"http"), (b":path", method.encode()), (b":authority", b"localhost")]
    pairs += [(b"te", b"trailers"), (b"content-type", b"application/grpc"), *more]
    return b"".join(field(name, value) for name, value in pairs)


def call(method: str, stream: int = 1, *more: tuple[bytes, bytes]) -> bytes:
    """Return the HEADERS frame that begins a gRPC call."""
    return frame(HEADERS, END_HEADERS, stream, fields(method, *more))


def message(body: bytes, stream: int = 1, flags: int = 0) -> bytes:
    """Return a DATA frame with one gRPC message."""
    return frame(DATA, flags, stream, b"\0" + struct.pack(">I", len(body)) + body)


def until_frames(peer: socket.socket, kind: int, n: int, kept: bytearray) -> bool:
    """Read until `n` frames of a kind have come in all of what was `kept`. False: the peer hung up."""
    while _count(kept, kind) < n:
        with contextlib.suppress(ConnectionResetError):
            if came := peer.recv(65536):
                kept += came
                continue
        return False
    return True


def _count(data: bytearray, kind: int) -> int:
    found, at = 0, 0
    while at + 9 <= len(data):
        size = int.from_bytes(data[at : at + 3], "big")
        found += data[at + 3] == kind and at + 9 + size <= len(data)
        at += 9 + size
    return found


def _text(text: bytes) -> bytes:
    if len(text) < 127:
        return bytes([len(text)]) + text
    left, size = len(text) - 127, b"\x7f"
    while left >= 128:
        size += bytes([left % 128 + 128])
        left //= 128
    return size + bytes([left]) + text
