"""What changes a window without changing what its wearer does: how the sensor is worn, pace and vigour."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from learn_rt.train.core.config import within


@dataclass
class AugmentConfig:
    """How far training windows are changed; 0: not."""

    shift: bool = True  # windows start anywhere within half a stride of their place
    rotation_deg: float = 25.0  # standard deviation of a rotation about any axis: nobody wears a watch alike
    tempo: float = 0.0  # standard deviation of the logarithm of how fast time runs
    scale: float = 0.15  # standard deviation of the logarithm of one factor
    jitter: float = 0.0  # of white noise, in standard deviations of the channel

    def __post_init__(self) -> None:
        within("augment.rotation_deg", self.rotation_deg, 0, 180)
        within("augment.tempo", self.tempo, 0, 1)
        within("augment.scale", self.scale, 0, 2)
        within("augment.jitter", self.jitter, 0, 10)


def augmented(config: AugmentConfig, imu: Tensor, deviation: Tensor) -> Tensor:
    """Return changed raw windows (batch, window, channels); channels come in threes, x, y and z of a sensor."""
    if config.rotation_deg > 0:
        turn = rotations(len(imu), math.radians(config.rotation_deg), imu)
        imu = (imu.unflatten(2, (-1, 3)) @ turn[:, None]).flatten(2)
    if config.scale > 0:
        imu = imu * torch.exp(config.scale * torch.randn(len(imu), 1, 1, device=imu.device))
    if config.jitter > 0:
        imu = imu + config.jitter * deviation * torch.randn_like(imu)
    return imu


def rotations(n: int, spread_rad: float, like: Tensor) -> Tensor:
    """Return random rotation matrices (n, 3, 3): any axis, an angle of that standard deviation (Rodrigues)."""
    axis = F.normalize(torch.randn(n, 3, device=like.device, dtype=like.dtype), dim=1)
    angle = spread_rad * torch.randn(n, 1, 1, device=like.device, dtype=like.dtype)
    x, y, z = axis.unbind(1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], 1).view(n, 3, 3)
    return torch.eye(3, device=like.device, dtype=like.dtype) + angle.sin() * cross + (1 - angle.cos()) * cross @ cross
