"""What changes a window without changing what its wearer does: how the sensor is worn, and vigour."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from learn_rt.train.core.config import within

SLOW_S = 1.0  # width of the mean that is taken for gravity: longer than a swing of an arm, shorter than a posture


@dataclass
class AugmentConfig:
    """How far training windows are changed; 0: not."""

    shift: bool = True  # windows start anywhere within half a stride of their place
    rotation_deg: float = 25.0  # standard deviation of a rotation about any axis: nobody wears a watch alike
    vigour: float = 0.25  # standard deviation of the logarithm of a factor on what is felt beside gravity

    def __post_init__(self) -> None:
        within("augment.rotation_deg", self.rotation_deg, 0, 180)
        within("augment.vigour", self.vigour, 0, 2)


class Augmentation(nn.Module):
    """Raw windows (batch, window, channels) as another wearer's; channels come in threes, x, y and z of a sensor."""

    def __init__(self, config: AugmentConfig, rate_hz: float, window: int, heavy: Sequence[bool]) -> None:
        """`heavy` says of each channel whether it feels gravity, as an acceleration does."""
        super().__init__()
        self.config = config
        self.slow: Tensor
        self.heavy: Tensor
        self.register_buffer("slow", slow_part(window, SLOW_S * rate_hz), persistent=False)
        self.register_buffer("heavy", torch.tensor(heavy, dtype=torch.float32), persistent=False)

    def forward(self, imu: Tensor) -> Tensor:
        if self.config.vigour > 0:
            # Arms of other lengths, faster or slower, feel more or less; what gravity adds turns but does not grow.
            held = (self.slow @ imu) * self.heavy
            imu = held + (imu - held) * torch.exp(self.config.vigour * torch.randn(len(imu), 1, 1, device=imu.device))
        if self.config.rotation_deg > 0:
            turn = rotations(len(imu), math.radians(self.config.rotation_deg), imu)
            imu = (imu.unflatten(2, (-1, 3)) @ turn[:, None]).flatten(2)
        return imu


def slow_part(window: int, width: float) -> Tensor:
    """Return the matrix (window, window) of a mean over `width` samples, bell-shaped; beyond the ends the last one."""
    ticks = torch.arange(window, dtype=torch.float64)
    reach = math.ceil(width / 2)
    made = torch.zeros(window, window, dtype=torch.float64)
    for k in range(-reach, reach + 1):
        weight = max(0.0, math.cos(math.pi * k / width)) ** 2 if abs(2 * k) < width else 0.0
        made[ticks.long(), (ticks + k).clamp(0, window - 1).long()] += weight
    return (made / made.sum(1, keepdim=True)).float()


def rotations(n: int, spread_rad: float, like: Tensor) -> Tensor:
    """Return random rotation matrices (n, 3, 3): any axis, an angle of that standard deviation (Rodrigues)."""
    axis = F.normalize(torch.randn(n, 3, device=like.device, dtype=like.dtype), dim=1)
    angle = spread_rad * torch.randn(n, 1, 1, device=like.device, dtype=like.dtype)
    x, y, z = axis.unbind(1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], 1).view(n, 3, 3)
    return torch.eye(3, device=like.device, dtype=like.dtype) + angle.sin() * cross + (1 - angle.cos()) * cross @ cross
