"""The net that predicts tracking errors: Linear, LayerNorm, ReLU, LSTM, Linear, with its statistics inside."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from learn_rt.spec import Scope, State
from learn_rt.train.core.cells import lstm_step
from learn_rt.train.core.config import within
from learn_rt.train.core.servable import Servable

N_INPUTS = 4  # x_ref, y_ref [mm], vx_ref, vy_ref [mm/s]


@dataclass
class ErrorNetConfig:
    """Sizes of the net, and what it makes of a sample before the first layer.

    A stepper motor swings in step with its full steps where the step rate is near the axis' own frequency. That is a
    function of the position within a full step, of which there are hundreds over the bed: no net finds it in x_ref, so
    each axis' motor angle (sine, cosine) and soft switches at `speeds_mm_s` are given too. `full_step_mm=0` leaves
    them out: the net then sees the four signals only, as the one that came before this did.
    """

    window: int = 20
    dt_s: float = 0.01
    full_step_mm: float = 0.2  # way of a motor's full step
    # |velocity| where resonance begins, peaks and ends: full step * frequency * (0.5, 1, 2) of a 24 Hz axis
    speeds_mm_s: list[float] = field(default_factory=lambda: [2.4, 4.8, 9.6])
    speed_width_mm_s: float = 0.5  # of such a switch
    front_size: int = 32
    hidden_size: int = 56
    num_layers: int = 2
    dropout: float = 0.0

    def __post_init__(self) -> None:
        # Also of what a checkpoint asks for, before memory is taken.
        within("net.window", self.window, 2, 4096)
        for name in ("front_size", "hidden_size"):
            within(f"net.{name}", getattr(self, name), 1, 2048)
        within("net.num_layers", self.num_layers, 1, 8)
        within("net.dropout", self.dropout, 0, 0.99)
        for name in ("dt_s", "speed_width_mm_s"):
            within(f"net.{name}", getattr(self, name), 1e-6, 1e6)
        if self.full_step_mm:
            within("net.full_step_mm", self.full_step_mm, 1e-3, 1e3)
        within("the number of net.speeds_mm_s", len(self.speeds_mm_s), 0, 64)
        for speed in self.speeds_mm_s:
            within("net.speeds_mm_s", speed, 0, 1e6)

    @property
    def n_signals(self) -> int:
        """Return how many numbers the first layer sees."""
        return N_INPUTS + (4 + 2 * len(self.speeds_mm_s) + 2 if self.full_step_mm else 0)


class ErrorNet(Servable):
    """Tracking errors (error_x, error_y) [mm] at the newest sample of a window of the planned path."""

    def __init__(self, config: ErrorNetConfig) -> None:
        super().__init__()
        self.config = config
        self.mean: Tensor
        self.std: Tensor
        self.target_mean: Tensor
        self.target_std: Tensor
        self.register_buffer("mean", torch.zeros(N_INPUTS))
        self.register_buffer("std", torch.ones(N_INPUTS))
        self.register_buffer("target_mean", torch.zeros(2))
        self.register_buffer("target_std", torch.ones(2))
        self.front = nn.Linear(config.n_signals, config.front_size)
        self.norm = nn.LayerNorm(config.front_size)
        self.drop = nn.Dropout(config.dropout)
        self.lstm = nn.LSTM(
            config.front_size,
            config.hidden_size,
            config.num_layers,
            batch_first=True,
            dropout=config.dropout if config.num_layers > 1 else 0.0,
        )
        self.head = nn.Linear(config.hidden_size, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Return errors (batch, 2) [mm] at the end of raw windows (batch, window, 4)."""
        return self.physical(self.recur(self.signals(x), 1)[:, 0])

    def states(self) -> tuple[State, ...]:
        """Return h and c of each layer; each start of a window has its own."""
        c = self.config
        return tuple(State(f"{s}{i}", (c.hidden_size,), Scope.LANE) for i in range(c.num_layers) for s in "hc")

    def step(self, x: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        """Return (errors, h0, c0, ...) after one raw sample (batch, 4)."""
        hidden, following = lstm_step(self.lstm, self._front(self.signals(x)), states)
        return (self.physical(self.head(hidden)), *following)

    def rounding(self, x: Tensor) -> Tensor:
        """Return the bound (batch,) [mm] of what one rounding of each signal costs: 2 eps sum |dy/ds| |s|.

        Where motors swing, an answer follows the place within a fifth of a millimetre and switches at speeds: it is
        steep, and steep means sensitive, in every way of computing it.
        """
        with torch.enable_grad():
            signals = self.signals(x).detach().requires_grad_()
            answers = self.physical(self.recur(signals, 1)[:, 0])
            slopes = [torch.autograd.grad(answers[:, i].sum(), signals, retain_graph=i == 0)[0] for i in range(2)]
        costs = [(slope * signals.detach()).abs().sum((1, 2)) for slope in slopes]
        return 2.0 * torch.finfo(torch.float32).eps * torch.stack(costs, 1).amax(1)

    def signals(self, x: Tensor) -> Tensor:
        """Return what the first layer sees (..., n_signals) of raw samples (..., 4): no weight takes part in it."""
        scores = (x - self.mean) / self.std
        if not self.config.full_step_mm:
            return scores
        angle, speed = self._motor_angle(x[..., :2]), x[..., 2:]
        width = 1.0 / self.config.speed_width_mm_s
        switches = [torch.tanh((speed.abs() - s) * width) for s in self.config.speeds_mm_s]
        return torch.cat([scores, torch.sin(angle), torch.cos(angle), torch.tanh(speed * width), *switches], -1)

    def recur(self, signals: Tensor, answers: int) -> Tensor:
        """Return normalised errors (batch, answers, 2) after the last `answers` of n signals, from zero state."""
        hidden = self.lstm(self._front(signals))[0][:, -answers:]
        errors: Tensor = self.head(hidden)
        return errors

    def physical(self, errors: Tensor) -> Tensor:
        """Return normalised errors in mm."""
        return errors * self.target_std + self.target_mean

    @torch.no_grad()
    def normalize(self, samples: Tensor, targets: Tensor, scale_targets: bool) -> None:
        """Set the statistics from the training split: raw samples (n, 4) and errors (n, 2) [mm].

        Without `scale_targets` the loss is in mm.
        """
        self.mean.copy_(samples.mean(0))
        self.std.copy_(samples.std(0).clamp(min=1e-3))
        if scale_targets:
            self.target_mean.copy_(targets.mean(0))
            self.target_std.copy_(targets.std(0).clamp(min=1e-6))

    def _front(self, signals: Tensor) -> Tensor:
        hidden: Tensor = self.drop(torch.relu(self.norm(self.front(signals))))
        return hidden

    def _motor_angle(self, position: Tensor) -> Tensor:
        """Return the position within a full step as an angle, -pi to pi.

        Whole steps are subtracted in two parts, the first of 12 bits, so that float32 keeps all digits of the rest.
        """
        step = self.config.full_step_mm
        unit = 2.0 ** (math.floor(math.log2(step)) - 11)
        high = round(step / unit) * unit
        whole = torch.round(position * (1.0 / step))
        return ((position - whole * high) - whole * (step - high)) * (2.0 * math.pi / step)
