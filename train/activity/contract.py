"""The specs: what the served recognizer and the regressor promise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from learn_rt.spec import Kind, Normalization, Signal, Spec
from learn_rt.train.activity.model import NetConfig, Recognizer, Simulator
from learn_rt.train.activity.recordings import Channel, Description


def recognizer_spec(
    module: Recognizer,
    config: NetConfig,
    description: Description,
    channels: Sequence[Channel],
    samples: Tensor,
    provenance: dict[str, Any],
) -> Spec:
    """Return the spec of sensor windows -> one probability a class; `samples` (n, channels) are those of training."""
    low, high = _ranges(samples)
    inputs = (Signal(c.name, c.unit, range_trained=(low[i], high[i])) for i, c in enumerate(channels))
    return Spec(
        name="activity",
        kind=Kind.WINDOW,
        dt_s=1.0 / description.rate_hz,
        inputs=tuple(inputs),
        # No envelope: another answer from one sample to the next is what it is for.
        outputs=tuple(Signal(name, "1") for name in description.classes),
        window=config.window,
        normalization=Normalization(True, tuple(map(float, module.mean)), tuple(map(float, module.std))),
        forgetting=config.window,
        provenance=provenance,
    )


def simulator_spec(
    module: Simulator,
    config: NetConfig,
    description: Description,
    channels: Sequence[Channel],
    samples: Tensor,
    provenance: dict[str, Any],
) -> Spec:
    """Return the spec of pose windows -> the whole window of the sensor; `samples` (n, 3 + 3 joints) of training."""
    low, high = _ranges(samples)
    names = [f"{joint}_{axis}" for joint in ("mid_hip", *description.joints) for axis in "xyz"]
    inputs = (Signal(name, "m", range_trained=(low[i], high[i])) for i, name in enumerate(names))
    ticks = range(1 - config.window, 1)
    outputs = tuple(Signal(f"{c.name}[{tick}]", c.unit) for tick in ticks for c in channels)
    return Spec(
        name="activity-regressor",
        kind=Kind.WINDOW,
        dt_s=1.0 / description.rate_hz,
        inputs=tuple(inputs),
        outputs=outputs,
        window=config.window,
        normalization=Normalization(True, tuple(map(float, module.pose_mean)), tuple(map(float, module.pose_std))),
        forgetting=config.window,
        provenance=provenance,
    )


def _ranges(samples: Tensor) -> tuple[list[float], list[float]]:
    low, high = samples.amin(0), samples.amax(0)
    high = torch.maximum(high, low + 1e-6 * low.abs().clamp(min=1.0))  # a channel that never changed is a range still
    return low.tolist(), high.tolist()
