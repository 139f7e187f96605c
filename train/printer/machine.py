"""A printer as numbers: its axes, its limits of motion, its drives.

Public: `load_machine(name_or_file) -> Machine`, `machine_names()`. A machine is a TOML file; `ender3v2` and `fast` are
shipped beside this module, any other is given by its path.
"""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from learn_rt.jsonread import read_dataclass
from learn_rt.spec import Envelope

SHIPPED = Path(__file__).parent / "machines"


def _within(name: str, values: tuple[float, ...], low: float, high: float) -> None:
    for value in values:
        if not low <= value <= high:
            raise ValueError(f"{name} must be from {low:g} to {high:g}, got {value:g}")


@dataclass(frozen=True, slots=True)
class Axis:
    """A driven axis: a mass that hangs on its motor by a belt, m q'' = -k (q - r) - c (q' - r') - friction.

    The belt's free length changes with position, so its stiffness does: k (1 + slope (q - centre)), kept within
    +-`slope_limit` of k. `friction_n` is dry (Coulomb) friction of the guide.
    """

    mass_kg: float
    stiffness_n_m: float
    damping_ns_m: float
    stiffness_slope_per_m: float = 3.5  # +-35% per 100 mm
    stiffness_slope_limit: float = 0.6
    centre_mm: float = 110.0
    friction_n: float = 0.3

    def __post_init__(self) -> None:
        # Wide, but so that every number made of them stays finite.
        _within("mass_kg", (self.mass_kg,), 1e-3, 1e3)
        _within("stiffness_n_m", (self.stiffness_n_m,), 1, 1e9)
        _within("damping_ns_m", (self.damping_ns_m,), 0, 1e6)
        _within("stiffness_slope_per_m", (self.stiffness_slope_per_m,), -1e3, 1e3)
        _within("stiffness_slope_limit", (self.stiffness_slope_limit,), 0, 0.9)
        _within("centre_mm", (self.centre_mm,), -1e4, 1e4)
        _within("friction_n", (self.friction_n,), 0, 1e4)
        if self.damping_ratio >= 1:
            raise ValueError(f"an axis must be underdamped, got a damping ratio of {self.damping_ratio:.3g}")

    @property
    def frequency_hz(self) -> float:
        """Return the undamped natural frequency."""
        return math.sqrt(self.stiffness_n_m / self.mass_kg) / (2 * math.pi)

    @property
    def damping_ratio(self) -> float:
        """Return the fraction of critical damping."""
        return self.damping_ns_m / (2 * math.sqrt(self.stiffness_n_m * self.mass_kg))


class Cornering(StrEnum):
    """How firmware chooses the speed at a corner."""

    JERK = "jerk"  # each axis may jump by its jerk [mm/s]
    JUNCTION = "junction"  # the speed of an arc that cuts the corner by the junction deviation [mm]


Axes = tuple[float, float, float, float]  # x, y, z, filament


@dataclass(frozen=True, slots=True)
class Motion:
    """Limits of motion, as the planner starts; G-code may change them (M201, M203, M204, M205)."""

    speed_mm_s: Axes
    acceleration_mm_s2: Axes
    print_acceleration_mm_s2: float
    travel_acceleration_mm_s2: float
    retract_acceleration_mm_s2: float
    cornering: Cornering
    jerk_mm_s: Axes
    junction_deviation_mm: float

    def __post_init__(self) -> None:
        # The lower bounds keep the time of every move within reason.
        _within("speed_mm_s", self.speed_mm_s, 0.1, 1e5)
        _within("acceleration_mm_s2", self.acceleration_mm_s2, 1, 1e7)
        for use in ("print", "travel", "retract"):
            name = f"{use}_acceleration_mm_s2"
            _within(name, (getattr(self, name),), 1, 1e7)
        _within("jerk_mm_s", self.jerk_mm_s, 0, 1e5)
        _within("junction_deviation_mm", (self.junction_deviation_mm,), 0, 10)


@dataclass(frozen=True, slots=True)
class Drive:
    """Stepper drive and step timer, from which the firmware effects follow."""

    steps_per_mm: float
    microsteps: int
    timer_hz: float

    def __post_init__(self) -> None:
        _within("steps_per_mm", (self.steps_per_mm,), 0.1, 1e5)
        _within("microsteps", (self.microsteps,), 1, 1024)
        _within("timer_hz", (self.timer_hz,), 1e3, 1e10)


@dataclass(frozen=True, slots=True)
class Machine:
    """One printer. `offset` is what an offset may do to the motors: value [mm], rate [mm/s], second [mm/s2]."""

    name: str
    height_mm: float
    x: Axis
    y: Axis
    motion: Motion
    drive: Drive
    offset: Envelope

    def __post_init__(self) -> None:
        _within("height_mm", (self.height_mm,), 1, 1e5)
        if not self.name.replace("-", "").replace("_", "").isalnum():
            raise ValueError(f"name must be of letters, digits, - and _ (it goes into file names), got {self.name!r}")


def machine_names() -> list[str]:
    """Return the names of the shipped machines."""
    return sorted(p.stem for p in SHIPPED.glob("*.toml"))


def load_machine(name: str | Path) -> Machine:
    """Return the shipped machine `name`, or the one in the TOML file of that path.

    Raises: ValueError: no such machine, or what is wrong in the file and where.
    """
    shipped = str(name) in machine_names()
    path = SHIPPED / f"{name}.toml" if shipped else Path(name)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        known = ", ".join(machine_names())
        raise ValueError(f"no machine {str(name)!r}: give one of {known}, or a TOML file ({error})") from None
    try:
        return read_dataclass(Machine, tomllib.loads(text), path.name)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path}: {error}") from None
