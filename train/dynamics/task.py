"""The task `system=dynamics`: a rollout of a mechanism's states, learned from recorded trajectories."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from learn_rt.spec import Spec
from learn_rt.train.core.config import LoopConfig, RunConfig, limited, within
from learn_rt.train.core.system import Say, Task
from learn_rt.train.dynamics.baseline import LinearAutoregression
from learn_rt.train.dynamics.contract import dynamics_spec, names_of, units_of
from learn_rt.train.dynamics.data import Data, length_of, read_data
from learn_rt.train.dynamics.figures import examples, figures, rollout_errors
from learn_rt.train.dynamics.fit import fit_linear, fit_scales
from learn_rt.train.dynamics.model import DynamicsNet, DynamicsNetConfig
from learn_rt.train.dynamics.objective import LossConfig, Objective
from learn_rt.train.dynamics.pictures import plot_examples, plot_growth
from learn_rt.train.dynamics.split import SplitConfig, split_trajectories

VALIDATION_WINDOWS = 4000  # neighbouring windows say nearly the same


@dataclass
class DynamicsConfig(RunConfig):
    """The configuration of a run."""

    more_data: list[str] = field(default_factory=list)  # further folders: several tasks, or other days
    coordinate_indices: list[int] | None = None  # positions that count from the window's start; null: as the data says
    angle_indices: list[int] | None = None  # positions that are angles [rad]; null: as the data says
    units: list[str] = field(default_factory=list)  # of the columns; empty: as the data says
    velocity_scale: list[float] = field(default_factory=list)  # what velocities are divided by; empty: as they spread
    horizon: int = 9
    examples: int = 4  # rollouts that an evaluation keeps and draws
    split: SplitConfig = field(default_factory=SplitConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    net: DynamicsNetConfig = field(default_factory=DynamicsNetConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        within("horizon", self.horizon, 1, 4096)
        within("examples", self.examples, 0, 1024)


class DynamicsTask(Task):
    config_type = DynamicsConfig
    groups: ClassVar[dict[str, dict[str, Any]]] = {
        "net": {"gru128": DynamicsNetConfig(), "gru32": DynamicsNetConfig(hidden_size=32, head_size=32)},
        "loop": {
            "adamw": LoopConfig(epochs=100, batch_size=64, lr=3e-3, weight_decay=1e-5, patience=20, keep_every=10)
        },
    }

    def __init__(self, config: DynamicsConfig, say: Say) -> None:
        self._config = config
        self._data = data = _read(config)
        _complete(config, data)
        self._split = split_trajectories(list(data.rows), config.seed, config.split)
        length = config.net.window + config.horizon
        self._train = data.windows(self._split.train, length)
        self._validation = data.windows(self._split.validation, length) if self._split.validation else None
        self._test = data.windows(self._split.test, length)
        self.module = DynamicsNet(config.net)
        fit_scales(self.module, self._train, config.velocity_scale)
        fit_linear(self.module, self._train)
        self.objective = Objective(self.module, config.loss, self._train)
        self._std = _std(self._train.rows[:, : self.module.layout.n_state])
        self.n_windows = len(self._train)
        rows = ", ".join(f"{n:,} rows for {side}" for side, n in length_of(self._split, data).items())
        say(f"{len(data.rows)} trajectories at {data.about.dt_s:g} s: {rows}")

    @staticmethod
    def build(config: Mapping[str, Any]) -> DynamicsNet:
        """Return an untrained net of the sizes in `config["net"]`."""
        return DynamicsNet(DynamicsNetConfig(**config["net"]))

    @staticmethod
    def evaluate(config: DynamicsConfig, module: nn.Module, provenance: Mapping[str, Any]) -> dict[str, Any]:
        """Return the accuracy of a trained module on the trajectories that its provenance names as held out."""
        assert isinstance(module, DynamicsNet)
        split = provenance.get("split")
        if not isinstance(split, dict) or not split.get("test") or not split.get("train"):
            raise ValueError("the checkpoint names no held-out trajectory: it was not trained on data")
        data, length = _read(config), config.net.window + config.horizon
        train, test = data.windows(split["train"], length), data.windows(split["test"], length)
        return _accuracy(module, train, test, _std(train.rows[:, : module.layout.n_state]), config, data)

    def to(self, device: torch.device) -> None:
        for side in (self._train, self._validation, self._test):
            if side:
                side.to(device)
        self._std = self._std.to(device)

    def n_batches(self) -> int:
        return max(1, self.n_windows // self._config.loop.batch_size)

    def batches(self, generator: torch.Generator) -> Iterator[tuple[Tensor, ...]]:
        """Yield every window once, in random order; what does not fill a batch is left out."""
        order = torch.randperm(self.n_windows, generator=generator)
        for i in range(self.n_batches()):
            yield (self._train.take(order[i * self._config.loop.batch_size : (i + 1) * self._config.loop.batch_size]),)

    def validate(self) -> dict[str, float]:
        """Return the root mean square error of standardised states over the horizon, and at its first and last step."""
        if self._validation is None:
            return {}
        count = limited(min(len(self._validation), VALIDATION_WINDOWS), self._config.loop.limit_validation_batches)
        mse = rollout_errors(self._module(), self._validation, None, self._std, count)[0].square().mean((0, 2))
        return {"rmse": float(mse.mean().sqrt()), "mse_first": float(mse[0]), "mse_last": float(mse[-1])}

    def test(self) -> dict[str, Any]:
        return _accuracy(self._module(), self._train, self._test, self._std, self._config, self._data)

    def report(self) -> dict[str, Any]:
        return {"split": asdict(self._split), "data_sha256": self._data.sha256}

    def spec(self, provenance: dict[str, Any]) -> Spec:
        module, about = self._module(), self._data.about
        units = units_of(module.layout, self._config.units or about.units)
        known = {"split": {k: list(v) for k, v in asdict(self._split).items()}, "data_sha256": self._data.sha256}
        return dynamics_spec(module, about.dt_s, self._config.horizon, units, self._train.rows, provenance | known)

    def held_out(self) -> Tensor:
        return self._test.spread(1024)[:, :-1].cpu().contiguous()

    @staticmethod
    def plot(accuracy: Mapping[str, Any], folder: Path) -> None:
        """Draw growth.png and one picture an example."""
        plot_growth(accuracy, folder)
        plot_examples(accuracy, folder)

    def _module(self) -> DynamicsNet:
        assert isinstance(self.module, DynamicsNet)
        return self.module


def _read(config: DynamicsConfig) -> Data:
    return read_data([config.data, *config.more_data], config.coordinate_indices, config.angle_indices)


def _complete(config: DynamicsConfig, data: Data) -> None:
    """Write into the configuration what the data says: a checkpoint must build its net without the data."""
    about, net = data.about, config.net
    coordinates, angles = config.coordinate_indices, config.angle_indices
    config.coordinate_indices = about.coordinate_indices if coordinates is None else coordinates
    config.angle_indices = about.angle_indices if angles is None else angles
    nq, nv, nu = data.counts
    config.net = replace(
        net,
        n_positions=nq,
        n_velocities=nv,
        n_controls=nu,
        coordinate_indices=config.coordinate_indices,
        angle_indices=config.angle_indices,
    )
    config.units = units_of(config.net.layout, config.units or about.units)


def _accuracy(
    module: DynamicsNet, train: Any, test: Any, std: Tensor, config: DynamicsConfig, data: Data
) -> dict[str, Any]:
    n = module.layout.n_state
    names = names_of(module.layout)[:n]
    baseline = LinearAutoregression(train, config.net.window, n)
    units = units_of(module.layout, config.units or data.about.units)
    found = figures(module, test, baseline, std, names)
    return {
        **found,
        "units": dict(zip(names, units, strict=False)),
        "examples": examples(module, test, config.examples),
    }


def _std(states: Tensor) -> Tensor:
    std = states.double().std(0).float()
    return torch.where(std > 1e-9, std, torch.ones_like(std))


TASK = DynamicsTask
