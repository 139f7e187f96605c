"""The keys of a configuration as text: name, default, and the comment that stands beside it in the dataclass."""

from __future__ import annotations

import ast
import inspect
import textwrap
import typing
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

LEFT = 40  # columns before the comments


def describe(config: Any, groups: dict[str, dict[str, Any]]) -> str:
    """Return groups with their options, then every key with its value in `config` and what it means."""
    lines = ["groups (group=option; the first is the default):"]
    lines += [f"  {group}={'|'.join(options)}" for group, options in groups.items()]
    lines += ["keys (key=value):", *(f"  {row}" for row in _rows(config, ""))]
    return "\n".join(lines) + "\n"


def _rows(config: Any, prefix: str) -> Iterator[str]:
    comments, kinds = _comments(type(config)), typing.get_type_hints(type(config))
    nested = []
    for f in fields(config):
        value = getattr(config, f.name)
        if is_dataclass(value):
            nested.append((f.name, value))
            continue
        left, note = f"{prefix}{f.name}={_shown(value)}", comments.get(f.name, "")
        if choices := _choices(kinds[f.name]):
            note = f"{'|'.join(choices)}{'  ' + note if note else ''}"
        yield f"{left:<{LEFT}}  {note}".rstrip()
    for name, value in nested:
        yield from _rows(value, f"{prefix}{name}.")


def _shown(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_shown, value))}]"
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


def _choices(kind: Any) -> list[str]:
    for candidate in (kind, *typing.get_args(kind)):
        if isinstance(candidate, type) and issubclass(candidate, Enum):
            return [str(option.value) for option in candidate]
    return []


def _comments(kind: type) -> dict[str, str]:
    """Return the comments beside a dataclass' fields, those of its bases included."""
    found: dict[str, str] = {}
    for part in reversed(kind.__mro__[:-1]):
        source = textwrap.dedent(inspect.getsource(part))
        lines = source.splitlines()
        for node in ast.parse(source).body[0].body:  # type: ignore[attr-defined]
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.end_lineno:
                _, mark, comment = lines[node.end_lineno - 1][node.end_col_offset or 0 :].partition("#")
                if mark:
                    found[node.target.id] = comment.strip()
    return found
