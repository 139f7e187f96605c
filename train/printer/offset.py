"""The task `system=printer target=offset`: command offsets with preview that make the machine follow its plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from learn_rt.spec import Spec
from learn_rt.train.core.carried import CarriedObjective, Chunks, check_chunks
from learn_rt.train.core.config import LoopConfig, RunConfig, within
from learn_rt.train.core.metrics import accuracy
from learn_rt.train.core.split import split_parts
from learn_rt.train.core.system import Say, Task
from learn_rt.train.printer import carried
from learn_rt.train.printer.carried import CarriedOffsetNet
from learn_rt.train.printer.contract import limits_of, offset_spec, trained_ranges
from learn_rt.train.printer.dataset import Stretches, as_they_lie, learn_stretches, refine
from learn_rt.train.printer.filters import fit_filters
from learn_rt.train.printer.machine import load_machine
from learn_rt.train.printer.model import OffsetNet, OffsetNetConfig
from learn_rt.train.printer.parts import combined_hash, read_parts
from learn_rt.train.printer.placements import lay
from learn_rt.train.printer.plant import LINEAR, NONLINEAR, Plant

PLANTS: dict[str, Plant] = {"linear": LINEAR, "nonlinear": NONLINEAR}
OUTPUTS = ("offset_x", "offset_y")
SEQUENCES = 12  # held-out stretches that a carried net is exported with


@dataclass
class SplitConfig:
    """Names of held-out parts; an empty list: one part, drawn by the seed."""

    validation: list[str] = field(default_factory=list)
    test: list[str] = field(default_factory=list)


@dataclass
class StretchConfig:
    """How much path is cut and laid out."""

    ticks: int = 1500
    train: int = 320
    validation: int = 8
    test: int = 24

    def __post_init__(self) -> None:
        within("stretches.ticks", self.ticks, 2, 1e6)
        for side in ("train", "validation", "test"):
            within(f"stretches.{side}", getattr(self, side), 1, 1e6)


@dataclass
class TargetConfig:
    """How targets are learned: `effort` weighs a second difference [mm a tick^2] against an error [mm]."""

    rounds: int = 4
    effort: float = 2e-3
    refine_effort: float = 2e-2  # the same where targets are learned again from the filters' answers: gentler changes

    def __post_init__(self) -> None:
        within("targets.rounds", self.rounds, 1, 1000)
        within("targets.effort", self.effort, 1e-9, 1e9)
        within("targets.refine_effort", self.refine_effort, 1e-9, 1e9)


class Memory(StrEnum):
    """What an answer remembers of the path."""

    windowed = "windowed"
    carried = "carried"


@dataclass
class OffsetConfig(RunConfig):
    """The configuration of a run."""

    machine: str = "ender3v2"  # a shipped one, or a TOML file
    plant: str = "nonlinear"
    state: Memory = Memory.windowed  # carried: the net goes on through the whole print, not from a window's start
    answers: int = 48  # windowed: an LSTM pass over `steps` + this - 1 samples gives so many answers in training
    chunk: int = 96  # carried: samples that gradients reach back
    carry: int = 1536  # carried: samples of a training sequence; a longer stretch is cut
    side_by_side: int = 32  # carried: sequences in a batch
    split: SplitConfig = field(default_factory=SplitConfig)
    stretches: StretchConfig = field(default_factory=StretchConfig)
    targets: TargetConfig = field(default_factory=TargetConfig)
    net: OffsetNetConfig = field(default_factory=OffsetNetConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        within("answers", self.answers, 1, 1e6)
        check_chunks(self.chunk, self.carry, self.side_by_side)


class Objective(nn.Module):
    """The loss of a batch of passes: Huber, of the net's share of the offset, in units of its standard deviation."""

    def __init__(self, module: OffsetNet) -> None:
        super().__init__()
        self.module = module

    def forward(self, signals: Tensor, position: Tensor, gate: Tensor, residual: Tensor) -> Tensor:
        """Return the loss of `answers` windows a pass.

        Args: signals, position: (batch, steps + answers - 1, 6 and 3); gate, residual: (batch, answers, 1 and 2) [mm].
        """
        hidden = self.module.recur(signals, position)[:, -gate.shape[1] :]
        error = (gate * self.module.learned(hidden) - residual) / self.module.target_std
        return F.smooth_l1_loss(error, torch.zeros_like(error))


