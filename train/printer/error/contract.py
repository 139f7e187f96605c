"""The spec of the error model: its signals, where on a machine they are valid, and what the correction may be."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from learn_rt.spec import Kind, Normalization, Signal, Spec
from learn_rt.train.printer.contract import Limits
from learn_rt.train.printer.error.net import ErrorNet

UNITS = {"x_ref": "mm", "y_ref": "mm", "vx_ref": "mm/s", "vy_ref": "mm/s"}


def output_names(ahead: int) -> tuple[str, str]:
    """Return the names of both outputs: an error `ahead` ticks after the newest sample is another quantity."""
    suffix = f"_in_{ahead}_ticks" if ahead else ""
    return (f"error_x{suffix}", f"error_y{suffix}")


def error_spec(
    module: ErrorNet, limits: Limits, samples: NDArray[np.float32], ahead: int, provenance: dict[str, Any]
) -> Spec:
    """Return the spec of a trained net; `samples` (n, 4) are those that it was trained on.

    An answer is bounded as a command's offset is: command = reference - error.
    """
    c = module.config
    low, high = samples.min(0), samples.max(0)
    high = np.maximum(high, low + 1e-3)  # a signal that never changed in training is still a range
    return Spec(
        name="printer-error",
        kind=Kind.WINDOW,
        dt_s=c.dt_s,
        inputs=tuple(
            Signal(name, unit, range_valid=limits.valid(name), range_trained=(float(low[i]), float(high[i])))
            for i, (name, unit) in enumerate(UNITS.items())
        ),
        outputs=tuple(Signal(name, "mm", envelope=limits.envelope) for name in output_names(ahead)),
        window=c.window,
        states=module.states(),
        normalization=Normalization(
            inside_graph=True, mean=tuple(map(float, module.mean)), std=tuple(map(float, module.std))
        ),
        forgetting=c.window,
        provenance=provenance,
    )
