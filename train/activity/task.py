"""The task `system=activity`: what the wearer does, from a window of a wrist's sensor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from learn_rt.jsonread import read_dataclass
from learn_rt.spec import Spec
from learn_rt.train.activity.augment import Augmentation
from learn_rt.train.activity.config import GROUPS, ActivityConfig
from learn_rt.train.activity.contract import recognizer_spec
from learn_rt.train.activity.figures import all_figures, scores
from learn_rt.train.activity.losses import ScenarioConfig, squared_error, three_parts, unlikeness
from learn_rt.train.activity.model import Activity, Member, NetConfig, Recognizer, count
from learn_rt.train.activity.nets import unremembered
from learn_rt.train.activity.pictures import plot_confusion
from learn_rt.train.activity.sides import Sides, channels_of, held_out
from learn_rt.train.activity.windows import Windows
from learn_rt.train.core.config import limited
from learn_rt.train.core.system import Say, Task

AT_ONCE = 1024  # windows, where no gradient is needed
N_HELD_OUT = 512


class Objective(nn.Module):
    """The three-part loss of a batch of windows; the module learns from augmented ones."""

    def __init__(self, module: Activity, scenario: ScenarioConfig, augment: Augmentation) -> None:
        super().__init__()
        self.module, self.scenario, self.augment = module, scenario, augment

    def forward(self, imu: Tensor, pose: Tensor, posed: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the loss and its parts.

        Args: imu (batch, window, channels) and pose (batch, window, 3 + 3 joints), raw; posed (batch, window); labels.
        """
        parts, _ = self.parts(imu, pose, posed, labels)
        return {"loss": three_parts(self.scenario, parts), **parts}

    def parts(self, imu: Tensor, pose: Tensor, posed: Tensor, labels: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """Return the loss' parts, means over the members, and the real windows' probabilities (batch, n_classes)."""
        recognizer, simulator = self.module.recognizer, self.module.simulator
        parts: dict[str, Tensor] = {}
        felt = imu
        if self.scenario.simulated:
            made = simulator.simulate(pose)
            parts["mse"] = squared_error(made, recognizer.scaled(imu), posed)
            # In the sensor's units, as a real window is: the same augmentation, and the statistics that are served.
            felt = made.transpose(1, 2) * recognizer.std + recognizer.mean
        answers, each = [], []
        for member in recognizer.members:
            assert isinstance(member, Member)
            said, logits = self._of_member(member, imu, felt, labels)
            answers.append(logits.softmax(1))
            each.append(said)
        for name in each[0]:
            parts[name] = torch.stack([said[name] for said in each]).mean()
        return parts, torch.stack(answers).mean(0)

    def _of_member(self, member: Member, imu: Tensor, felt: Tensor, labels: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """Return a member's parts of the loss and its logits of real windows; each member sees its own changes."""
        smoothing = self.scenario.label_smoothing if self.training else 0.0
        scaled = self.module.recognizer.scaled
        real = member.extractor(scaled(self._changed(imu)))
        logits = member.classifier(real)
        parts = {"ce_real": F.cross_entropy(logits, labels, label_smoothing=smoothing)}
        if self.scenario.simulated:
            with unremembered(member.extractor):
                features = member.extractor(scaled(self._changed(felt)))
            simulated = member.classifier(features)
            parts["ce_simulated"] = F.cross_entropy(simulated, labels, label_smoothing=smoothing)
            parts["unlikeness"] = unlikeness(features, real)
        return parts, logits

    def _changed(self, imu: Tensor) -> Tensor:
        changed: Tensor = self.augment(imu) if self.training else imu
        return changed


class ActivityTask(Task):
    config_type = ActivityConfig
    groups: ClassVar[dict[str, dict[str, Any]]] = GROUPS

    def __init__(self, config: ActivityConfig, say: Say) -> None:
        self._config = config
        self._sides = Sides.read(config)
        train = self._sides.train
        module = Activity(config.net)
        spread = torch.linspace(0, len(train) - 1, min(len(train), 2048)).long()
        module.normalize(train.imu, train.take(spread)[1])
        self.module: Activity = module
        description = self._sides.description
        heavy = [description.channels[i].sensor == "acc" for i in channels_of(description, config.sensors)]
        augment = Augmentation(config.augment, description.rate_hz, config.net.window, heavy)
        self.objective: Objective = Objective(module, config.scenario, augment)
        self.n_windows = len(train)
        sizes = ", ".join(f"{side} {n:,}" for side, n in self._sides.report()["windows"].items())
        say(f"windows: {sizes}; parameters: {count(module.recognizer):,} served, {count(module.simulator):,} beside")

    @staticmethod
    def build(config: Mapping[str, Any]) -> Activity:
        """Return untrained nets of the sizes in `config["net"]`."""
        return Activity(read_dataclass(NetConfig, config["net"], "net"))

    @staticmethod
    def evaluate(config: ActivityConfig, module: nn.Module, provenance: Mapping[str, Any]) -> dict[str, Any]:
        """Return the figures of a recognizer on the subjects that its provenance names as held out."""
        assert isinstance(module, Recognizer)
        description, windows = held_out(config, provenance)
        return _judged(module, windows, description.classes)

    def to(self, device: torch.device) -> None:
        self._sides.to(device)

    def n_batches(self) -> int:
        return -(-self.n_windows // self._config.loop.batch_size)

    def batches(self, generator: torch.Generator) -> Iterator[tuple[Tensor, ...]]:
        """Yield every window once, shuffled; moved by up to half a stride."""
        train, device = self._sides.train, self._sides.train.imu.device
        stride = round(self._config.stride_s * self._sides.description.rate_hz)
        half = stride // 2 if self._config.augment.shift else 0
        order = torch.randperm(len(train), generator=generator)
        shift = torch.randint(-half, half + 1, (len(train),), generator=generator)
        size = self._config.loop.batch_size
        for rows in torch.arange(len(train)).split(size):
            # BatchNorm cannot normalise by a single window.
            rows = rows.repeat(2) if len(rows) == 1 else rows
            yield train.take(order[rows].to(device), shift[rows].to(device))

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Return macro_f1 and accuracy, and the loss and its parts, with nothing augmented."""
        windows, size = self._sides.validation, self._config.loop.batch_size
        n = min(len(windows), size * limited(-(-len(windows) // size), self._config.loop.limit_validation_batches))
        which = torch.linspace(0, len(windows) - 1, n, device=windows.imu.device).long()
        sums: dict[str, float] = {}
        told = []
        for block in which.split(AT_ONCE):
            parts, answers = self.objective.parts(*windows.take(block))
            told.append(answers)
            parts["loss"] = three_parts(self._config.scenario, parts)
            for name, value in parts.items():
                sums[name] = sums.get(name, 0.0) + float(value) * len(block) / n
        figures = scores(torch.cat(told), windows.labels[which], self._config.net.n_classes)
        return figures | {f"validation_{name}": value for name, value in sums.items()}

    def test(self) -> dict[str, Any]:
        return _judged(self.module.recognizer, self._sides.test, self._sides.description.classes)

    def report(self) -> dict[str, Any]:
        return self._sides.report()

    def spec(self, provenance: dict[str, Any]) -> Spec:
        sides, config = self._sides, self._config
        channels = [sides.description.channels[i] for i in channels_of(sides.description, config.sensors)]
        known = {"split": sides.named(), "data_sha256": sides.sha256}
        return recognizer_spec(
            self.module.recognizer, config.net, sides.description, channels, sides.train.imu, provenance | known
        )

    def held_out(self) -> Tensor:
        test = self._sides.test
        which = torch.linspace(0, len(test) - 1, min(N_HELD_OUT, len(test)), device=test.imu.device).long()
        return test.take(which)[0].cpu().contiguous()

    @staticmethod
    def plot(accuracy: Mapping[str, Any], folder: Path) -> None:
        """Draw who is taken for whom: confusion.png."""
        plot_confusion(accuracy["confusion"], accuracy["classes"], folder / "confusion.png")


@torch.no_grad()
def _judged(module: Recognizer, windows: Windows, classes: tuple[str, ...]) -> dict[str, Any]:
    which = torch.arange(len(windows), device=windows.imu.device)
    answers = torch.cat([module(windows.take(block)[0]) for block in which.split(AT_ONCE)])
    return all_figures(answers.cpu(), windows.labels.cpu(), windows.clips.cpu(), classes)


TASK = ActivityTask