class OffsetTask(Task):
    config_type = OffsetConfig
    groups: ClassVar[dict[str, dict[str, Any]]] = {
        "net": {"lstm2x56": OffsetNetConfig(), "lstm2x96": OffsetNetConfig(hidden_size=96)},
        "loop": {"adamw": LoopConfig(monitor="rmse_um")},
    }

    def __init__(self, config: OffsetConfig, say: Say) -> None:
        self._config = config
        machine, plant = _simulator(config)
        self._machine = machine
        parts = read_parts(Path(config.data), machine.name, config.net.dt_s)
        self._hash = combined_hash(parts)
        self._split = split_parts(list(parts), config.seed, config.split.validation, config.split.test)
        module = self.build({"net": asdict(config.net), "state": config.state})
        rng = np.random.default_rng(config.seed)
        limits = limits_of(machine)
        sizes, effort, rounds = config.stretches, config.targets.effort, config.targets.rounds

        def laid(names: tuple[str, ...], count: int) -> NDArray[np.float64]:
            paths = [path for name in names for path in parts[name].paths]
            path = lay(paths, sizes.ticks, count, rng, (limits.x_mm, limits.y_mm), config.net.dt_s)
            # No part of the data stands so high; the net must not take its height for a sign of anything.
            path[:, :, 2] = rng.uniform(0.0, limits.z_mm, (count, 1))
            return path

        path = laid(self._split.train, sizes.train)
        self._train = learn_stretches(path, module, machine, plant, effort, rounds)
        place = (self._train.x[..., :2] - config.net.centre_mm) / config.net.reach_mm
        # Neighbouring windows say nearly the same: every third is enough.
        fit_filters(module, self._train.signals, place, self._train.target, self._train.ends[::3])
        module.normalize(self._train.x.flatten(0, 1))
        self._train.apply_filters(module)
        refine(self._train, path, machine, plant, config.net.dt_s, config.targets.refine_effort, rounds)
        self._validation = _learned(config, module, laid(self._split.validation, sizes.validation))
        self._test = _held_out(config, module, [p for name in self._split.test for p in parts[name].paths])
        for side, data in (("train", self._train), ("test", self._test)):
            um = [f"{value:.2f}" for value in data.rms_um]
            say(f"{side}: error in the simulator {um[0]} um, targets {um[1]}; filters {um[2]}, refined targets {um[3]}")
        assert self._train.filtered is not None
        residual = self._train.answers(self._train.ends) - self._train.filtered[tuple(self._train.ends.T)]
        module.target_std.copy_(residual.square().mean(0).sqrt().clamp(min=1e-6))
        say("filters leave {:.2f} and {:.2f} um of the offsets to the net".format(*(module.target_std * 1e3).tolist()))
        self.module = self._net = module
        self.objective: nn.Module = Objective(module)
        self.n_windows = len(self._train.ends)
        self._chunks: Chunks | None = None
        self._cut()

    @staticmethod
    def build(config: Mapping[str, Any]) -> OffsetNet:
        """Return an untrained net of the sizes in `config["net"]`."""
        kind = CarriedOffsetNet if config.get("state") == Memory.carried else OffsetNet
        return kind(OffsetNetConfig(**config["net"]))

    @staticmethod
    def evaluate(config: OffsetConfig, module: nn.Module, provenance: Mapping[str, Any]) -> dict[str, Any]:
        """Return the accuracy of a trained module on the parts that its provenance names as held out."""
        assert isinstance(module, OffsetNet)
        machine, _ = _simulator(config)
        parts = read_parts(Path(config.data), machine.name, config.net.dt_s)
        split = provenance.get("split")
        names = split.get("test") if isinstance(split, dict) else None
        if not names or not isinstance(names, list):
            raise ValueError("the checkpoint names no held-out part: it was not trained on data")
        if missing := sorted(set(names) - set(parts)):
            raise ValueError(f"{config.data}: the held-out part {', '.join(missing)} is not there")
        data = _held_out(config, module, [path for name in names for path in parts[name].paths])
        return _accuracy(module, data, data.ends)

    def adopt(self, weights: Mapping[str, Tensor]) -> None:
        """Start from trained weights: their filters answer, and what those leave is learned."""
        super().adopt(weights)
        for data in (self._train, self._validation, self._test):
            data.apply_filters(self._net)
        self._cut()

    def to(self, device: torch.device) -> None:
        for data in (self._train, self._validation, self._test):
            data.to(device)
        if self._chunks:
            self._chunks.to(device)

    def n_batches(self) -> int:
        if self._chunks:
            return self._chunks.n_batches
        return max(1, self.n_windows // (self._config.loop.batch_size * self._config.answers))

    def batches(self, generator: torch.Generator) -> Iterator[tuple[Tensor, ...]]:
        """Yield passes from random places: every window of the data is met once an epoch, on average.

        With a carried state, whole stretches, side by side.
        """
        if self._chunks:
            yield from self._chunks.batches(generator)
            return
        data, c = self._train, self._config
        assert data.filtered is not None
        assert data.gate is not None
        n = c.net.steps + c.answers - 1
        first, last = int(data.ends[:, 1].min()), int(data.ends[:, 1].max())
        low, high = max(1, first - c.net.steps + 1), last - n + 2
        if high <= low:
            raise ValueError(f"stretches.ticks must be larger for passes of {n} samples, got {c.stretches.ticks}")
        for _ in range(self.n_batches()):
            stretch = torch.randint(len(data.x), (c.loop.batch_size, 1), generator=generator).to(data.x.device)
            start = torch.randint(low, high, (c.loop.batch_size, 1), generator=generator).to(data.x.device)
            ticks = start + torch.arange(n, device=data.x.device)
            newest = ticks[:, c.net.steps - 1 :]
            residual = data.target[stretch, newest - data.preview] - data.filtered[stretch, newest]
            yield data.signals[stretch, ticks], data.x[stretch, ticks, :3], data.gate[stretch, newest], residual

    def validate(self) -> dict[str, float]:
        every = max(1, len(self._validation.ends) // 6000)
        figures = _accuracy(self.module, self._validation, self._validation.ends[::every])
        return {key: figures[key] for key in ("rmse_um", "r2")}

    def test(self) -> dict[str, Any]:
        return _accuracy(self.module, self._test, self._test.ends)

    def report(self) -> dict[str, Any]:
        """Return what results.json says of the data."""
        return {"split": asdict(self._split), "data_sha256": self._hash, "targets_rms_um": list(self._train.rms_um)}

    def spec(self, provenance: dict[str, Any]) -> Spec:
        assert isinstance(self.module, OffsetNet)
        ranges = trained_ranges(self._train.x.cpu().flatten(0, 1).numpy())
        known = {"split": {k: list(v) for k, v in asdict(self._split).items()}, "data_sha256": self._hash}
        return offset_spec(self.module, limits_of(self._machine), ranges, provenance | known)

    def held_out(self) -> Tensor:
        if self._chunks:
            return carried.sequences(self._test, SEQUENCES)
        ends = self._test.ends
        chosen = torch.linspace(0, len(ends) - 1, min(1024, len(ends))).long()
        return self._test.raw(ends[chosen.to(ends.device)]).cpu().contiguous()

    def _cut(self) -> None:
        """Cut stretches for training with a carried state."""
        c, net = self._config, self._net
        if not isinstance(net, CarriedOffsetNet):
            return
        self.objective = CarriedObjective(net, net.run)
        whole = -(-self._train.x.shape[1] // c.chunk) * c.chunk
        self._chunks = carried.chunks(net, self._train, c.chunk, min(c.carry, whole), c.side_by_side)


def _simulator(config: OffsetConfig) -> tuple[Any, Plant]:
    if config.plant not in PLANTS:
        raise ValueError(f"plant must be one of {', '.join(PLANTS)}, got {config.plant!r}")
    return load_machine(config.machine), PLANTS[config.plant]


def _held_out(config: OffsetConfig, module: OffsetNet, paths: list[NDArray[np.float64]]) -> Stretches:
    """Return held-out parts where they lie, with their targets."""
    return _learned(config, module, as_they_lie(paths, config.stretches.ticks, config.stretches.test))


def _learned(config: OffsetConfig, module: OffsetNet, path: NDArray[np.float64]) -> Stretches:
    """Return stretches with targets learned from what the module's filters answer."""
    machine, plant = _simulator(config)
    effort, rounds = config.targets.effort, config.targets.rounds
    data = learn_stretches(path, module, machine, plant, effort, rounds)
    data.apply_filters(module)
    refine(data, path, machine, plant, config.net.dt_s, config.targets.refine_effort, rounds)
    return data


@torch.no_grad()
def _accuracy(module: nn.Module, data: Stretches, ends: Tensor) -> dict[str, Any]:
    """Return the accuracy through the module's own forward: on whole windows, or whole stretches of a carried state."""
    if isinstance(module, CarriedOffsetNet):
        answers = carried.answers(module, data, ends)
    else:
        answers = torch.cat([module(data.raw(block)) for block in ends.split(4096)])
    return accuracy(answers.cpu(), data.answers(ends).cpu(), OUTPUTS)


TASK = OffsetTask
