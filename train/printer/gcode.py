"""Read G-code strictly: each line means what we think, or it is an error with file, line and what was expected.

Public: `GcodeReader(machine, ...).read(source)` yields `Moves`, a few thousand at a time, so a file of any size is
read in bounded memory. Most callers want `planner.plan(source, machine)`.

Understood: G0-G4, G20/21, G28, G90/91, G92, M82/83, M201, M203, M204, M205, M220, M400, comments of the common slicers,
line numbers and checksums, Klipper's SET_VELOCITY_LIMIT. Codes that move nothing (M104, T0, macros with parameters) are
passed over.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from learn_rt.train.printer.arcs import arc_points, centre_from_radius
from learn_rt.train.printer.features import feature_of, layer_style, marks_layers
from learn_rt.train.printer.limits import changed, velocity_limit
from learn_rt.train.printer.lines import read_lines
from learn_rt.train.printer.machine import Machine, Motion
from learn_rt.train.printer.moves import MOVE, Moves
from learn_rt.train.printer.words import Words, read_words, within, without_checksum

BATCH = 8192  # moves handed on at a time
MAX_COORDINATE_MM = 10_000.0
MAX_FEED_MM_MIN = 1e6
MIN_FEED_MM_MIN = 0.6
MAX_MOVE_S = 3600.0  # of one line: what takes longer is a slip of the keyboard, or made to fill a disk
DEFAULT_FEED_MM_MIN = 1500.0  # of Marlin, before the first F
HOMING_SPEED_MM_S = 50.0
TINY_MM = 1e-6
MAX_REPORTED = 20

_COMMAND = re.compile(r"\s*(?:[Nn]\s*\d+\s*)?([GMTgmt])\s*(\d{1,5})(?:\.(\d{1,3}))?(?![\d.])", re.ASCII)
_MACRO = re.compile(r"\s*([A-Za-z][A-Za-z0-9]*_\w*)((?:\s+\w+\s*=\s*\S+)*)\s*$", re.ASCII)
_INLINE = re.compile(r"\([^()]*\)", re.ASCII)
_IGNORED_G = {
    10,
    11,
    17,
    29,
    40,
    49,
    80,
    94,
}  # firmware retraction, planes, probing: no motion in x and y that we model


class GcodeReader:
    """Reads one file. `skipped` counts the bad lines passed over, `problems` holds the first of them."""

    def __init__(self, machine: Machine, *, skip_bad: bool = False, file_limits: bool = True) -> None:
        """Start at the origin under the machine's limits; `file_limits`: whether M201-M205 in the file change them."""
        self.skip_bad = skip_bad
        self.file_limits = file_limits
        self.skipped = 0
        self.problems: list[str] = []
        self.consumed = 0  # characters read so far
        self._top = math.inf  # height of the layer's extruding moves, where that tells the layers apart
        self._motion = machine.motion
        self._at = [0.0, 0.0, 0.0, 0.0]  # machine position x, y, z, filament [mm]
        self._planned = [0.0, 0.0, 0.0]  # where the last kept move ends
        self._zero = [0.0, 0.0, 0.0, 0.0]  # machine position of the file's zero
        self._relative = [False, False, False, False]
        self._unit_mm = 1.0
        self._feed_mm_s = DEFAULT_FEED_MM_MIN / 60
        self._feed_scale = 1.0
        self._layer = 0
        self._style: int | None = None
        self._feature = 0
        self._rows: list[tuple[object, ...]] = []
        self._limits: dict[Motion, int] = {}
        self._limit = -1  # index of the limits in force, -1 when it has to be looked up

    def read(self, source: str | Path | Iterable[str]) -> Iterator[Moves]:
        """Yield the moves of a file (a path) or of lines of text, in order.

        Where no comment marks the layers, one begins with each extruding move higher than all before.
        Raises: ValueError: a bad line, unless `skip_bad`; a file that cannot be read.
        """
        name = str(source) if isinstance(source, str | Path) else "lines"
        if not isinstance(source, str | Path):
            source = list(source)
        self._top = math.inf if marks_layers(source) else -math.inf
        for number, line, fault in read_lines(source):
            self.consumed += len(line)
            try:
                if fault:
                    raise ValueError(fault)
                self._line(line)
            except ValueError as error:
                message = f"{name}:{number}: {error}"
                if not self.skip_bad:
                    raise ValueError(message) from None
                self.skipped += 1
                if len(self.problems) < MAX_REPORTED:
                    self.problems.append(message)
            if len(self._rows) >= BATCH:
                yield self._batch()
        if self._rows:
            yield self._batch()

    def _batch(self) -> Moves:
        moves = Moves(np.array(self._rows, MOVE), tuple(self._limits))
        self._rows, self._limits, self._limit = [], {}, -1
        return moves

    def _line(self, line: str) -> None:
        code, semicolon, comment = line.partition(";")
        if semicolon:
            self._comment(comment)
        if not code.strip() or code.strip() == "%":
            return
        if "(" in code:
            code = _INLINE.sub(" ", code)
        if "*" in code:
            code = without_checksum(code)
        command = _COMMAND.match(code)
        if not command:
            self._macro(code)
            return
        letter, number = command[1].upper(), int(command[2])
        if letter == "G":
            if command[3] and number not in _IGNORED_G:
                raise ValueError(f"expected G0-G4, G20, G21, G28, G90-G92, got {code.strip()[:40]!r}")
            self._g(number, code, command.end())
        elif letter == "M" and not command[3]:
            self._m(number, code, command.end())

    def _comment(self, comment: str) -> None:
        style = layer_style(comment)
        if style is not None:
            self._style = self._style or style
            if style == self._style:
                self._layer += 1
            return
        feature = feature_of(comment)
        if feature is not None:
            self._feature = feature

    def _g(self, number: int, code: str, at: int) -> None:
        if number in (0, 1):
            self._move(read_words(code, at, "XYZEF"))
        elif number in (2, 3):
            self._arc(read_words(code, at, "XYZEFIJRP"), clockwise=number == 2)
        elif number == 4:
            words = read_words(code, at, "PS")
            self._pause(words["S"] if "S" in words else words.get("P", 0.0) / 1e3)
        elif number in (20, 21):
            self._unit_mm = 25.4 if number == 20 else 1.0
        elif number in (90, 91):
            self._relative = [number == 91] * 4
        elif number == 92:
            self._set_position(read_words(code, at, "XYZE"))
        elif number == 28:
            self._home(code[at:])
        elif number not in _IGNORED_G:
            raise ValueError(f"expected G0-G4, G20, G21, G28, G90-G92, got G{number}")

    def _m(self, number: int, code: str, at: int) -> None:
        if number in (82, 83):
            self._relative[3] = number == 83
        elif number == 220:
            self._feed_scale = within("S", read_words(code, at, "SBR").get("S", 100.0), 1, 1000) / 100
        elif number == 400:
            self._pause(0.0)
        elif number in (201, 203, 204, 205) and self.file_limits:
            words = read_words(code, at, "PRSTXYZEJBFG")
            mm = {k: v * self._unit_mm for k, v in words.items() if k in "XYZEPRSTJ"}
            self._motion, self._limit = changed(self._motion, number, mm), -1

    def _macro(self, code: str) -> None:
        macro = _MACRO.match(code)
        if not macro:
            raise ValueError(f"expected a command such as G1 X10 Y20 E0.5, got {code.strip()[:40]!r}")
        if macro[1].upper() == "SET_VELOCITY_LIMIT" and self.file_limits:
            self._motion, self._limit = velocity_limit(self._motion, macro[2]), -1

    def _target(self, words: Words) -> list[float]:
        target = list(self._at)
        for i, letter in enumerate("XYZE"):
            if letter in words:
                base = self._at[i] if self._relative[i] else self._zero[i]
                target[i] = base + words[letter] * self._unit_mm
                limit = MAX_COORDINATE_MM if i < 3 else 1e9
                if abs(target[i]) > limit:
                    raise ValueError(f"expected {letter} within +-{limit:g} mm, got {target[i]:g}")
        if "F" in words:
            feed = words["F"] * self._unit_mm
            within("F [mm/min]", feed, MIN_FEED_MM_MIN, MAX_FEED_MM_MIN)
            self._feed_mm_s = feed / 60
        return target

    def _move(self, words: Words) -> None:
        target = self._target(words)
        self._append(target, 0.0, False)

    def _arc(self, words: Words, clockwise: bool) -> None:
        target = self._target(words)
        start, end = (self._at[0], self._at[1]), (target[0], target[1])
        if "R" in words and not {"I", "J"} & words.keys():
            centre = centre_from_radius(start, end, words["R"] * self._unit_mm, clockwise)
        elif {"I", "J"} & words.keys() and "R" not in words:
            mm = self._unit_mm
            centre = (start[0] + words.get("I", 0.0) * mm, start[1] + words.get("J", 0.0) * mm)
        else:
            raise ValueError("expected either I and J or R with G2 and G3")
        within("centre [mm]", max(abs(centre[0]), abs(centre[1])), 0, 10 * MAX_COORDINATE_MM)
        turns = within("P", words.get("P", 1.0), 0, 100)
        points, radius, fraction = arc_points(start, end, centre, clockwise, max(int(turns), 1))
        z0, e0 = self._at[2], self._at[3]
        for i, ((x, y), f) in enumerate(zip(points.tolist(), fraction.tolist(), strict=True)):
            self._append([x, y, z0 + (target[2] - z0) * f, e0 + (target[3] - e0) * f], radius, i > 0)

    def _append(self, target: list[float], radius: float, smooth: bool) -> None:
        """Add the move to `target`; one that is too short to plan is left for the next to make up."""
        start, speed = self._planned, self._feed_mm_s * self._feed_scale
        delta = (target[0] - start[0], target[1] - start[1], target[2] - start[2], target[3] - self._at[3])
        length = math.sqrt(delta[0] ** 2 + delta[1] ** 2 + delta[2] ** 2)
        if max(length, abs(delta[3])) > speed * MAX_MOVE_S:
            raise ValueError(f"expected a move of at most {MAX_MOVE_S:g} s, got {length:g} mm at {speed:.3g} mm/s")
        self._at = target
        if length < TINY_MM:
            if abs(delta[3]) < TINY_MM:
                return
            delta = (0.0, 0.0, 0.0, delta[3])
        else:
            self._planned = target[:3]
            if delta[3] > 0 and target[2] > self._top + TINY_MM:
                self._top, self._layer = target[2], self._layer + 1
        self._row(start, delta, speed, radius, 0.0, smooth)

    def _row(
        self, start: list[float], delta: tuple[float, ...], speed: float, radius: float, pause_s: float, smooth: bool
    ) -> None:
        if self._limit < 0:
            self._limit = self._limits.setdefault(self._motion, len(self._limits))
        place = (self._limit, self._layer, self._feature, smooth)
        self._rows.append((tuple(start), delta, speed, radius, pause_s, *place))

    def _pause(self, seconds: float) -> None:
        within("a pause [s]", seconds, 0, MAX_MOVE_S)
        self._row(self._planned, (0.0, 0.0, 0.0, 0.0), 0.0, 0.0, seconds, False)

    def _set_position(self, words: Words) -> None:
        for i, letter in enumerate("XYZE"):
            if letter in words or not words:
                value = words.get(letter, 0.0) * self._unit_mm
                within(letter, abs(value), 0, 1e9 if i == 3 else MAX_COORDINATE_MM)
                self._zero[i] = self._at[i] - value

    def _home(self, rest: str) -> None:
        """Go to zero on the axes named, all when none is; what a machine does in between is not modelled."""
        named = [i for i, letter in enumerate("XYZ") if letter in rest.upper()] or [0, 1, 2]
        target = list(self._at)
        for i in named:
            target[i], self._zero[i] = 0.0, 0.0
        feed, self._feed_mm_s = self._feed_mm_s, HOMING_SPEED_MM_S
        self._append(target, 0.0, False)
        self._feed_mm_s = feed
        self._pause(0.0)
