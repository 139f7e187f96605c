"""Weights that others have trained, as a checkpoint of ours: NPZ files with fc.0.weight, fc.0.bias, fc.2.weight, ..."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from learn_rt.train.core import checkpoint
from learn_rt.train.gait.contract import pose_spec
from learn_rt.train.gait.model import PoseNet, PoseNetConfig
from learn_rt.train.gait.npz import members
from learn_rt.train.gait.parameters import Parameters
from learn_rt.train.gait.pose import N_POSE
from learn_rt.train.gait.refine import FRAMES_A_CYCLE, N_FRAMES
from learn_rt.train.gait.split import EVERYTHING

DRAWN = 64  # sets of parameters, where none are given


def read_weights(path: Path, parameters: Parameters) -> PoseNet:
    """Return the net of an NPZ file's weights.

    Raises: ValueError: not weights of such a net, or of another number of parameters; OSError.
    """
    found = members(path)
    names = [name for name in found if re.fullmatch(r"fc\.\d+\.(weight|bias)", name)]
    layers = sorted({int(name.split(".")[1]) for name in names})
    if layers != list(range(0, 2 * len(layers), 2)) or len(names) != 2 * len(layers) or len(layers) < 2:
        raise ValueError(f"{path}: must hold fc.0.weight, fc.0.bias, fc.2.weight, ..., got {', '.join(sorted(found))}")
    shapes = [found[f"fc.{i}.weight"].shape for i in layers]
    n = len(parameters)
    if any(len(shape) != 2 for shape in shapes) or shapes[0][1] != n + 2 or shapes[-1][0] != N_POSE:
        raise ValueError(
            f"{path}: a net of {n} parameters takes {n + 2} numbers and gives {N_POSE}, got weights of {shapes}"
        )
    module = PoseNet(PoseNetConfig([shape[0] for shape in shapes[:-1]], n))
    module.normalize(parameters)
    state = {name: torch.from_numpy(found[name].read().astype(np.float32)) for name in names}
    try:
        module.load_state_dict(state | {"low": module.low, "span": module.span})
    except RuntimeError as error:
        raise ValueError(f"{path}: {' '.join(str(error).split())[:300]}") from None
    if not all(torch.isfinite(value).all() for value in state.values()):
        raise ValueError(f"{path}: weights must be finite")
    return module.eval()


def import_weights(
    path: Path, parameters: Parameters, out: Path, bodies: NDArray[np.float32] | None = None, rate_hz: float = 30.0
) -> None:
    """Write a checkpoint of published weights.

    Args:
        bodies: parameters (n, P) that the written files are checked with, and that nominal pose and envelope are taken
            from, as the net answers them; by default some drawn from their ranges.
    Raises: ValueError, OSError: as `read_weights`, or bodies of another number of parameters.
    """
    module = read_weights(path, parameters)
    if bodies is None:
        rng = np.random.default_rng(0)
        bodies = rng.uniform(parameters.low, parameters.high, (DRAWN, len(parameters))).astype(np.float32)
    if bodies.ndim != 2 or bodies.shape[1] != len(parameters) or not len(bodies):
        raise ValueError(f"the samples must have {len(parameters)} parameters, got {bodies.shape}")
    phase = (np.arange(N_FRAMES) % FRAMES_A_CYCLE / FRAMES_A_CYCLE).astype(np.float32)
    rows = np.concatenate(
        [np.repeat(bodies, N_FRAMES, 0), np.tile(phase, len(bodies))[:, None]], axis=1, dtype=np.float32
    )
    with torch.no_grad():
        motions = module(torch.from_numpy(rows)).numpy().reshape(len(bodies), N_FRAMES, N_POSE)
    provenance = {"imported": path.name, "split": {"test": EVERYTHING}}
    spec = pose_spec(parameters, motions, 1.0 / rate_hz, 3.0, provenance)
    net = PoseNetConfig([layer.out_features for layer in module.linear()[:-1]], len(parameters))
    chosen = np.linspace(0, len(rows) - 1, min(1024, len(rows))).astype(int)
    out.parent.mkdir(parents=True, exist_ok=True)
    checkpoint.save(
        out,
        {
            "system": "gait",
            "target": "pose",
            "config": {"system": "gait", "target": "pose", "rate_hz": rate_hz, "net": asdict(net)},
            "model": module.state_dict(),
            "spec": spec.to_json(),
            "held_out": torch.from_numpy(rows[chosen]),
        },
    )
