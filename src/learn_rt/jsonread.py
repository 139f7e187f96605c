"""Read plain JSON values into typed dataclasses, strictly: an unknown or missing key or a wrong type names its path."""

from __future__ import annotations

import math
import types
import typing
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from typing import Any


def read_dataclass(cls: type, value: Any, path: str) -> Any:
    """Return an instance of the dataclass `cls` made from `value`, a JSON object found at `path`.

    Raises: ValueError: the path and what must hold there.
    """
    if not isinstance(value, dict):
        raise ValueError(f"expected an object at {path}, got {_kind(value)}")
    known = {f.name: f for f in fields(cls)}
    for key in value:
        if key not in known:
            raise ValueError(f"unknown key {key!r} at {path}; known: {', '.join(known)}")
    types_of = typing.get_type_hints(cls)
    made = {}
    for name, f in known.items():
        if name in value:
            made[name] = _read(types_of[name], value[name], f"{path}.{name}")
        elif f.default is MISSING and f.default_factory is MISSING:
            raise ValueError(f"missing key {name!r} at {path}")
    try:
        return cls(**made)
    except ValueError as error:
        raise ValueError(f"{error} - at {path}") from None


def _read(kind: Any, value: Any, path: str) -> Any:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        if value is None and type(None) in arguments:
            return None
        kinds = [a for a in arguments if a is not type(None)]
        lists = [a for a in kinds if typing.get_origin(a) is tuple]  # such as float | tuple[float, ...]
        return _read(lists[0] if lists and isinstance(value, list) else kinds[0], value, path)
    if origin is tuple:
        if not isinstance(value, list):
            raise ValueError(f"expected an array at {path}, got {_kind(value)}")
        if arguments[-1] is Ellipsis:
            return tuple(_read(arguments[0], v, f"{path}[{i}]") for i, v in enumerate(value))
        if len(value) != len(arguments):
            raise ValueError(f"expected {len(arguments)} elements at {path}, got {len(value)}")
        return tuple(_read(a, v, f"{path}[{i}]") for i, (a, v) in enumerate(zip(arguments, value, strict=True)))
    if origin is list:
        if not isinstance(value, list):
            raise ValueError(f"expected an array at {path}, got {_kind(value)}")
        return [_read(arguments[0], v, f"{path}[{i}]") for i, v in enumerate(value)]
    if origin is dict:
        if not isinstance(value, dict):
            raise ValueError(f"expected an object at {path}, got {_kind(value)}")
        return value
    if is_dataclass(kind):
        return read_dataclass(typing.cast(type, kind), value, path)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        try:
            return kind(value)
        except ValueError:
            raise ValueError(f"expected one of {', '.join(kind)} at {path}, got {value!r}") from None
    return _scalar(kind, value, path)


def _scalar(kind: type, value: Any, path: str) -> Any:
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if math.isfinite(number):
            return number
    elif isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
        return value
    raise ValueError(f"expected {kind.__name__} at {path}, got {_kind(value)}")


def _kind(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"a {type(value).__name__}"
