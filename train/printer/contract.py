"""The spec of the offset model: its signals, where on a machine they are valid, and the envelope of an offset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from learn_rt.spec import Envelope, Kind, Normalization, Signal, Spec
from learn_rt.train.printer.carried import CarriedOffsetNet
from learn_rt.train.printer.machine import Machine
from learn_rt.train.printer.model import OffsetNet

UNITS = {"x_ref": "mm", "y_ref": "mm", "z_ref": "mm", "vx_ref": "mm/s", "vy_ref": "mm/s"}
FEATURES = tuple(UNITS)


@dataclass(frozen=True)
class Limits:
    """What a machine can do: bed and height [mm], speed of an axis [mm/s], and the envelope of an offset."""

    x_mm: float
    y_mm: float
    z_mm: float
    speed_mm_s: float
    envelope: Envelope

    def valid(self, feature: str) -> tuple[float, float]:
        """Return the range outside of which a sample is refused."""
        # Homing switches and wipe moves lie a little off the bed.
        margin_mm = 20.0
        size = {"x_ref": self.x_mm, "y_ref": self.y_mm, "z_ref": self.z_mm}
        if feature in size:
            return (-margin_mm, size[feature] + margin_mm)
        return (-self.speed_mm_s, self.speed_mm_s)


def limits_of(machine: Machine) -> Limits:
    """Return the limits of a machine."""
    speed = max(machine.motion.speed_mm_s[:2])
    return Limits(2 * machine.x.centre_mm, 2 * machine.y.centre_mm, machine.height_mm, speed, machine.offset)


def offset_spec(
    module: OffsetNet, limits: Limits, trained: dict[str, tuple[float, float]], provenance: dict[str, Any]
) -> Spec:
    """Return the spec of a trained offset net; `trained` holds the range of each feature in the training data."""
    c, carries = module.config, isinstance(module, CarriedOffsetNet)
    return Spec(
        name="printer-carried" if carries else "printer",
        kind=Kind.STATEFUL if carries else Kind.WINDOW,
        dt_s=c.dt_s,
        inputs=tuple(
            Signal(name, unit, range_valid=limits.valid(name), range_trained=trained[name])
            for name, unit in UNITS.items()
        ),
        outputs=tuple(Signal(name, "mm", envelope=limits.envelope) for name in ("offset_x", "offset_y")),
        window=1 if carries else c.steps + 1,
        preview=c.preview,
        states=module.states(),
        normalization=Normalization(
            inside_graph=True, mean=tuple(map(float, module.mean)), std=tuple(map(float, module.std))
        ),
        forgetting=None if carries else c.steps + 1,  # a carried state's is measured at export
        provenance=provenance,
    )


def trained_ranges(samples: np.ndarray) -> dict[str, tuple[float, float]]:
    """Return the range of each feature in raw samples (n, 5)."""
    low, high = samples.min(0), samples.max(0)
    # A height that never changed in training is still a range, of a micrometre.
    high = np.maximum(high, low + 1e-3)
    return {name: (float(low[i]), float(high[i])) for i, name in enumerate(FEATURES)}
