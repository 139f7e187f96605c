"""The task `system=gait`: the pose of a walking body, from its parameters and the phase of its cycle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from learn_rt.spec import Spec
from learn_rt.train.core.config import LoopConfig, Optimizer, RunConfig, Schedule, limited, within
from learn_rt.train.core.system import Say, Task
from learn_rt.train.gait.contract import pose_spec
from learn_rt.train.gait.corpus import Corpus, Run
from learn_rt.train.gait.metrics import SCALE, accuracy, weights
from learn_rt.train.gait.model import PoseNet, PoseNetConfig
from learn_rt.train.gait.pictures import plot_joints
from learn_rt.train.gait.pose import N_POSE
from learn_rt.train.gait.refine import N_FRAMES
from learn_rt.train.gait.split import EVERYTHING, named_runs, split_runs
from learn_rt.train.gait.stream import Pool, Stream

ROWS = 4096  # a batch of validation
ENVELOPE_SEQUENCES = 512  # that the nominal pose and the envelope are taken from


@dataclass
class StreamConfig:
    """How the corpus is read: two pools of `pool_mb` are all the memory that it takes, however large it is."""

    pool_mb: float = 256.0
    passes: int = 1  # over the frames of a pool before it goes
    sequences: int = 0  # of an epoch; 0: the whole corpus

    def __post_init__(self) -> None:
        within("stream.pool_mb", self.pool_mb, 0.01, 1e6)
        within("stream.passes", self.passes, 1, 1000)
        within("stream.sequences", self.sequences, 0)


@dataclass
class SplitConfig:
    """Shares of the sequences that are held out, in runs drawn by the seed; at most `most` sequences each."""

    validation: float = 0.05
    test: float = 0.05
    most: int = 1024

    def __post_init__(self) -> None:
        for name in ("validation", "test"):
            within(f"split.{name}", getattr(self, name), 0.0001, 0.4)
        within("split.most", self.most, 1, 1e5)


@dataclass
class LossConfig:
    """Weights of errors, beside 1: of the pelvis' place, and of head and arms."""

    root: float = 2.0
    arms: float = 0.5

    def __post_init__(self) -> None:
        within("loss.root", self.root, 0, 1e3)
        within("loss.arms", self.arms, 0, 1e3)


