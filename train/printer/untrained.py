"""A checkpoint with seeded random weights: what comes after training can be tried and tested without training."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from learn_rt.spec import Envelope
from learn_rt.train.core import checkpoint
from learn_rt.train.printer.contract import Limits, offset_spec, trained_ranges
from learn_rt.train.printer.model import OffsetNet, OffsetNetConfig


def write_untrained(path: Path, net: OffsetNetConfig | None = None, seed: int = 42, n_windows: int = 64) -> None:
    """Write a checkpoint of a random net whose answers have a real size; its windows are smooth random paths."""
    net = net or OffsetNetConfig()
    rng = np.random.default_rng(seed)
    windows = _random_paths(rng, n_windows, net.steps + 1, net.dt_s)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = OffsetNet(net)
    samples = windows.reshape(-1, 5)
    with torch.no_grad():
        module.normalize(torch.from_numpy(samples))
        # So that both are of the same size, and what is wrong in either is seen in the answer.
        module.head.weight.mul_(10.0)
        module.target_std.fill_(0.5)  # mm
        module.filters.weight.mul_(3e-4)  # mm per mm/s
    limits = Limits(220.0, 220.0, 250.0, 500.0, Envelope(0.5, 50.0, 10_000.0))
    spec = offset_spec(module, limits, trained_ranges(samples), {"seed": seed, "trained": False})
    checkpoint.save(
        path,
        {
            "system": "printer",
            "target": "offset",
            "config": {"net": asdict(net)},
            "model": module.state_dict(),
            "spec": spec.to_json(),
            "held_out": torch.from_numpy(windows),
        },
    )


def _random_paths(rng: np.random.Generator, n: int, steps: int, dt_s: float) -> np.ndarray:
    """Return (n, steps, 5) float32 raw windows; the speed wanders within about 60 mm/s, the height stands."""
    speed = np.cumsum(rng.normal(0.0, 1.0, (n, steps, 2)), 1) + rng.normal(0.0, 30.0, (n, 1, 2))
    place = rng.uniform(20.0, 200.0, (n, 1, 2)) + np.cumsum(speed, 1) * dt_s
    height = np.broadcast_to(rng.uniform(0.2, 50.0, (n, 1, 1)), (n, steps, 1))
    return np.concatenate([place, height, speed], 2).astype(np.float32)
