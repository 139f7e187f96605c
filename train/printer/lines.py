"""Lines of a text file of any size and content, in bounded memory.

Public: `read_lines(source)`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

MAX_LINE = 4096  # bytes; a comment may be longer, the rest of it is passed over


def read_lines(source: str | Path | Iterable[str]) -> Iterator[tuple[int, str, str]]:
    """Yield (number from 1, line, fault) of a path or of lines of text; `fault` says what is wrong with it, or "".

    Raises: ValueError: the file cannot be read.
    """
    if not isinstance(source, str | Path):
        for number, line in enumerate(source, 1):
            yield (number, line[:MAX_LINE], "" if len(line) <= MAX_LINE or ";" in line[:MAX_LINE] else _too_long())
        return
    try:
        with Path(source).open("rb") as file:
            number = 0
            while raw := file.readline(MAX_LINE):
                number += 1
                whole = raw.endswith(b"\n") or len(raw) < MAX_LINE
                while not whole:
                    rest = file.readline(1 << 16)
                    whole = rest.endswith(b"\n") or not rest
                    if whole:
                        break
                long = len(raw) == MAX_LINE and not raw.endswith(b"\n")
                if number == 1:
                    raw = raw.removeprefix(b"\xef\xbb\xbf")
                code, semicolon, comment = raw.partition(b";")
                if not code.isascii() or b"\0" in raw:
                    yield number, "", f"expected text, got {code[:20]!r}"
                else:
                    line = (code + semicolon + comment).decode("utf-8", "replace")
                    yield number, line, _too_long() if long and not semicolon else ""
    except OSError as error:
        raise ValueError(f"{source}: {error.strerror or error}") from None


def _too_long() -> str:
    return f"expected a line of at most {MAX_LINE} characters"
