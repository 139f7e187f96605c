"""The three nets, in normalised units: regressor (pose to IMU), feature extractor, activity classifier."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from learn_rt.train.core.config import within


@dataclass
class RegressorConfig:
    """Sizes of the pose-to-IMU regressor: a temporal convolution block for each of `channels`, then one over time."""

    channels: list[int] = field(default_factory=lambda: [32, 32, 32, 16])
    kernels: list[int] = field(default_factory=lambda: [5, 5, 5, 1])
    dilations: list[int] = field(default_factory=lambda: [1, 2, 4, 1])
    temporal: int = 48  # channels of the block over time, in which all joints come together
    temporal_kernel: int = 5
    fc_hidden: int = 128
    drop_prob: float = 0.1

    def __post_init__(self) -> None:
        if not self.channels or not len(self.channels) == len(self.kernels) == len(self.dilations):
            raise ValueError("net.regressor: channels, kernels and dilations must be lists of one length, not empty")
        for name, high in (("channels", 1024), ("kernels", 1024), ("dilations", 1024)):
            for value in getattr(self, name):
                within(f"net.regressor.{name}", value, 1, high)
        for name in ("temporal", "temporal_kernel", "fc_hidden"):
            within(f"net.regressor.{name}", getattr(self, name), 1, 4096)
        within("net.regressor.drop_prob", self.drop_prob, 0, 0.99)


@dataclass
class ExtractorConfig:
    """Sizes of the feature extractor."""

    n_filters: int = 32
    filter_size: int = 15
    n_dense: int = 100
    pool_size: int = 2
    drop_prob: float = 0.2  # of whole filters after a convolution
    drop_features: float = 0.5  # of single features

    def __post_init__(self) -> None:
        for name, high in (("n_filters", 1024), ("filter_size", 1024), ("n_dense", 8192), ("pool_size", 64)):
            within(f"net.extractor.{name}", getattr(self, name), 1, high)
        for name in ("drop_prob", "drop_features"):
            within(f"net.extractor.{name}", getattr(self, name), 0, 0.99)


def same(size: int, dilation: int = 1) -> tuple[int, int]:
    """Return the padding on both sides, and the one more after, with which a convolution keeps the length.

    Explicit: exported "SAME" padding is refused by ONNX Runtime where it meets dilation.
    """
    return (size - 1) * dilation // 2, (size - 1) * dilation % 2


def longer(x: Tensor, *more: int) -> Tensor:
    """Return x with so many zeros after its last axis, the axis before it, and so on."""
    return F.pad(x, [n for m in more for n in (0, m)]) if any(more) else x


class Block(nn.Module):
    """A temporal convolution block over (batch, channels, joints, time), with a skip path."""

    def __init__(self, n_in: int, n_out: int, joints: int, size: int, dilation: int, drop_prob: float) -> None:
        super().__init__()
        (of_time, more_time), (of_joints, more_joints) = same(size, dilation), same(joints)
        self.more = (more_time, more_joints)
        self.conv = nn.Conv2d(n_in, n_out, (joints, size), dilation=(1, dilation), padding=(of_joints, of_time))
        self.norm = nn.BatchNorm2d(n_out)
        self.dropout = nn.Dropout2d(drop_prob)
        self.skip = nn.Conv2d(n_in, n_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout(F.leaky_relu(self.norm(self.conv(longer(x, *self.more))))) + self.skip(x)


class Regressor(nn.Module):
    """What a sensor would feel (batch, channels, window) where a limb moves as the pose (batch, 3, joints, window)."""

    def __init__(self, config: RegressorConfig, n_channels: int, n_joints: int, window: int) -> None:
        super().__init__()
        self.shape = (n_channels, window)
        widths = [3, *config.channels]
        self.blocks = nn.Sequential(
            *(
                Block(widths[i], widths[i + 1], n_joints, config.kernels[i], config.dilations[i], config.drop_prob)
                for i in range(len(config.channels))
            )
        )
        # Channels last: the same numbers in nearly half the time on a CPU.
        self.blocks.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's own, untyped
        padding, self.more = same(config.temporal_kernel)
        self.temporal = nn.Conv1d(widths[-1] * n_joints, config.temporal, config.temporal_kernel, padding=padding)
        self.norm = nn.BatchNorm1d(config.temporal)
        self.hidden = nn.Linear(config.temporal * window, config.fc_hidden)
        self.head = nn.Linear(config.fc_hidden, n_channels * window)

    def forward(self, pose: Tensor) -> Tensor:
        x = self.blocks(pose.contiguous(memory_format=torch.channels_last)).flatten(1, 2)
        x = F.leaky_relu(self.norm(self.temporal(longer(x, self.more))))
        return self.head(F.leaky_relu(self.hidden(x.flatten(1)))).unflatten(1, self.shape)


class Extractor(nn.Module):
    """Features (batch, n_dense) of sensor windows (batch, channels, window)."""

    def __init__(self, config: ExtractorConfig, n_channels: int, window: int) -> None:
        super().__init__()
        n = config.n_filters
        length = window // config.pool_size // config.pool_size
        if length < 1:
            raise ValueError(f"a window of {window} is too short for two poolings by {config.pool_size}")
        (padding, self.more), self.pool_size = same(config.filter_size), config.pool_size
        # Two axes of which one is 1, since only those are known channels last, which takes a third less time on a CPU.
        size = (1, config.filter_size)
        self.convs = nn.ModuleList(nn.Conv2d(i, n, size, padding=(0, padding)) for i in (n_channels, n, n))
        self.convs.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's own, untyped
        self.norms = nn.ModuleList(nn.BatchNorm2d(n) for _ in range(3))
        # Whole filters: as good here as single values, and a tenth of their random numbers.
        self.dropout = nn.Dropout2d(config.drop_prob)
        self.dense = nn.Linear(n * length, config.n_dense)
        self.drop_features = nn.Dropout(config.drop_features)

    def forward(self, x: Tensor) -> Tensor:
        x = x.unsqueeze(2).contiguous(memory_format=torch.channels_last)
        for i, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            x = self.dropout(norm(F.leaky_relu(conv(longer(x, self.more)))))
            if i < 2:
                x = F.max_pool2d(x, (1, self.pool_size))
        return self.drop_features(F.leaky_relu(self.dense(x.flatten(1))))


class Classifier(nn.Module):
    """Logits (batch, n_classes) of features (batch, f_in)."""

    def __init__(self, f_in: int, n_classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(f_in, n_classes)

    def forward(self, features: Tensor) -> Tensor:
        return self.linear(features)


@contextmanager
def unremembered(module: nn.Module) -> Iterator[None]:
    """Normalise by the batch without moving the running statistics: those are of real windows, which are served."""
    norms = [m for m in module.modules() if isinstance(m, nn.BatchNorm2d)]
    kept = [m.momentum for m in norms]
    try:
        for norm in norms:
            norm.momentum = 0.0
        yield
    finally:
        for norm, momentum in zip(norms, kept, strict=True):
            norm.momentum = momentum
