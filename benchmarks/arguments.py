"""What several commands of learn-bench take."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence


def above_0(text: str) -> float:
    """Return a finite number above 0.

    Raises: ArgumentTypeError: it is none.
    """
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a finite number above 0, got {text!r}")
    return value


def among(known: Sequence[str]) -> Callable[[str], list[str]]:
    """Return a reader of lists, `a,b`, of known words; it raises ArgumentTypeError for another."""

    def read(text: str) -> list[str]:
        given = text.split(",")
        if not set(given) <= set(known):
            raise argparse.ArgumentTypeError(f"must be among {','.join(known)}, got {text!r}")
        return given

    return read
