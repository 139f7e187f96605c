"""A recorded sample that is not what the spec makes of the recorded signals: which signal, and what would be right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from learn_rt.layout import observe, pieces
from learn_rt.spec import Major, Order, Spec

CLOSE = 2e-3  # files tell default positions and scales with three decimals

Numbers = NDArray[np.floating]


def check_layout(spec: Spec, x: Numbers, arrays: Mapping[str, Numbers], made: NDArray[np.float32]) -> None:
    """Check that `x` (ticks, n_features) is `made`, the recording laid out as the spec says.

    The ticks before the histories are full are not looked at: what stood there is the recorder's choice.
    Raises: ValueError: the signal, the element or the order that differs.
    """
    if x.shape != made.shape:
        raise ValueError(f"x must have shape {made.shape}, a sample for each recorded tick, got {x.shape}")
    start = max(s.history for s in spec.inputs) - 1
    if len(x) <= start:
        raise ValueError(f"the recording is shorter than the longest history, {start + 1} ticks")
    if _alike(x[start:], made[start:]).all():
        return
    other = _other_layout(spec, x, arrays, start)
    if other:
        raise ValueError(f"x lies otherwise than the spec says: {other}")
    columns = np.atleast_1d(_alike(x[start:], made[start:]).all(0))
    at = 0
    for piece in pieces(spec.inputs):
        mine = slice(at, at + piece.size)
        at += piece.size
        if not columns[mine].all():
            raise ValueError(_name_difference(spec, piece.signal, piece.lag, x[start:, mine], made[start:, mine]))


def _alike(a: Numbers, b: Numbers) -> NDArray[np.bool_]:
    return np.asarray(np.abs(a - b) <= CLOSE * (1 + np.abs(b)))


def _other_layout(spec: Spec, x: Numbers, arrays: Mapping[str, Numbers], start: int) -> str:
    """Return the major and order of all histories that would make `x`, if there is one."""
    for major, order in product(Major, Order):
        inputs = tuple(replace(s, major=major, order=order) if s.history > 1 else s for s in spec.inputs)
        if inputs != spec.inputs and _alike(x[start:], observe(replace(spec, inputs=inputs), arrays)[start:]).all():
            names = ", ".join(s.name for s in spec.inputs if s.history > 1)
            return f"its histories ({names}) are major: {major.value}, order: {order.value}"
    return ""


def _name_difference(spec: Spec, signal: int, lag: int, x: Numbers, made: Numbers) -> str:
    s = spec.inputs[signal]
    names = s.elements or tuple(map(str, range(s.size)))
    when = "" if lag == 0 else f", {lag} ticks before the newest"
    wrong = [i for i in range(s.size) if not _alike(x[:, i], made[:, i]).all()]
    for i in wrong:
        if twins := [j for j in range(s.size) if _alike(x[:, i], made[:, j]).all()]:
            return (
                f"{s.name}{when}: x has {names[twins[0]]!r} where the spec has element {i}, {names[i]!r}: "
                "the elements are in another order"
            )
    for scale in (1 / f for f in s.scales):
        if np.isfinite(scale) and _alike(x[:, wrong], made[:, wrong] / scale).all():
            return f"{s.name}{when}: x holds the value itself, the spec divides it by its scale"
    worst = int(np.abs(x[:, wrong[0]] - made[:, wrong[0]]).argmax())
    return (
        f"{s.name}{when}: x has {x[worst, wrong[0]]:.6g} for {names[wrong[0]]!r} where the recording, by the spec's "
        f"scale and offset, makes {made[worst, wrong[0]]:.6g}"
    )
