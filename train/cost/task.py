"""The task `system=cost`: costs of rollouts from what they were run with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from learn_rt.spec import Kind, Normalization, Signal, Spec
from learn_rt.train.core.config import Logger, LoopConfig, Optimizer, RunConfig, Schedule, within
from learn_rt.train.core.system import Say, Task
from learn_rt.train.cost.accuracy import accuracy, pairs
from learn_rt.train.cost.by_hand import ObjectiveByHand
from learn_rt.train.cost.model import CostNet, NetConfig
from learn_rt.train.cost.objective import LossConfig, Objective
from learn_rt.train.cost.plots import plot_errors
from learn_rt.train.cost.rollouts import Table, find_files, read_table
from learn_rt.train.cost.split import Sides, SplitConfig, split_rows

UNSTATED = "unstated"  # unit of a signal that the configuration says nothing of
MAX_HELD_OUT = 1024


@dataclass
class AugmentConfig:
    """Fresh noise on every epoch's batches, in standard deviations; 0: none."""

    input_noise: float = 0.0
    output_noise: float = 0.0

    def __post_init__(self) -> None:
        within("augment.input_noise", self.input_noise, 0, 10)
        within("augment.output_noise", self.output_noise, 0, 10)


@dataclass
class CostConfig(RunConfig):
    """The configuration of a run."""

    logger: list[Logger] = field(default_factory=lambda: [Logger.json])  # beside metrics.jsonl
    threads: int = 1  # of the CPU: more do not help nets of this size; 0: all that the process may use
    inputs: list[str] = field(default_factory=lambda: ["gait_cadence", "gait_stride"])  # parameters or attributes
    outputs: list[str] = field(default_factory=lambda: ["cot_ma15"])  # the same
    labels: dict[str, str] = field(default_factory=lambda: {"cot_ma15": "metabolic/cot/MA/mean"})  # name: attribute
    units: dict[str, str] = field(default_factory=lambda: {"cot_ma15": "J/kg/m"})  # name: unit
    dt_s: float = 0.01  # of the loop that the model will serve
    bootstrap: bool = True  # each member of an ensemble trains on its own draw of the rollouts, with replacement
    gradient: str = "by_hand"  # or autograd: slower, for mixed precision
    split: SplitConfig = field(default_factory=SplitConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    net: NetConfig = field(default_factory=NetConfig)
    loss: LossConfig = field(default_factory=LossConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("inputs", "outputs"):
            labels = getattr(self, name)
            if not 1 <= len(labels) <= 1024 or len(set(labels)) != len(labels):
                raise ValueError(f"{name} must be 1 to 1024 distinct names, got {labels}")
        if both := set(self.inputs) & set(self.outputs):
            raise ValueError(f"a name cannot be an input and an output: {', '.join(sorted(both))}")
        within("dt_s", self.dt_s, 1e-6, 1e6)
        if self.gradient not in ("by_hand", "autograd"):
            raise ValueError(f"gradient must be by_hand or autograd, got {self.gradient!r}")
        if self.gradient == "by_hand" and self.precision != "32-true":
            raise ValueError(f"gradient=by_hand computes in float32: set gradient=autograd for {self.precision}")


LOOP = LoopConfig(
    epochs=10_002,
    batch_size=65_536,
    optimizer=Optimizer.adam,
    lr=0.1,
    weight_decay=0.0,
    schedule=Schedule.plateau,
    factor=0.5,
    plateau_patience=100,
    plateau_on="loss",
    min_lr=5e-4,
    warmup_steps=0,
    clip_norm=0.0,
    monitor="nrmse",
    patience=0,
    validate_every=50,
    save_every=1000,
    keep_every=1000,
)


@dataclass
class Side:
    """Rows of one side: raw, and in standard scores as the module has them."""

    raw_x: Tensor
    raw_y: Tensor
    x: Tensor = field(default_factory=lambda: torch.empty(0))
    y: Tensor = field(default_factory=lambda: torch.empty(0))

    def normalize(self, module: CostNet) -> None:
        """Take the module's statistics."""
        mean, std = module.x_mean.to(self.raw_x.device), module.x_std.to(self.raw_x.device)
        self.x = (self.raw_x - mean) / std
        mean, std = module.y_mean.to(self.raw_y.device), module.y_std.to(self.raw_y.device)
        self.y = (self.raw_y - mean) / std

    def to(self, device: torch.device) -> None:
        """Move to a device."""
        self.raw_x, self.raw_y, self.x, self.y = (t.to(device) for t in (self.raw_x, self.raw_y, self.x, self.y))


class CostTask(Task):
    module: CostNet
    objective: Objective | ObjectiveByHand
    config_type = CostConfig
    groups: ClassVar[dict[str, dict[str, Any]]] = {
        "loop": {"plateau": LOOP},
        "net": {
            "residual": NetConfig(),
            "sequential": NetConfig(residual=False),
            "ensemble": NetConfig(members=5),
        },
    }

    def __init__(self, config: CostConfig, say: Say) -> None:
        self._config = config
        self._table, self._sides = _read(config)
        train, validation, test = (
            _side(self._table, rows) for rows in (self._sides.train, self._sides.validation, self._sides.test)
        )
        seen = [name for name, side in (("validation", validation), ("test", test)) if side is None]
        if seen:
            say(f"no {' and no '.join(seen)} split: figures are of the training data")
        assert train is not None
        self._train = train
        self._validation, self._test, self._tested = validation or train, test or train, test is not None
        net = CostNet(len(config.inputs), len(config.outputs), config.net)
        net.normalize(train.raw_x, train.raw_y)
        constant = [n for n, i in zip(config.inputs, _constant(train.raw_x), strict=True) if i]
        if constant:
            say(f"constant in the training data, so without effect there: {', '.join(constant)}")
        by_hand = config.gradient == "by_hand"
        self.module = net
        self.objective = (
            ObjectiveByHand(net, config.loss, config.loop.accumulate == 1) if by_hand else Objective(net, config.loss)
        )
        self._normalize()
        self.n_windows = len(train.x)
        self._weight = _draws(self.n_windows, config) if config.bootstrap and config.net.members > 1 else None
        rows = (len(self._sides.train), len(self._sides.validation), len(self._sides.test))
        say("rollouts: {} to train, {} to validate, {} to test".format(*rows) + f"; {self._table.passed_over} failed")

    @staticmethod
    def build(config: Mapping[str, Any]) -> CostNet:
        """Return an untrained net of the sizes in `config["net"]`."""
        sizes = dict(config["net"])
        return CostNet(len(config["inputs"]), len(config["outputs"]), NetConfig(**sizes))

    @staticmethod
    def evaluate(config: CostConfig, module: nn.Module, provenance: Mapping[str, Any]) -> dict[str, Any]:
        """Return the accuracy on the held-out rollouts of the data of the training, or on all of other data."""
        assert isinstance(module, CostNet)
        table, sides = _read(config)
        same = provenance.get("data_sha256") == table.sha256
        rows = sides.test if same else np.arange(len(table.inputs))
        side = _side(table, rows if len(rows) else sides.train)
        assert side is not None
        return _in_detail(config, module, side, same and not len(sides.test))

    def to(self, device: torch.device) -> None:
        for side in (self._train, self._validation, self._test):
            side.to(device)
        if self._weight is not None:
            self._weight = self._weight.to(device)

    def n_batches(self) -> int:
        return -(-self.n_windows // self._config.loop.batch_size)

    def batches(self, generator: torch.Generator) -> Iterator[tuple[Tensor, ...]]:
        """Yield all rollouts at once where they fit into a batch, else in a new order every epoch."""
        everything = (self._train.x, self._train.y) + (() if self._weight is None else (self._weight,))
        if self.n_batches() == 1:
            yield self._noisy(everything, generator)
            return
        order = torch.randperm(self.n_windows, generator=generator).to(self._train.x.device)
        for rows in order.split(self._config.loop.batch_size):
            yield self._noisy(tuple(part[rows] for part in everything), generator)

    def validate(self) -> dict[str, float]:
        figures = _accuracy(self._config, self.module, self._validation)
        return {key: figures[key] for key in ("nrmse", "r2")}

    def test(self) -> dict[str, Any]:
        return _in_detail(self._config, self.module, self._test, not self._tested)

    def report(self) -> dict[str, Any]:
        return {**self._known(), "rollouts_failed": self._table.passed_over}

    def spec(self, provenance: dict[str, Any]) -> Spec:
        c, net = self._config, self.module
        low, high = self._train.raw_x.amin(0).tolist(), self._train.raw_x.amax(0).tolist()
        outputs = [
            Signal(name, c.units.get(name, UNSTATED), nominal=_float(net.y_mean[i])) for i, name in enumerate(c.outputs)
        ]
        if c.net.members > 1:
            outputs += [Signal(f"{name}_spread", c.units.get(name, UNSTATED)) for name in c.outputs]
        return Spec(
            name="cost",
            kind=Kind.POINTWISE,
            dt_s=c.dt_s,
            inputs=tuple(
                Signal(name, c.units.get(name, UNSTATED), range_trained=_range(a, b))
                for name, a, b in zip(c.inputs, low, high, strict=True)
            ),
            outputs=tuple(outputs),
            normalization=Normalization(
                inside_graph=True, mean=tuple(net.x_mean.tolist()), std=tuple(net.x_std.tolist())
            ),
            provenance=provenance | self._known(),
        )

    def held_out(self) -> Tensor:
        """Return rows of the test split, or where there is none the middles between neighbours in the training data."""
        x = self._test.raw_x
        if not self._tested:
            x = 0.5 * (x + x.roll(1, 0))
        return x[torch.linspace(0, len(x) - 1, min(MAX_HELD_OUT, len(x))).long()].cpu().contiguous()

    def on_epoch(self, epoch: int) -> None:
        """Tell the loss which epoch it is: Huber comes first."""
        self.objective.epoch = epoch

    def adopt(self, weights: Mapping[str, Tensor]) -> None:
        """Start from trained weights, their statistics included: the data is normalised by those."""
        super().adopt(weights)
        self._normalize()

    @staticmethod
    def plot(accuracy: Mapping[str, Any], folder: Path) -> None:
        """Draw answers over targets."""
        plot_errors(accuracy, folder / "answers.png")

    def _normalize(self) -> None:
        for side in (self._train, self._validation, self._test):
            side.normalize(self.module)

    def _noisy(self, batch: tuple[Tensor, ...], generator: torch.Generator) -> tuple[Tensor, ...]:
        a = self._config.augment
        if not (a.input_noise or a.output_noise):
            return batch
        x, y, *rest = batch
        x = x + a.input_noise * torch.randn(x.shape, generator=generator).to(x.device)
        y = y + a.output_noise * torch.randn(y.shape, generator=generator).to(y.device)
        return (x, y, *rest)

    def _known(self) -> dict[str, Any]:
        """Return what is recorded of the data; the split follows from it, the seed and the shares."""
        s = self._sides
        counts = {"train": len(s.train), "validation": len(s.validation), "test": len(s.test)}
        split = asdict(self._config.split) | {"seed": self._config.seed, "rollouts": counts}
        return {"split": split, "data_sha256": self._table.sha256}


def _read(config: CostConfig) -> tuple[Table, Sides]:
    table = read_table(find_files(config.data), config.inputs, config.outputs, config.labels, config.split.by)
    return table, split_rows(table.groups, config.split, config.seed)


def _side(table: Table, rows: np.ndarray) -> Side | None:
    if not len(rows):
        return None
    return Side(torch.from_numpy(table.inputs[rows]).float(), torch.from_numpy(table.outputs[rows]).float())


def _accuracy(config: CostConfig, module: nn.Module, side: Side) -> dict[str, Any]:
    """Return the accuracy through the module's own forward, in physical units."""
    assert isinstance(module, CostNet)
    return accuracy(_answers(module, side), side.raw_y.cpu(), module.y_std.cpu(), tuple(config.outputs))


def _in_detail(config: CostConfig, module: nn.Module, side: Side, seen: bool) -> dict[str, Any]:
    """Return the same, with what the picture needs and whether training saw this side."""
    detail = pairs(_answers(module, side), side.raw_y.cpu(), tuple(config.outputs))
    return _accuracy(config, module, side) | {"seen_in_training": seen, "detail": detail}


@torch.no_grad()
def _answers(module: nn.Module, side: Side) -> Tensor:
    return torch.cat([module(part) for part in side.raw_x.split(65_536)]).cpu()


def _draws(n: int, config: CostConfig) -> Tensor:
    """Return how often each member drew each rollout (n, members): n draws each, with replacement."""
    rng = np.random.default_rng([config.seed, 1])
    return torch.from_numpy(rng.multinomial(n, np.full(n, 1.0 / n), config.net.members).T.copy()).float()


def _constant(x: Tensor) -> list[bool]:
    return [bool(a == b) for a, b in zip(x.amin(0), x.amax(0), strict=True)]


def _range(low: float, high: float) -> tuple[float, float]:
    # What never changed in training is still a range.
    return (low, high) if low < high else (low - 1e-6 - 1e-6 * abs(low), high + 1e-6 + 1e-6 * abs(high))


def _float(value: Tensor) -> float:
    return float(value)


TASK = CostTask
