"""What a client may take, on `learn-serve`'s command line."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, TypeVar

Number = TypeVar("Number", int, float)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that `options` reads."""
    group = parser.add_argument_group("limits", "docs/security.md; 0: none, where no default is told")

    def add(name: str, read: Any, default: float, metavar: str, help: str) -> None:
        group.add_argument(name, type=read, default=default, metavar=metavar, help=help)

    add("--max-streams", _positive, 256, "N", "open at once; default 256")
    add("--max-streams-of-host", _count, 0, "N", "of them from one address of the network")
    add("--stream-idle-s", _idle, 0.0, "S", "a stream that was silent for so long may lose its place to another")
    add("--max-rate", _rate, 0.0, "HZ", "samples a second of a gRPC stream, on average over a second")
    add("--max-sequences", _positive, 256, "N", "of ModelInfer, open at once; default 256")
    add("--sequence-idle-s", _lasting, 60.0, "S", "one without samples for so long may be dropped; default 60")
    megabytes = "of messages under way, over all connections; default a quarter of the memory, at most 1024"
    add("--max-buffer-mb", _megabytes, 0, "MB", megabytes)


def options(args: argparse.Namespace) -> dict[str, Any]:
    """Return the server's keywords."""
    names = ("max_streams", "max_streams_of_host", "stream_idle_s", "max_rate", "max_sequences", "sequence_idle_s")
    return {name: getattr(args, name) for name in (*names, "max_buffer_mb")}


def checked(text: str, read: Callable[[str], Number], holds: Callable[[Number], bool], wanted: str) -> Number:
    """Return the number that a text is. Raises: ArgumentTypeError: what it must be."""
    try:
        if holds(value := read(text)):
            return value
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"must be {wanted}, got {text!r}")


def _positive(text: str) -> int:
    return checked(text, int, lambda n: n >= 1, "a whole number of at least 1")


def _count(text: str) -> int:
    return checked(text, int, lambda n: n >= 0, "a whole number of at least 0")


def _lasting(text: str) -> float:
    return checked(text, float, lambda s: 0.001 <= s <= 86400, "0.001 to 86400 seconds")


def _idle(text: str) -> float:
    return checked(text, float, lambda s: 0 <= s <= 86400, "0 to 86400 seconds")


def _rate(text: str) -> float:
    return checked(text, float, lambda hz: hz == 0 or 1 <= hz <= 1e9, "0 or 1 to 1e9 Hz")


def _megabytes(text: str) -> int:
    return checked(text, int, lambda mb: mb == 0 or 32 <= mb <= 1 << 20, "0 or at least 32 MB: two messages")
