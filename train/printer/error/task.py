"""The task `system=printer target=error`: tracking errors from the planned path, by windows of recorded prints."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from learn_rt.spec import Spec
from learn_rt.train.core.config import LoopConfig, RunConfig, Schedule, limited, within
from learn_rt.train.core.system import Say, Task
from learn_rt.train.printer.contract import limits_of
from learn_rt.train.printer.error.ceiling import ceiling
from learn_rt.train.printer.error.contract import error_spec, output_names
from learn_rt.train.printer.error.figures import answers, detail, figures, inference_us
from learn_rt.train.printer.error.losses import Loss, distance
from learn_rt.train.printer.error.net import N_INPUTS, ErrorNet, ErrorNetConfig
from learn_rt.train.printer.error.plots import draw
from learn_rt.train.printer.error.profile import profiled
from learn_rt.train.printer.error.recordings import Recording, Ticks
from learn_rt.train.printer.error.report import write_report
from learn_rt.train.printer.error.sides import HELD_OUT, read_held_out, read_sides
from learn_rt.train.printer.error.split import LayerSplit
from learn_rt.train.printer.error.windows import Windows
from learn_rt.train.printer.machine import load_machine

VALIDATED = 6000  # windows, spread over the validation layers
TESTED = 60_000


@dataclass
class ErrorConfig(RunConfig):
    """The configuration of a run."""

    machine: str = "ender3v2"  # a shipped one, or a TOML file: whose recordings these are, and its limits
    ticks: Ticks = Ticks.walls
    ahead: int = 0  # ticks from the newest sample to the one that is answered for
    # An LSTM pass over window + this - 1 samples gives so many answers in training. 1: every answer from a window of
    # its own, as it is served. More is many times quicker, and as good where the net forgets within a window.
    answers: int = 1
    stride: int = 1  # an epoch meets every so many-th window, each epoch others
    loss: Loss = Loss.hybrid
    loss_ratio: float = 0.7  # hybrid: the share of |d|, the rest is d^2
    scale_targets: bool = True  # the loss is in standard deviations of the error; false: in mm
    noise: float = 0.0  # standard deviation of noise on the four signals in training, in theirs
    profile: int = 0  # batches of the first epoch to profile into profile.txt
    split: LayerSplit = field(default_factory=LayerSplit)
    net: ErrorNetConfig = field(default_factory=ErrorNetConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        within("ahead", self.ahead, 0, 1000)
        within("answers", self.answers, 1, 1e5)
        within("stride", self.stride, 1, 1e5)
        within("loss_ratio", self.loss_ratio, 0, 1)
        within("noise", self.noise, 0, 10)
        within("profile", self.profile, 0, 1e6)
        if self.loop.batch_size % self.answers:
            raise ValueError(
                f"loop.batch_size counts windows and must be a multiple of answers ({self.answers}), "
                f"got {self.loop.batch_size}"
            )


class Objective(nn.Module):
    """The loss of a batch of passes."""

    def __init__(self, module: ErrorNet, config: ErrorConfig) -> None:
        super().__init__()
        self.module = module
        self._loss, self._ratio, self._noise = config.loss, config.loss_ratio, config.noise

    def forward(self, signals: Tensor, targets: Tensor, answered: Tensor) -> dict[str, Tensor]:
        """Return the mean loss of what is answered, and the mean of |difference| [um].

        Args: signals: (batch, window + answers - 1, signals); targets: (batch, answers, 2) [mm]; answered: (batch,
        answers), 1 where there is something to answer, else 0.
        """
        if self._noise and self.training:
            noise = torch.zeros_like(signals)
            noise[..., :N_INPUTS].normal_(std=self._noise)
            signals = signals + noise
        net = self.module
        wanted = (targets - net.target_mean) / net.target_std
        difference = net.recur(signals, targets.shape[1]) - wanted
        weight = (answered / answered.sum().clamp(min=1.0)).unsqueeze(-1)
        loss = (weight * distance(self._loss, self._ratio, difference)).sum() / 2
        with torch.no_grad():
            mae_um = (weight * (difference * net.target_std).abs()).sum() / 2 * 1e3
        return {"loss": loss, "train_mae_um": mae_um}


class ErrorTask(Task):
    config_type = ErrorConfig
    groups: ClassVar[dict[str, dict[str, Any]]] = {
        "net": {
            "lstm2x56": ErrorNetConfig(),
            "lstm2x96": ErrorNetConfig(hidden_size=96, window=50),
            "lstm3x128": ErrorNetConfig(hidden_size=128, num_layers=3, window=50),
        },
        "loop": {
            "restarts": LoopConfig(
                epochs=70,  # cosines of 10, 20 and 40
                batch_size=256,
                lr=1e-3,
                schedule=Schedule.cosine_restarts,
                min_lr=1e-6,
                warmup_steps=0,
                monitor="rmse_um",
                patience=15,
                min_delta=0.0,
            ),
            "cosine": LoopConfig(epochs=30, batch_size=256, monitor="rmse_um", patience=0),
        },
    }

    def __init__(self, config: ErrorConfig, say: Say) -> None:
        self._config, c = config, config.net
        self._machine = load_machine(config.machine)
        sides = read_sides(
            Path(config.data), self._machine.name, c.dt_s, c.window, config.ticks, config.split, config.seed, say
        )
        self._split, self._hash = sides.split, sides.sha256
        self._held_out = {side: sides.recordings[side] for side in HELD_OUT}
        self._train, self._validation, self._test = (
            Windows(sides.recordings[side], c.window, config.ahead) for side in ("train", "validation", "test")
        )
        for side, data in (("train", self._train), ("validation", self._validation), ("test", self._test)):
            if len(data.ends) < 2:
                raise ValueError(
                    f"{config.data}: {side} must have windows of {c.window} samples, it has {len(data.ends)}"
                )
            rms = 1e3 * float(data.targets[data.ends].square().mean().sqrt())
            said = "; ".join(f"{part} {layers}" for part, layers in sides.split[side].items())
            say(f"{side}: {len(data.ends):,} windows, error {rms:.1f} um RMS an axis; layers {_cut(said)}")
        module = ErrorNet(c)
        ends = self._train.ends
        module.normalize(self._train.samples[ends], self._train.targets[ends], config.scale_targets)
        self.module = self._net = module
        self.objective = Objective(module, config)
        self.n_windows = len(ends)
        self._signals = module.signals(self._train.samples)
        self._epoch = 0

    @staticmethod
    def build(config: Mapping[str, Any]) -> ErrorNet:
        """Return an untrained net of the sizes in `config["net"]`."""
        return ErrorNet(ErrorNetConfig(**config["net"]))

    @staticmethod
    def evaluate(config: ErrorConfig, module: nn.Module, provenance: Mapping[str, Any]) -> dict[str, Any]:
        """Return the accuracy of a trained module on the layers that its provenance names as held out."""
        c = config.net
        machine = load_machine(config.machine)
        held_out = read_held_out(
            Path(config.data), machine.name, c.dt_s, c.window, config.ticks, provenance.get("split")
        )
        return _measure(config, module, held_out)

    @staticmethod
    def plot(accuracy: Mapping[str, Any], folder: Path) -> None:
        """Draw the four pictures and write report.md."""
        draw(accuracy, folder)
        write_report(accuracy, folder / "report.md")

    def adopt(self, weights: Mapping[str, Tensor]) -> None:
        """Start from trained weights, their statistics included: signals are made with those."""
        super().adopt(weights)
        self._signals = self._net.signals(self._train.samples)

    def to(self, device: torch.device) -> None:
        for data in (self._train, self._validation, self._test):
            data.to(device)
        self._signals = self._signals.to(device)

    def n_batches(self) -> int:
        return max(1, self.n_windows // (self._config.loop.batch_size * self._config.stride))

    def on_epoch(self, epoch: int) -> None:
        self._epoch = epoch

    def batches(self, generator: torch.Generator) -> Iterator[tuple[Tensor, ...]]:
        """Yield passes in random order; with one answer a pass these are the windows as they are served."""
        made = self._batches(generator)
        if self._config.profile and self._epoch == 0:
            made = profiled(made, self._config.profile, Path(self._config.out) / "profile.txt")
        yield from made

    def _batches(self, generator: torch.Generator) -> Iterator[tuple[Tensor, ...]]:
        data, n_answers = self._train, self._config.answers
        ends = data.passes(n_answers, self._config.stride, generator)
        if not len(ends):
            raise ValueError(f"answers must be lower: no recording has {data.window + n_answers - 1} samples")
        each = self._config.loop.batch_size // n_answers
        for i in range(self.n_batches()):
            # The number of passes differs a little between epochs: the last batches may begin again.
            chosen = ends[torch.arange(i * each, (i + 1) * each, device=ends.device) % len(ends)]
            ticks = data.ticks(chosen, data.window + n_answers - 1)
            newest = ticks[:, data.window - 1 :]
            yield self._signals[ticks], data.targets[newest], data.answered[newest].float()

    def validate(self) -> dict[str, float]:
        loop = self._config.loop
        most = limited(math.ceil(VALIDATED / loop.batch_size), loop.limit_validation_batches) * loop.batch_size
        ends = _spread(self._validation.ends, min(most, VALIDATED))
        predicted = answers(self.module, self._validation, ends)
        found = figures(predicted, self._validation.targets[ends], output_names(self._config.ahead))
        return {key: found[key] for key in ("rmse_um", "mae_um", "r2", "corr")}

    def test(self) -> dict[str, Any]:
        return _measure(self._config, self.module, self._held_out)

    def report(self) -> dict[str, Any]:
        """Return what results.json says of the data."""
        return {"split": self._split, "data_sha256": self._hash}

    def spec(self, provenance: dict[str, Any]) -> Spec:
        known = {"split": self._split, "data_sha256": self._hash}
        if "metrics" in provenance:  # without the points of the plots
            known["metrics"] = {k: v for k, v in provenance["metrics"].items() if k != "detail"}
        samples = self._train.samples[self._train.ends].cpu().numpy()
        return error_spec(self._net, limits_of(self._machine), samples, self._config.ahead, provenance | known)

    def held_out(self) -> Tensor:
        return self._test.raw(_spread(self._test.ends, 1024)).cpu().contiguous()


def _measure(config: ErrorConfig, module: nn.Module, held_out: Mapping[str, Sequence[Recording]]) -> dict[str, Any]:
    """Return the figures on held-out layers, and in `parts` those of each part, some of them held out whole."""
    device, names = next(module.parameters()).device, output_names(config.ahead)

    def predicted(recordings: Sequence[Recording]) -> tuple[Windows, Tensor, Tensor]:
        data = Windows(recordings, config.net.window, config.ahead)
        data.to(device)
        ends = _spread(data.ends, TESTED)
        return data, ends, answers(module, data, ends)

    data, ends, found = predicted(held_out["test"])
    made = figures(found, data.targets[ends], names)
    best = ceiling(Path(config.data), held_out["test"], config.ahead)
    made["ceiling"] = best | {"share": made["r2"] / best["r2"]} if best else None
    made["inference_us"] = inference_us(module.cpu(), data.raw(ends[:1]).cpu())
    made["detail"] = {"dt_s": config.net.dt_s, **detail(found, data, ends)}
    module.to(device)
    made["parts"] = {}
    for side in HELD_OUT:
        for name in sorted({r.part for r in held_out[side]}):
            data, ends, found = predicted([r for r in held_out[side] if r.part == name])
            if len(ends) >= 2:
                row = figures(found, data.targets[ends], names)
                made["parts"][name] = {"held_out_whole": side == "part", "windows": len(data.ends), **row}
    return made


def _spread(ends: Tensor, most: int) -> Tensor:
    """Return at most so many ends, spread evenly over all."""
    if len(ends) <= most:
        return ends
    return ends[torch.linspace(0, len(ends) - 1, most, dtype=torch.float64).long().to(ends.device)]


def _cut(text: str) -> str:
    return text if len(text) <= 160 else text[:157] + "..."
