"""The nets that the engine is measured on, with seeded random weights, exported once and kept."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from learn_rt.spec import Kind, Signal, Spec

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from learn_rt.train.core.servable import Servable

DT_S = 0.001
SEED = 42
EDITION = 1  # of this file: what it makes is kept until this number changes, or the nets' own code
N_HELD_OUT = 64

Made = tuple["Servable", Spec, "NDArray[np.float32]"]


def printer(hidden: int, steps: int, seed: int = SEED) -> Made:
    """The corrector: fitted filters beside a front layer and an LSTM of two layers."""
    from learn_rt.train.core.checkpoint import load_servable
    from learn_rt.train.printer.model import OffsetNetConfig
    from learn_rt.train.printer.untrained import write_untrained

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "untrained.ckpt"
        write_untrained(path, OffsetNetConfig(steps=steps, preview=steps // 2, hidden_size=hidden), seed)
        return load_servable(path)


def dynamics(horizon: int) -> Made:
    """A GRU of 128 over 11 rows of a cart pole, with its linear path; `horizon` 0: the next state alone."""
    import torch

    from learn_rt.benchmarks.engine.next_state import NextState
    from learn_rt.train.dynamics.contract import dynamics_spec, units_of
    from learn_rt.train.dynamics.model import DynamicsNet, DynamicsNetConfig

    sizes = DynamicsNetConfig(2, 2, 1, [0], [1], window=11, hidden_size=128)
    module = DynamicsNet(sizes).eval()
    rng = np.random.default_rng(SEED)
    with torch.no_grad():
        assert module.linear is not None
        module.linear.weight.normal_(0.0, 0.02)
        module.delta_scale.fill_(0.01)
        module.move_scale.fill_(0.1)
    rows = np.cumsum(rng.normal(0.0, 0.03, (N_HELD_OUT, 11 + max(0, horizon - 1), 5)), 1).astype(np.float32)
    units = units_of(module.layout, [])
    spec = dynamics_spec(module, DT_S, max(horizon, 1), units, torch.from_numpy(rows.reshape(-1, 5)), _PROVENANCE)
    if horizon:
        return module, spec, rows
    inputs = tuple(replace(s, feedback_of=None, range_trained=None) for s in spec.inputs)
    spec = replace(spec, name="dynamics", kind=Kind.WINDOW, horizon=0, inputs=inputs)
    return NextState(module), spec, rows


def gait(n_parameters: int) -> Made:
    """Parameters and the phase through three layers of 512 to the 101 numbers of a pose."""
    from learn_rt.train.gait.model import PoseNet, PoseNetConfig

    names = [f"parameter_{i}" for i in range(n_parameters)] + ["phase"]
    samples = np.random.default_rng(SEED).uniform(0.0, 1.0, (N_HELD_OUT, len(names)))
    module = PoseNet(PoseNetConfig(n_parameters=n_parameters)).eval()
    return module, _spec("gait", Kind.POINTWISE, names, 101), samples.astype(np.float32)


def cost() -> Made:
    """Two features through a residual perceptron of 64 and 32 with GELU to one cost."""
    from learn_rt.train.cost.model import CostNet, NetConfig

    samples = np.random.default_rng(SEED).normal(size=(N_HELD_OUT, 2)).astype(np.float32)
    module = CostNet(2, 1, NetConfig()).eval()
    module.y_mean.fill_(1.0)  # a cost has a size; TorchScript leaves float32's last digit of small sums
    return module, _spec("cost", Kind.POINTWISE, ["a", "b"], 1), samples


def activity() -> Made:
    """A window of 256 of 6 sensor axes through three convolutions to 21 probabilities."""
    from learn_rt.train.activity.model import NetConfig, Recognizer

    module = Recognizer(NetConfig(window=256, input_channels=6, n_classes=21)).eval()
    samples = np.random.default_rng(SEED).normal(size=(N_HELD_OUT, 256, 6)).astype(np.float32)
    names = [f"{sensor}_{axis}" for sensor in ("acceleration", "rotation") for axis in "xyz"]
    return module, _spec("activity", Kind.WINDOW, names, 21, window=256), samples


_PROVENANCE = {"seed": SEED, "trained": False}


def _spec(name: str, kind: Kind, inputs: list[str], n_outputs: int, window: int = 1) -> Spec:
    outputs = tuple(Signal(f"y{i}", "1") for i in range(n_outputs))
    return Spec(name, kind, DT_S, tuple(Signal(n, "1") for n in inputs), outputs, window=window, provenance=_PROVENANCE)


# Which net each model is, and of a rollout how many candidates it answers for at once.
NETS: dict[str, Callable[[], Made]] = {
    "printer-56x2-w20": lambda: printer(56, 20),
    "printer-96x2-w50": lambda: printer(96, 50),
    "dynamics-gru128-h11": lambda: dynamics(0),
    "dynamics-rollout-h9": lambda: dynamics(9),
    "dynamics-rollout-h75": lambda: dynamics(75),
    "gait-mlp-15": lambda: gait(13),
    "gait-mlp-281": lambda: gait(279),
    "cost-mlp": cost,
    "activity-w256": activity,
}
ROLLOUTS = {  # net, candidates, horizon, threads on both sides: of the large ones a planner would take more than one
    "dynamics-rollout-h9-k1": ("dynamics-rollout-h9", 1, 9, 1),
    "dynamics-rollout-h9-k256": ("dynamics-rollout-h9", 256, 9, 1),
    "dynamics-rollout-h75-k64": ("dynamics-rollout-h75", 64, 75, 2),
    "dynamics-rollout-h75-k128": ("dynamics-rollout-h75", 128, 75, 2),
}
ROWS = (
    "printer-56x2-w20",
    "printer-96x2-w50",
    "dynamics-gru128-h11",
    *ROLLOUTS,
    "gait-mlp-15",
    "gait-mlp-281",
    "cost-mlp",
    "activity-w256",
)


def version_folder(net: str, cache: Path) -> Path:
    """Return the version folder of a net, exported with model.pt when the cache does not hold it yet.

    The cache goes by what writes the files: a change of the exporter or of a net's code exports anew.
    """
    repository = cache / _code_hash()
    there = repository / net / "1"
    if (there / "SHA256SUMS").exists():
        return there
    import torch

    from learn_rt.export import export_servable

    repository.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng():
        torch.manual_seed(SEED)
        module, spec, held_out = NETS[net]()
    return export_servable(module, spec, held_out, repository, net, formats=("onnx", "torchscript"))


def _code_hash() -> str:
    digest = hashlib.sha256(str(EDITION).encode())
    for path in sorted(_sources()):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _sources() -> Iterator[Path]:
    import learn_rt.export
    import learn_rt.train.core

    for name in ("onnx_format", "unroll", "torchscript", "step_graph", "golden"):
        yield Path(learn_rt.export.__path__[0]) / f"{name}.py"
    train = Path(learn_rt.train.core.__path__[0]).parent
    for name in ("printer/model", "dynamics/model", "gait/model", "cost/model", "activity/model", "activity/nets"):
        yield train / f"{name}.py"
