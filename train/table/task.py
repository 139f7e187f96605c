"""The task `system=table`: a model from anyone's recordings, by the names of their columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from learn_rt.spec import Kind, Normalization, Signal, Spec
from learn_rt.train.core.carried import CarriedObjective, Chunks
from learn_rt.train.core.config import LoopConfig, limited
from learn_rt.train.core.split import Split
from learn_rt.train.core.system import Say, Task
from learn_rt.train.table import carried, checks
from learn_rt.train.table.config import SplitBy, TableConfig
from learn_rt.train.table.data import Windows, as_samples, blocks, load, segments_of, split_files, tick, windows
from learn_rt.train.table.lag import lags
from learn_rt.train.table.metrics import accuracy
from learn_rt.train.table.model import CarriedNet, NetConfig, PointNet, TableNet, WindowNet
from learn_rt.train.table.plots import plot_outputs
from learn_rt.train.table.resample import Segment

BLOCK = 4096  # windows at once where no gradient is needed
SEQUENCE, N_SEQUENCES = 1024, 16  # held-out samples in a row of a carried net, and how many times
SHOWN = 600  # answers in a row that a plot shows
MIN_REACH, MAX_REACH = 50, 5000  # ticks in which a lag is looked for


class Objective(nn.Module):
    """Huber's loss of standardised answers."""

    def __init__(self, module: TableNet) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the loss. Args: x: raw windows; y: (batch, n_outputs) in the outputs' units."""
        error = (self.module(x) - y) / self.module.target_std
        return F.smooth_l1_loss(error, torch.zeros_like(error))


