"""What one input or output of a model is: its name, unit, size, ranges and envelope; and how its history lies."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum

MAX_SIGNALS = 4096
MAX_WINDOW = 65536


class Major(StrEnum):
    """Which index runs slowest when signals with history are laid out flat.

    `term`: the signal's whole history, then the next signal. `time`: all neighbours of one history, major and order,
    tick by tick. See `learn_rt.layout`.
    """

    TERM = "term"
    TIME = "time"


class Order(StrEnum):
    """Which end of the history comes first."""

    OLDEST = "oldest"
    NEWEST = "newest"


@dataclass(frozen=True, slots=True)
class Envelope:
    """Bounds that no answer leaves: |y| <= value [unit], |y'| <= rate [unit/s], |y''| <= second [unit/s^2].

    The derivatives are differences of successive answers over `dt_s`.
    """

    value: float
    rate: float
    second: float

    def __post_init__(self) -> None:
        for name in ("value", "rate", "second"):
            bound = getattr(self, name)
            if not (math.isfinite(bound) and bound > 0):
                raise ValueError(f"envelope.{name} must be finite and above 0, got {bound}")


@dataclass(frozen=True, slots=True)
class Signal:
    """One named input or output of a model.

    `shape` is () for a scalar. `elements` names its elements (joints), in order. `range_valid` is physical: a sample
    outside is refused. `range_trained` is what training saw: a sample outside is flagged. `scale` and `offset`, one
    number or one an element, turn the value on the wire, which is the graph's, into `unit`: value * scale + offset.
    `history` values of it, the newest among them, are laid out by `major` and `order`. `feedback_of` names the output
    whose last value comes back as this input. `envelope` and `nominal` belong to outputs, and hold on the wire.
    """

    name: str
    unit: str
    shape: tuple[int, ...] = ()
    range_valid: tuple[float, float] | None = None
    range_trained: tuple[float, float] | None = None
    history: int = 1
    major: Major = Major.TIME
    order: Order = Order.OLDEST
    scale: float | tuple[float, ...] = 1.0
    offset: float | tuple[float, ...] = 0.0
    feedback_of: str | None = None
    nominal: float = 0.0
    envelope: Envelope | None = None
    elements: tuple[str, ...] = field(default=(), metadata={"sparse": True})  # sparse: left out of the JSON by default

    def __post_init__(self) -> None:
        if not self.name or len(self.name) > 128 or not self.name.isprintable():
            raise ValueError(f"a signal's name must be 1 to 128 printable characters, got {self.name!r}")
        if any(n < 1 for n in self.shape) or self.size > MAX_SIGNALS:
            raise ValueError(f"{self.name}.shape must hold 1 to {MAX_SIGNALS} elements, got {self.shape}")
        if not 1 <= self.history <= MAX_WINDOW:
            raise ValueError(f"{self.name}.history must be 1 to {MAX_WINDOW}, got {self.history}")
        for name in ("range_valid", "range_trained"):
            bounds = getattr(self, name)
            if bounds is not None and not (bounds[0] < bounds[1] and all(map(math.isfinite, bounds))):
                raise ValueError(f"{self.name}.{name} must be finite and increasing, got {bounds}")
        for name in ("scale", "offset"):
            numbers = getattr(self, name)
            if isinstance(numbers, tuple) and len(numbers) != self.size:
                raise ValueError(f"{self.name}.{name} must be one number or {self.size}, got {len(numbers)}")
        if not all(math.isfinite(s) and s != 0 for s in self.scales) or not all(map(math.isfinite, self.offsets)):
            raise ValueError(
                f"{self.name}.scale must be finite and not 0, and offset finite, got {self.scale}, {self.offset}"
            )
        distinct = len(set(self.elements)) == len(self.elements) and all(self.elements)
        if self.elements and (len(self.elements) != self.size or not distinct):
            raise ValueError(f"{self.name}.elements must be {self.size} distinct names, got {list(self.elements)}")
        if not math.isfinite(self.nominal) or (self.envelope and abs(self.nominal) > self.envelope.value):
            raise ValueError(f"{self.name}.nominal must be finite and inside the envelope, got {self.nominal}")

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def scales(self) -> tuple[float, ...]:
        """`scale` of each element."""
        return self.scale if isinstance(self.scale, tuple) else (self.scale,) * self.size

    @property
    def offsets(self) -> tuple[float, ...]:
        """`offset` of each element."""
        return self.offset if isinstance(self.offset, tuple) else (self.offset,) * self.size
