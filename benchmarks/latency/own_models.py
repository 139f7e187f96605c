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

DT_S = 0.002  # nets that answer each sample are asked at the printer's rate, so that their figures can be compared
PLANNER_DT_S, HORIZON = 0.02, 9  # a planner looks some steps ahead, and has longer
N_PARAMETERS = 279  # of the published gait controller
N_HELD_OUT = 64
UNTRAINED = {"seed": 42, "trained": False}


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


def _table(folder: Path) -> Made:
    """One sample of 3 signals, its state carried: a linear map of 20 samples beside a GRU of 48 to one number."""
    import torch

    from learn_rt.train.table.model import CarriedNet, NetConfig

    net = NetConfig()
    module = CarriedNet(net, net.taps, 3, 1).eval()
    for layer in (module.linear, module.head):  # they start at zero
        torch.nn.init.normal_(layer.weight, std=0.1)
    samples = np.random.default_rng(42).normal(size=(N_HELD_OUT // 8, 256, 3)).cumsum(1) * 0.1
    return module, _spec("table", Kind.STATEFUL, ["a", "b", "c"], 1), samples.astype(np.float32)


def _dynamics(folder: Path) -> Made:
    """A double cart pole's 9 next states from a window of 11 rows, for many candidates: a GRU of 128 in lanes."""
    import torch

    from learn_rt.train.dynamics.contract import dynamics_spec
    from learn_rt.train.dynamics.model import DynamicsNet, DynamicsNetConfig

    net = DynamicsNetConfig(n_positions=3, n_velocities=3, n_controls=1, coordinate_indices=[0], angle_indices=[1, 2])
    module = DynamicsNet(net).eval()
    module.delta_scale.fill_(0.01)
    rows = np.random.default_rng(42).normal(size=(N_HELD_OUT, net.window + HORIZON - 1, 7)).astype(np.float32)
    units = ["m", "rad", "rad", "m/s", "rad/s", "rad/s", "1"]
    flat = torch.from_numpy(rows).flatten(0, 1)
    return module, dynamics_spec(module, PLANNER_DT_S, HORIZON, units, flat, UNTRAINED), rows


def _spec(name: str, kind: Kind, inputs: list[str], n_outputs: int, window: int = 1) -> Spec:
    outputs = tuple(Signal(f"y{i}", "1") for i in range(n_outputs))
    return Spec(name, kind, DT_S, tuple(Signal(n, "1") for n in inputs), outputs, window=window, provenance=UNTRAINED)


OWN_MODELS: dict[str, Callable[[Path], Made]] = {
    "printer": _printer,
    "gait": _gait,
    "activity": _activity,
    "cost": _cost,
    "table": _table,
    "dynamics": _dynamics,
}
