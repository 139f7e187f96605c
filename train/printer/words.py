"""Words of a G-code command: a letter and a number, such as X10.5.

Public: `read_words(code, at, allowed)`, `number`, `within`, `without_checksum`.
"""

from __future__ import annotations

import re

_WORD = re.compile(r"\s*([A-Za-z])\s*([-+]?(?:\d+(?:\.\d*)?|\.\d+))", re.ASCII)
_CHECKSUM = re.compile(r"\*\s*(\d{1,3})\s*$", re.ASCII)
Words = dict[str, float]


def read_words(code: str, at: int, allowed: str) -> Words:
    """Return the words of a command from column `at` on, by letter.

    Raises: ValueError: something else than words, a letter that is not allowed, or twice the same.
    """
    words: Words = {}
    code = code.rstrip()
    while at < len(code):
        word = _WORD.match(code, at)
        if not word:
            rest = code[at:].lstrip()
            column = len(code) - len(rest) + 1
            raise ValueError(f"expected a letter and a number at column {column}, got {rest[:40]!r}")
        letter = word[1].upper()
        if letter not in allowed:
            raise ValueError(f"expected {', '.join(allowed)}, got {letter}")
        if letter in words:
            raise ValueError(f"expected {letter} once, got it again")
        words[letter] = number(word[2], letter)
        at = word.end()
    return words


def number(text: str, name: str) -> float:
    """Return the finite number in `text`, which has the form of one."""
    value = float(text)
    if not abs(value) <= 1e12:
        raise ValueError(f"expected a number within +-1e12 after {name}, got {text[:40]}")
    return value


def within(name: str, value: float, low: float, high: float) -> float:
    """Return `value`. Raises: ValueError: it is out of range."""
    if not low <= value <= high:
        raise ValueError(f"expected {name} from {low:g} to {high:g}, got {value:g}")
    return value


def without_checksum(code: str) -> str:
    """Return the line without its checksum, the exclusive or of all bytes before the star.

    Raises: ValueError: it does not match.
    """
    found = _CHECKSUM.search(code)
    if not found:
        raise ValueError(f"expected a checksum after *, got {code.strip()[:40]!r}")
    total = 0
    for byte in code[: found.start()].encode():
        total ^= byte
    if total != int(found[1]):
        raise ValueError(f"expected checksum {total}, got {found[1]}")
    return code[: found.start()]
