"""What is trained together and what of it is served: raw windows in, probabilities or a simulated sensor out."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from learn_rt.train.activity.nets import Classifier, Extractor, ExtractorConfig, Regressor, RegressorConfig
from learn_rt.train.core.config import within
from learn_rt.train.core.servable import Servable


@dataclass
class NetConfig:
    """Sizes of the nets; the last four are the data's: 0 until it is read."""

    extractor: ExtractorConfig = field(default_factory=ExtractorConfig)
    regressor: RegressorConfig = field(default_factory=RegressorConfig)
    members: int = 1  # extractors with their classifiers, whose mean answers
    window: int = 100  # samples
    input_channels: int = 0
    num_joints: int = 0
    n_classes: int = 0

    def __post_init__(self) -> None:
        within("net.members", self.members, 1, 64)
        within("net.window", self.window, 4, 4096)
        for name in ("input_channels", "num_joints", "n_classes"):
            within(f"net.{name}", getattr(self, name), 0, 4096)


class Member(nn.Module):
    """An extractor and its classifier: logits of normalised windows (batch, channels, window)."""

    def __init__(self, config: NetConfig) -> None:
        super().__init__()
        self.extractor = Extractor(config.extractor, config.input_channels, config.window)
        self.classifier = Classifier(config.extractor.n_dense, config.n_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.extractor(x))


class Recognizer(Servable):
    """Probabilities (batch, n_classes) of what the wearer does, from raw sensor windows (batch, window, channels)."""

    def __init__(self, config: NetConfig) -> None:
        super().__init__()
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.zeros(config.input_channels))
        self.register_buffer("std", torch.ones(config.input_channels))
        self.members = nn.ModuleList(Member(config) for _ in range(config.members))

    def forward(self, x: Tensor) -> Tensor:
        placed = self.scaled(x)
        return torch.stack([member(placed).softmax(1) for member in self.members]).mean(0)

    def scaled(self, x: Tensor) -> Tensor:
        """Return normalised windows (batch, channels, window)."""
        return ((x - self.mean) / self.std).transpose(1, 2)

    def rounding(self, x: Tensor) -> Tensor:
        """Return a bound (batch,) of what float32 costs a probability: a quarter of its logit's error."""
        placed, bound = self.scaled(x), x.new_zeros(len(x))
        for member in self.members:
            assert isinstance(member, Member)
            weight = member.classifier.linear.weight.abs()
            terms = F.linear(member.extractor(placed).abs(), weight)
            bound = bound + 0.25 * 2 * weight.shape[1] * torch.finfo(torch.float32).eps * terms.amax(1)
        return bound / len(self.members)


class Simulator(Servable):
    """What the sensor would feel, (batch, window * channels), sample by sample, from raw pose windows.

    A pose sample is the mid-hip and then the joints: (batch, window, 3 + 3 joints) [m]. The mid-hip of the window's
    first sample is the origin: as streamable as the window itself.
    """

    def __init__(self, config: NetConfig) -> None:
        super().__init__()
        n = 3 * config.num_joints
        self.pose_mean: Tensor
        self.pose_std: Tensor
        self.mean: Tensor
        self.std: Tensor
        for name, size, value in (("pose_mean", n, 0.0), ("pose_std", n, 1.0)):
            self.register_buffer(name, torch.full((size,), value))
        self.register_buffer("mean", torch.zeros(config.input_channels))
        self.register_buffer("std", torch.ones(config.input_channels))
        self.n_joints = config.num_joints
        self.regressor = Regressor(config.regressor, config.input_channels, config.num_joints, config.window)

    def forward(self, x: Tensor) -> Tensor:
        return (self.simulate(x).transpose(1, 2) * self.std + self.mean).flatten(1)

    def simulate(self, x: Tensor) -> Tensor:
        """Return the normalised sensor (batch, channels, window)."""
        return self.regressor(self.scaled(x))

    def scaled(self, x: Tensor) -> Tensor:
        """Return normalised poses (batch, 3, joints, window)."""
        placed = (relative(x) - self.pose_mean) / self.pose_std
        return placed.unflatten(2, (self.n_joints, 3)).permute(0, 3, 2, 1)


def relative(x: Tensor) -> Tensor:
    """Return joints (batch, window, 3 joints) [m] as seen from the mid-hip of the window's first sample."""
    return (x[:, :, 3:].unflatten(2, (-1, 3)) - x[:, :1, None, :3]).flatten(2)


class Activity(Servable):
    """All three nets, as they are trained; the recognizer is what is served."""

    def __init__(self, config: NetConfig) -> None:
        super().__init__()
        self.recognizer = Recognizer(config)
        self.simulator = Simulator(config)

    def forward(self, x: Tensor) -> Tensor:
        return self.recognizer(x)

    def served(self) -> Servable:
        """Return extractor and classifier: poses are for training."""
        return self.recognizer

    @torch.no_grad()
    def normalize(self, imu: Tensor, pose: Tensor) -> None:
        """Set the statistics from training data: imu (n, channels), pose (n, window, 3 + 3 joints)."""
        for part in (self.recognizer, self.simulator):
            part.mean.copy_(imu.mean(0))
            part.std.copy_(imu.std(0).clamp(min=1e-6))
        placed = relative(pose).flatten(0, 1)
        self.simulator.pose_mean.copy_(placed.mean(0))
        # One scale for all joints: a shoulder that hardly moves must not count as much as a wrist.
        self.simulator.pose_std.fill_(max(float(placed.std(0).square().mean().sqrt()), 1e-6))


def count(module: nn.Module) -> int:
    """Return the number of trainable parameters."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)