@dataclass
class GaitConfig(RunConfig):
    """The configuration of a run."""

    parameters: str = ""  # the CSV file of names and ranges; by default parameters.csv beside the data
    rate_hz: float = 30.0  # ticks a second that the model is served at
    envelope_margin: float = 3.0  # how much faster than the data a pose may move; 0: no envelope
    net: PoseNetConfig = field(default_factory=PoseNetConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    stream: StreamConfig = field(default_factory=StreamConfig)
    split: SplitConfig = field(default_factory=SplitConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        within("rate_hz", self.rate_hz, 1, 10_000)
        within("envelope_margin", self.envelope_margin, 0, 1000)


class Objective(nn.Module):
    """5 times the mean of the squared, weighted errors."""

    weight: Tensor

    def __init__(self, module: PoseNet, loss: LossConfig) -> None:
        super().__init__()
        self.module = module
        self.register_buffer("weight", torch.from_numpy(weights(loss.root, loss.arms)))

    def forward(self, x: Tensor, pose: Tensor) -> Tensor:
        """Return the loss of samples (b, P + 1) and their poses (b, 101)."""
        return SCALE * (self.weight * (self.module(x) - pose)).square().mean()


class PoseTask(Task):
    config_type = GaitConfig
    groups: ClassVar[dict[str, dict[str, Any]]] = {
        "net": {"mlp3x512": PoseNetConfig()},
        "loop": {
            "adam": LoopConfig(
                epochs=20,
                batch_size=256,
                optimizer=Optimizer.adam,
                lr=1e-3,
                weight_decay=0.0,
                clip_norm=0.0,
                clip_value=0.1,
                monitor="mse5",
                patience=0,
                keep_every=50,
            ),
            # As the net was first trained: for a corpus of millions of sequences.
            "original": LoopConfig(
                epochs=1000,
                batch_size=128,
                optimizer=Optimizer.adam,
                lr=1e-5,
                weight_decay=0.0,
                schedule=Schedule.constant,
                warmup_steps=0,
                clip_norm=0.0,
                clip_value=0.1,
                monitor="mse5",
                patience=0,
                keep_every=50,
            ),
        },
        # One block of 65,536 frames an epoch, five times over.
        "stream": {"corpus": StreamConfig(), "original": StreamConfig(2700.0, passes=5, sequences=1093)},
    }

    def __init__(self, config: GaitConfig, say: Say) -> None:
        self._config = config
        corpus = Corpus(Path(config.data), config.parameters)
        n = len(corpus.parameters)
        if config.net.n_parameters not in (0, n):
            raise ValueError(f"net.n_parameters is {config.net.n_parameters}, but {config.data} has {n} parameters")
        config.net.n_parameters = n
        self._corpus, self._hash = corpus, corpus.fingerprint()
        c = config.split
        self._split = split_runs(corpus, config.seed, c.validation, c.test, c.most)
        capacity = int(config.stream.pool_mb * 1e6 / (4 * (n + N_FRAMES * N_POSE)))
        self._stream = Stream(corpus, self._split.train, max(1, capacity), config.stream.sequences, config.seed)
        self._held = {side: _pool(*corpus.load(getattr(self._split, side))) for side in ("validation", "test")}
        self._weight = weights(config.loss.root, config.loss.arms)
        module = PoseNet(config.net)
        module.normalize(corpus.parameters)
        self.module, self.objective = module, Objective(module, config.loss)
        self.n_windows = sum(run.count for run in self._split.train) * N_FRAMES
        self._epoch = 0
        self._moves = self._some_of_training()
        say(
            f"{len(corpus):,} sequences in {len(corpus.sources)} files, {n} parameters; "
            f"{self._stream.n_bytes / 1e6:.0f} MB of memory for them"
        )

    @staticmethod
    def build(config: Mapping[str, Any]) -> PoseNet:
        """Return an untrained net of the sizes in `config["net"]`."""
        return PoseNet(PoseNetConfig(**config["net"]))

    @staticmethod
    def evaluate(config: GaitConfig, module: nn.Module, provenance: Mapping[str, Any]) -> dict[str, Any]:
        """Return the accuracy of a trained module on the sequences that its provenance names as held out.

        Imported weights were not trained here: they are measured on all of `config.data`.
        """
        assert isinstance(module, PoseNet)
        corpus = Corpus(Path(config.data), config.parameters)
        if len(corpus.parameters) != len(module.low):
            raise ValueError(f"{config.data} has {len(corpus.parameters)} parameters, the model {len(module.low)}")
        split = provenance.get("split")
        held = split.get("test") if isinstance(split, dict) else None
        runs = corpus.runs(64) if held == EVERYTHING else named_runs(corpus, held)
        answers, targets = [], []
        for run in runs:
            pool = _pool(*corpus.load([run]))
            answers.append(_answers(module, pool, torch.arange(run.count * N_FRAMES)))
            targets.append(pool.motions.numpy().reshape(-1, N_POSE))
        weight = weights(config.loss.root, config.loss.arms)
        return accuracy(np.concatenate(answers), np.concatenate(targets), weight)

    def to(self, device: torch.device) -> None:
        self._stream.device = device
        self._held = {side: pool.to(device) for side, pool in self._held.items()}

    def n_batches(self) -> int:
        n = self._stream.n_sequences * N_FRAMES * self._config.stream.passes
        return -(-n // self._config.loop.batch_size)

    def on_epoch(self, epoch: int) -> None:
        self._epoch = epoch

    def batches(self, generator: torch.Generator) -> Iterator[tuple[Tensor, ...]]:
        """Yield frames of the epoch's sequences: which ones (seed, epoch) says, in which order `generator`."""
        c = self._config
        return self._stream.batches(self._epoch, c.loop.batch_size, c.stream.passes, generator)

    def validate(self) -> dict[str, float]:
        n = len(self._held["validation"].params) * N_FRAMES
        # Frames all over the sequences: neighbours say nearly the same.
        every = max(1, n // (4 * ROWS))
        frames = torch.arange(0, n, every)
        frames = frames[: limited(-(-len(frames) // ROWS), self._config.loop.limit_validation_batches) * ROWS]
        figures = self._accuracy("validation", frames)
        return {key: figures[key] for key in ("mse5", "weighted_mse5", "angle_deg")}

    def test(self) -> dict[str, Any]:
        return self._accuracy("test", torch.arange(len(self._held["test"].params) * N_FRAMES))

    def report(self) -> dict[str, Any]:
        """Return what results.json says of the data."""
        stream = {"sequences_an_epoch": self._stream.n_sequences, "memory_bytes": self._stream.n_bytes}
        return {"split": self._split.describe(self._corpus), "data_sha256": self._hash, "stream": stream}

    def spec(self, provenance: dict[str, Any]) -> Spec:
        c = self._config
        known = {"split": self._split.describe(self._corpus), "data_sha256": self._hash}
        return pose_spec(self._corpus.parameters, self._moves, 1.0 / c.rate_hz, c.envelope_margin, provenance | known)

    def held_out(self) -> Tensor:
        n = len(self._held["test"].params) * N_FRAMES
        frames = torch.linspace(0, n - 1, min(1024, n)).long()
        pool = self._held["test"]
        return pool.rows(frames.to(pool.params.device))[0].cpu().contiguous()

    @staticmethod
    def plot(accuracy: Mapping[str, Any], folder: Path) -> None:
        plot_joints(accuracy["joint_angle_deg"], folder / "joints.png")

    def _accuracy(self, side: str, frames: Tensor) -> dict[str, Any]:
        module, pool = self.module, self._held[side]
        assert isinstance(module, PoseNet)
        targets = pool.motions.reshape(-1, N_POSE)[frames.to(pool.motions.device)].cpu().numpy()
        return accuracy(_answers(module, pool, frames), targets, self._weight)

    def _some_of_training(self) -> NDArray[np.float32]:
        runs: list[Run] = []
        n = 0
        for i in np.random.default_rng(self._config.seed).permutation(len(self._split.train)):
            run = self._split.train[i]
            # Of files that are decoded as a whole one run: reading all over would decode them again and again.
            if n < ENVELOPE_SEQUENCES and (self._corpus.sources[run.source].in_place or not runs):
                runs.append(run)
                n += run.count
        return self._corpus.load(runs)[1]


def _pool(params: NDArray[np.float32], motions: NDArray[np.float32]) -> Pool:
    return Pool(torch.from_numpy(params), torch.from_numpy(motions))


@torch.no_grad()
def _answers(module: PoseNet, pool: Pool, frames: Tensor) -> NDArray[np.float32]:
    """Return poses (n, 101) that the module gives for frames (n,) of a pool."""
    device = pool.params.device
    return torch.cat([module(pool.rows(part.to(device))[0]) for part in frames.split(ROWS)]).cpu().numpy()


TASK = PoseTask
