"""A net of each system with seeded random weights: what it learned does not change what it costs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from learn_rt.benchmarks.latency.folders import ModelFolder
from learn_rt.spec import Kind, Signal, Spec

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from learn_rt.train.core.servable import Servable

DT_S = 0.002  # every net is asked at the printer's rate, so that their figures stand beside each other
N_PARAMETERS = 279  # of the published gait controller
N_HELD_OUT = 64


def write_own_model(name: str, repository: Path) -> ModelFolder:
    """Export the net of a system in `OWN_MODELS` into a repository."""
    import torch

    from learn_rt.export import export_servable

    repository.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng():
        torch.manual_seed(42)
        module, spec, held_out = OWN_MODELS[name](repository)
    return ModelFolder(name, export_servable(module, spec, held_out, repository, formats=("onnx",)))


Made = tuple["Servable", Spec, "NDArray[np.float32]"]


def _printer(folder: Path) -> Made:
    """Window 49 of 5 signals: filters beside an LSTM of 2 x 56, run in lanes."""
    from learn_rt.train.core.checkpoint import load_servable
    from learn_rt.train.printer.untrained import write_untrained

    checkpoint = folder / "untrained.ckpt"
    write_untrained(checkpoint)
    try:
        return load_servable(checkpoint)
    finally:
        checkpoint.unlink()


def _gait(folder: Path) -> Made:
    """One sample of 279 parameters and the phase: a perceptron of 3 x 512 to 101 numbers of a pose."""
    from learn_rt.train.gait.model import PoseNet, PoseNetConfig

    module = PoseNet(PoseNetConfig(n_parameters=N_PARAMETERS)).eval()
    names = [f"parameter_{i}" for i in range(N_PARAMETERS)] + ["phase"]
    samples = np.random.default_rng(42).uniform(0.0, 1.0, (N_HELD_OUT, len(names)))
    return module, _spec("gait", Kind.POINTWISE, names, 101), samples.astype(np.float32)


def _activity(folder: Path) -> Made:
    """Window 100 of 6 sensor axes: three convolutions to 21 probabilities, the whole window run at each sample."""
    from learn_rt.train.activity.model import NetConfig, Recognizer

    module = Recognizer(NetConfig(window=100, input_channels=6, n_classes=21)).eval()
    samples = np.random.default_rng(42).normal(size=(N_HELD_OUT, 100, 6))
    names = [f"{sensor}_{axis}" for sensor in ("acceleration", "rotation") for axis in "xyz"]
    return module, _spec("activity", Kind.WINDOW, names, 21, window=100), samples.astype(np.float32)


def _cost(folder: Path) -> Made:
    """One sample of 2 features: a residual perceptron of 64 and 32 with GELU to one cost."""
    from learn_rt.train.cost.model import CostNet, NetConfig

    samples = np.random.default_rng(42).normal(size=(N_HELD_OUT, 2))
    return CostNet(2, 1, NetConfig()).eval(), _spec("cost", Kind.POINTWISE, ["a", "b"], 1), samples.astype(np.float32)


def _spec(name: str, kind: Kind, inputs: list[str], n_outputs: int, window: int = 1) -> Spec:
    outputs = tuple(Signal(f"y{i}", "1") for i in range(n_outputs))
    provenance = {"seed": 42, "trained": False}
    return Spec(name, kind, DT_S, tuple(Signal(n, "1") for n in inputs), outputs, window=window, provenance=provenance)


OWN_MODELS: dict[str, Callable[[Path], Made]] = {
    "printer": _printer,
    "gait": _gait,
    "activity": _activity,
    "cost": _cost,
}