class TableTask(Task):
    config_type = TableConfig
    groups: ClassVar[dict[str, dict[str, Any]]] = {
        "net": {"small": NetConfig(), "large": NetConfig(hidden_size=128, num_layers=2)},
        "loop": {"adamw": LoopConfig(epochs=20, batch_size=256, patience=5, monitor="rmse_std")},
    }

    def __init__(self, config: TableConfig, say: Say) -> None:
        self._config = config
        sides, self._dt_s, self._hash, self._split, warnings = _prepare(config, None, say)
        n = config.n_window
        self._train, self._validation, self._test = (
            windows(sides[side], n, side) for side in ("train", "validation", "test")
        )
        warnings += checks.constants(sides["train"], config.inputs, config.outputs)
        reach = int(np.clip(5 * n, MIN_REACH, MAX_REACH))
        self._lags = lags(sides["train"], config.inputs, config.outputs, self._dt_s, reach)
        warnings += self._tell_lags(say)
        for warning in warnings:
            say(f"warning: {warning}")
        self._warnings = warnings
        self.module = self._net = _fitted(config, self._train)
        self.objective: nn.Module = Objective(self._net)
        self.n_windows = len(self._train.ends)
        self._chunks: Chunks | None = None
        if isinstance(self._net, CarriedNet):
            self.objective = CarriedObjective(self._net, self._net.run)
            self._chunks = carried.chunks(self._net, carried.stretches(sides["train"], config.preview), config)
        self._whole = {side: carried.stretches(sides[side], config.preview) for side in ("validation", "test")}

    @staticmethod
    def build(config: Mapping[str, Any]) -> TableNet:
        """Return an untrained net for a checkpoint's configuration."""
        net, sizes = NetConfig(**config["net"]), (len(config["inputs"]), len(config["outputs"]))
        if config["window"] == "pointwise":
            return PointNet(net, *sizes)
        if config["window"] == "carried":
            return CarriedNet(net, net.taps, *sizes)
        return WindowNet(net, int(config["window"]), *sizes)

    @staticmethod
    def evaluate(config: TableConfig, module: nn.Module, provenance: Mapping[str, Any]) -> dict[str, Any]:
        """Return the accuracy on the files, or blocks, that the checkpoint names as held out."""
        assert isinstance(module, TableNet)
        split = provenance.get("split")
        if not isinstance(split, dict) or not all(isinstance(split.get(side), list) for side in ("train", "test")):
            raise ValueError("the checkpoint does not name what it held out: it was not trained on data")
        sides, *_ = _prepare(config, Split(*(tuple(split[side]) for side in ("train", "validation", "test"))), None)
        if isinstance(module, CarriedNet):
            return _carried_accuracy(config, module, carried.stretches(sides["test"], config.preview))
        return _accuracy(config, module, windows(sides["test"], config.n_window, "test"))

    @staticmethod
    def plot(accuracy: Mapping[str, Any], folder: Path) -> None:
        """Draw a stretch of held-out answers beside the truth."""
        plot_outputs(accuracy, folder / "held-out.png")

    def to(self, device: torch.device) -> None:
        for data in (self._train, self._validation, self._test):
            data.to(device)
        if self._chunks:
            self._chunks.to(device)
        self._whole = {side: [(x.to(device), y.to(device)) for x, y in data] for side, data in self._whole.items()}

    def n_batches(self) -> int:
        if self._chunks:
            return self._chunks.n_batches
        c = self._config
        return -(-min(self.n_windows, c.samples_per_epoch) // c.loop.batch_size)

    def batches(self, generator: torch.Generator) -> Iterator[tuple[Tensor, ...]]:
        if self._chunks:
            yield from self._chunks.batches(generator)
            return
        c, data = self._config, self._train
        chosen = torch.randperm(self.n_windows, generator=generator)[: c.samples_per_epoch]
        for rows in chosen.to(data.ends.device).split(c.loop.batch_size):
            ends = data.ends[rows]
            yield as_samples(data, ends, c.n_window), data.y[ends - c.preview]

    def validate(self) -> dict[str, float]:
        if isinstance(self._net, CarriedNet):
            found = _carried_accuracy(self._config, self._net, self._whole["validation"])
            return {key: found[key] for key in ("rmse_std", "r2")}
        limit = limited(-(-len(self._validation.ends) // BLOCK), self._config.loop.limit_validation_batches) * BLOCK
        found = _accuracy(self._config, self._net, self._validation, limit)
        return {key: found[key] for key in ("rmse_std", "r2")}

    def test(self) -> dict[str, Any]:
        if isinstance(self._net, CarriedNet):
            return _carried_accuracy(self._config, self._net, self._whole["test"])
        return _accuracy(self._config, self._net, self._test)

    def report(self) -> dict[str, Any]:
        return {
            "split": {side: list(files) for side, files in asdict(self._split).items()},
            "data_sha256": self._hash,
            "dt_s": self._dt_s,
            "lags": [lag.plain() for lag in self._lags],
            "warnings": self._warnings,
        }

    def spec(self, provenance: dict[str, Any]) -> Spec:
        c, low, high = self._config, self._train.x.amin(0), self._train.x.amax(0)
        high = torch.maximum(high, low + low.abs().clamp(min=1.0) * 1e-6)  # a constant is still a range
        known = {key: self.report()[key] for key in ("split", "data_sha256", "lags")}
        mean = self._net.target_mean.tolist()
        return Spec(
            name=c.name,
            kind=c.kind,
            dt_s=self._dt_s,
            inputs=tuple(
                Signal(name, c.unit(name), range_trained=(float(low[i]), float(high[i])))
                for i, name in enumerate(c.inputs)
            ),
            outputs=tuple(Signal(name, c.unit(name), nominal=mean[i]) for i, name in enumerate(c.outputs)),
            window=c.n_window if c.kind is Kind.WINDOW else 1,
            preview=c.preview,
            states=self._net.states(),
            normalization=Normalization(
                inside_graph=True, mean=tuple(self._net.mean.tolist()), std=tuple(self._net.std.tolist())
            ),
            forgetting=c.n_window if c.kind is Kind.WINDOW else None,  # a carried state's is measured at export
            provenance=provenance | known,
        )

    def held_out(self) -> Tensor:
        if self._chunks:
            return carried.sequences(self._whole["test"], SEQUENCE, N_SEQUENCES)
        ends = self._test.ends
        chosen = torch.linspace(0, len(ends) - 1, min(1024, len(ends))).long().to(ends.device)
        return as_samples(self._test, ends[chosen], self._config.n_window).cpu().contiguous()

    def _tell_lags(self, say: Say) -> list[str]:
        """Say how outputs follow inputs; return warnings on what a window cannot hold."""
        c, warnings = self._config, []
        for output in c.outputs:
            mine = [lag for lag in self._lags if lag.output == output]
            for lag in mine[:3]:
                order = "follows" if lag.samples >= 0 else "comes before"
                say(f"{output} {order} {lag.input} by {abs(lag.seconds):.4g} s (correlation {lag.correlation:.2f})")
            for lag in mine[:1]:
                if lag.samples + c.preview >= c.n_window and c.kind is Kind.WINDOW:
                    warnings.append(
                        f"{output} follows {lag.input} by {lag.samples} samples, but the window holds {c.n_window}: "
                        f"set window={2 * (lag.samples + c.preview)}"
                    )
                elif lag.samples < -c.preview and abs(lag.correlation) > 0.3:
                    warnings.append(
                        f"{output} comes {-lag.samples} samples before {lag.input}: a clock may be off, or the answer "
                        f"needs preview={-lag.samples}"
                    )
        return warnings


def _prepare(
    config: TableConfig, split: Split | None, say: Say | None
) -> tuple[dict[str, list[Segment]], float, str, Split, list[str]]:
    """Return (segments by side, dt_s, hash of the files, split, warnings); a split that is given is kept."""
    c = config
    recordings, warnings, digest = load(
        c.data, [*c.inputs, *c.outputs], c.time, c.time_unit, c.dt_s, c.missing, c.unit_check
    )
    dt_s, said = tick(recordings, c.inputs, c.dt_s)
    names = [recording.name for recording in recordings]
    by_file = c.split is SplitBy.by_file
    if split is not None and by_file and (gone := sorted(set(split.test) - set(names))):
        raise ValueError(f"{c.data}: the held-out file {', '.join(gone)} is not there")
    segments = segments_of(recordings, c.inputs, c.outputs, dt_s, c.missing, c.max_gap)
    n_samples = sum(len(s.x) for s in segments)
    if say:
        say(f"{len(names)} files, {n_samples:,} samples in {len(segments)} stretches, {said}")
    if not by_file:
        sides = blocks(segments, c.seed, c.n_window)
        if not sides["validation"] or not sides["test"]:
            raise ValueError(f"no recording is long enough for four blocks of {4 * c.n_window} samples")
        return sides, dt_s, digest, Split(*(tuple(names) for _ in range(3))), warnings
    split = split or split_files(names, c.seed, c.validation, c.test)
    by_side = {side: [s for s in segments if s.recording in files] for side, files in asdict(split).items()}
    return by_side, dt_s, digest, split, warnings


@torch.no_grad()
def _fitted(config: TableConfig, data: Windows) -> TableNet:
    """Return a net with its statistics and its linear map, from the training side alone."""
    module = TableTask.build({**vars(config), "net": vars(config.net)})
    x, y = data.x.double(), data.y.double()
    for buffer, value in ((module.mean, x.mean(0)), (module.target_mean, y.mean(0))):
        buffer.copy_(value)
    for buffer, value in ((module.std, x.std(0)), (module.target_std, y.std(0))):
        buffer.copy_(torch.where(value > 1e-6 * value.abs().clamp(min=1e-30), value, torch.ones_like(value)))
    # As many windows as a linear map can use; neighbours say nearly the same.
    ends = data.ends[:: max(1, len(data.ends) // 100_000)]

    def rows() -> Iterator[tuple[Tensor, Tensor]]:
        for block in ends.split(BLOCK):
            z = module.standard(as_samples(data, block, config.n_window))
            yield z, (data.y[block - config.preview] - module.target_mean) / module.target_std

    module.fit_linear(rows())
    return module


@torch.no_grad()
def _accuracy(config: TableConfig, module: TableNet, data: Windows, limit: int = 0) -> dict[str, Any]:
    """Return the accuracy on whole windows, the linear map's alone beside it, and a stretch to draw."""
    ends = data.ends[:limit] if limit else data.ends
    samples = [as_samples(data, block, config.n_window) for block in ends.split(BLOCK)]
    answers = torch.cat([module(x) for x in samples]).cpu()
    targets = data.y[ends - config.preview].cpu()
    if limit:
        return accuracy(answers, targets, config.outputs, [config.unit(name) for name in config.outputs])
    straight = torch.cat([module.physical(module.linear(module.standard(x).flatten(1))) for x in samples]).cpu()
    return _figures(config, answers, straight, targets)


def _carried_accuracy(config: TableConfig, module: CarriedNet, data: carried.Recordings) -> dict[str, Any]:
    """Return the accuracy on whole recordings, but for the samples that fill the linear map."""
    return _figures(
        config, *(part.cpu() for part in carried.answer(module, data, max(config.n_window - 1, config.preview)))
    )


def _figures(config: TableConfig, answers: Tensor, straight: Tensor, targets: Tensor) -> dict[str, Any]:
    units = [config.unit(name) for name in config.outputs]
    found = accuracy(answers, targets, config.outputs, units)
    if config.net.linear:
        found["r2_linear_alone"] = accuracy(straight, targets, config.outputs, units)["r2"]
    found["stretch"] = {"answers": answers[:SHOWN].T.tolist(), "targets": targets[:SHOWN].T.tolist()}
    return found


TASK = TableTask
