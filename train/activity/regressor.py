"""The task `system=activity target=regressor`: what a sensor would feel, from the pose; for making simulated data.

Alone it learns from the squared error. `pretrained=` a checkpoint of `system=activity` starts from the regressor that
was trained there with the classifier; with `loop.epochs=0` it is kept as it is, ready to be exported.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torchmetrics.functional import mean_squared_error, pearson_corrcoef, r2_score

from learn_rt.jsonread import read_dataclass
from learn_rt.spec import Spec
from learn_rt.train.activity.config import GROUPS, REGRESSION, ActivityConfig
from learn_rt.train.activity.contract import simulator_spec
from learn_rt.train.activity.losses import squared_error
from learn_rt.train.activity.model import Activity, NetConfig, Simulator
from learn_rt.train.activity.recordings import Description
from learn_rt.train.activity.sides import Sides, channels_of, held_out
from learn_rt.train.activity.task import AT_ONCE, N_HELD_OUT
from learn_rt.train.activity.windows import Windows
from learn_rt.train.core.config import limited
from learn_rt.train.core.system import Say, Task

PREFIX = "simulator."  # of the regressor's weights in a checkpoint of all three nets


class Objective(nn.Module):
    """The squared error of the simulated sensor, in standard deviations, where the pose was seen."""

    def __init__(self, module: Simulator) -> None:
        super().__init__()
        self.module = module

    def forward(self, imu: Tensor, pose: Tensor, posed: Tensor) -> Tensor:
        """Return the loss of raw windows: imu (batch, window, channels), pose (batch, window, 3 + 3 joints)."""
        real = ((imu - self.module.mean) / self.module.std).transpose(1, 2)
        return squared_error(self.module.simulate(pose), real, posed)


class RegressorTask(Task):
    config_type = ActivityConfig
    groups: ClassVar[dict[str, dict[str, Any]]] = GROUPS | {"loop": {"regression": REGRESSION}}

    def __init__(self, config: ActivityConfig, say: Say) -> None:
        self._config = config
        self._sides = Sides.read(config)
        train = self._sides.train
        whole = Activity(config.net)
        spread = torch.linspace(0, len(train) - 1, min(len(train), 2048)).long()
        whole.normalize(train.imu, train.take(spread)[1])
        self.module: Simulator = whole.simulator
        self.objective = Objective(self.module)
        self.n_windows = len(train)
        say(f"windows: train {len(train):,}; with a pose {float(train.posed.mean()):.0%} of the samples")

    @staticmethod
    def build(config: Mapping[str, Any]) -> Simulator:
        """Return an untrained regressor of the sizes in `config["net"]`."""
        return Simulator(read_dataclass(NetConfig, config["net"], "net"))

    @staticmethod
    def evaluate(config: ActivityConfig, module: nn.Module, provenance: Mapping[str, Any]) -> dict[str, Any]:
        """Return the figures of a regressor on the subjects that its provenance names as held out."""
        assert isinstance(module, Simulator)
        description, windows = held_out(config, provenance)
        return _judged(module, windows, _names(description, config))

    def to(self, device: torch.device) -> None:
        self._sides.to(device)

    def n_batches(self) -> int:
        return -(-self.n_windows // self._config.loop.batch_size)

    def batches(self, generator: torch.Generator) -> Iterator[tuple[Tensor, ...]]:
        train = self._sides.train
        for which in torch.randperm(len(train), generator=generator).split(self._config.loop.batch_size):
            yield train.take(which.to(train.imu.device))[:3]

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Return `nrmse`, in standard deviations of the channels."""
        windows, size = self._sides.validation, self._config.loop.batch_size
        n = min(len(windows), size * limited(-(-len(windows) // size), self._config.loop.limit_validation_batches))
        which = torch.linspace(0, len(windows) - 1, n, device=windows.imu.device).long()
        total = sum(float(self.objective(*windows.take(b)[:3])) * len(b) for b in which.split(AT_ONCE))
        return {"nrmse": (total / n) ** 0.5}

    def test(self) -> dict[str, Any]:
        return _judged(self.module, self._sides.test, _names(self._sides.description, self._config))

    def report(self) -> dict[str, Any]:
        return self._sides.report()

    def adopt(self, weights: Mapping[str, Tensor]) -> None:
        """Start from a regressor's weights, alone or among all three nets'."""
        own = {name.removeprefix(PREFIX): w for name, w in weights.items() if name.startswith(PREFIX)}
        self.module.load_state_dict(own or weights)

    def spec(self, provenance: dict[str, Any]) -> Spec:
        sides, config = self._sides, self._config
        channels = [sides.description.channels[i] for i in channels_of(sides.description, config.sensors)]
        known = {"split": sides.named(), "data_sha256": sides.sha256}
        return simulator_spec(
            self.module, config.net, sides.description, channels, sides.train.pose, provenance | known
        )

    def held_out(self) -> Tensor:
        test = self._sides.test
        which = torch.linspace(0, len(test) - 1, min(N_HELD_OUT, len(test)), device=test.imu.device).long()
        return test.take(which)[1].cpu().contiguous()


def _names(description: Description, config: ActivityConfig) -> list[str]:
    return [c.name for c in (description.channels[i] for i in channels_of(description, config.sensors))]


@torch.no_grad()
def _judged(module: Simulator, windows: Windows, names: list[str]) -> dict[str, Any]:
    """Return nrmse, r2 and corr, in standard deviations of the channels, where the pose was seen; and by channel."""
    answers, truths = [], []
    for block in torch.arange(len(windows), device=windows.imu.device).split(AT_ONCE):
        imu, pose, posed, _ = windows.take(block)
        made = module(pose).view_as(imu)
        answers.append(((made - module.mean) / module.std)[posed > 0].cpu())
        truths.append(((imu - module.mean) / module.std)[posed > 0].cpu())
    a, t = torch.cat(answers).double(), torch.cat(truths).double()
    each = {name: _figures(a[:, i].contiguous(), t[:, i].contiguous()) for i, name in enumerate(names)}
    return {**_figures(a.flatten(), t.flatten()), "outputs": each}


def _figures(answers: Tensor, truths: Tensor) -> dict[str, float]:
    return {
        "nrmse": float(mean_squared_error(answers, truths, squared=False)),
        "r2": float(r2_score(answers, truths)),
        "corr": float(pearson_corrcoef(answers, truths)),
    }


TASK = RegressorTask
