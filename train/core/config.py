"""Configuration: Hydra's groups and overrides into typed dataclasses. What is unknown is an error, in one line."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, get_origin, get_type_hints

from hydra import compose, initialize
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import MISSING, OmegaConf
from omegaconf.errors import OmegaConfBaseException, ValidationError

from learn_rt.jsonread import read_dataclass


def within(name: str, value: float, low: float, high: float = math.inf) -> None:
    """Raise ValueError unless low <= value <= high, finite."""
    if not (low <= value <= high and math.isfinite(value)):
        bounds = f"{low:g} to {high:g}" if math.isfinite(high) else f"at least {low:g}"
        raise ValueError(f"{name} must be {bounds}, got {value:g}")


PRECISIONS = ("32-true", "bf16-mixed", "16-mixed")  # as Lightning Fabric names them


class Optimizer(StrEnum):
    """How weights follow gradients."""

    adamw = "adamw"
    adam = "adam"  # weight decay is added to the gradient


class Schedule(StrEnum):
    """How the learning rate changes."""

    cosine = "cosine"  # half a cosine over the whole run, down to min_lr
    cosine_restarts = "cosine_restarts"  # a half cosine of t0 epochs, then one of t0 * t_mult, ...
    plateau = "plateau"  # times `factor` when the metric has not improved for plateau_patience epochs
    constant = "constant"


class Mode(StrEnum):
    """Whether less or more of the monitored metric is better."""

    min = "min"
    max = "max"


class Logger(StrEnum):
    """Where metrics go beside metrics.jsonl."""

    json = "json"  # one array in logs/metrics.json
    tensorboard = "tensorboard"
    wandb = "wandb"


@dataclass
class LoopConfig:
    """The optimizer, its schedule, and what is measured and kept when."""

    epochs: int = 6
    batch_size: int = 64
    optimizer: Optimizer = Optimizer.adamw
    betas: list[float] = field(default_factory=lambda: [0.9, 0.999])
    lr: float = 3e-3
    weight_decay: float = 1e-4
    schedule: Schedule = Schedule.cosine
    warmup_steps: int = 50  # the rate rises linearly over so many optimizer steps
    t0: int = 10  # cosine_restarts: epochs of the first cosine
    t_mult: int = 2  # cosine_restarts: each is so many times as long as the one before
    min_lr: float = 0.0  # below which no schedule goes
    factor: float = 0.5  # plateau: of the rate
    plateau_patience: int = 10  # plateau: epochs without a better value
    plateau_on: str = ""  # plateau: the metric, where it is not `monitor`; "loss" is the training loss of every epoch
    clip_norm: float = 1.0  # of all gradients together; 0: off
    clip_value: float = 0.0  # of each gradient's elements; 0: off
    accumulate: int = 1  # batches an optimizer step
    monitor: str = "rmse"  # a key of the validation's metrics, or "loss"
    mode: Mode = Mode.min
    patience: int = 3  # epochs without a noticeably better monitored value after which to stop; 0: never
    min_delta: float = 0.005  # what is noticeable: a share of the best value
    validate_every: int = 1  # epochs
    save_every: int = 1  # epochs between writes of last.ckpt, from which a run is resumed
    keep_top: int = 1  # so many best checkpoints: best.ckpt, and with more than one all of them in top/
    keep_every: int = 0  # epochs between checkpoints that stay, in epochs/; 0: none
    limit_train_batches: float = 1.0  # a share up to 1, a number of batches above 1
    limit_validation_batches: float = 1.0  # the same

    def __post_init__(self) -> None:
        within("loop.epochs", self.epochs, 0, 1e7)
        within("loop.batch_size", self.batch_size, 1, 1e7)
        within("loop.lr", self.lr, 1e-9, 10)
        for name in ("weight_decay", "min_lr"):
            within(f"loop.{name}", getattr(self, name), 0, 10)
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise ValueError(f"loop.betas must be two numbers, each at least 0 and below 1, got {self.betas}")
        within("loop.factor", self.factor, 1e-6, 1)
        for name in ("warmup_steps", "clip_norm", "clip_value", "patience", "plateau_patience", "keep_every"):
            within(f"loop.{name}", getattr(self, name), 0)
        within("loop.min_delta", self.min_delta, 0, 1)
        for name in ("t0", "t_mult", "accumulate", "validate_every", "save_every", "keep_top"):
            within(f"loop.{name}", getattr(self, name), 1)
        for name in ("limit_train_batches", "limit_validation_batches"):
            within(f"loop.{name}", getattr(self, name), 1e-9)
        if not self.monitor:
            raise ValueError("loop.monitor must name a metric")


def limited(n_batches: int, limit: float) -> int:
    """Return how many of n batches are used: a share of them up to 1 (at least one batch), a number above 1."""
    return max(1, min(n_batches, int(limit if limit > 1 else n_batches * limit)))


@dataclass
class RunConfig:
    """What every run has. A system's own configuration extends it."""

    system: str = MISSING
    target: str = MISSING
    data: str = MISSING  # folder that learn-data wrote
    out: str = "runs/${system}-${target}"
    overwrite: bool = False  # a finished run in `out`
    resume: bool = False  # go on from `out`/last.ckpt
    pretrained: str = ""  # a checkpoint whose weights to start from (fine-tuning)
    seed: int = 42
    device: str = "auto"  # auto, cpu, cuda
    devices: int = 1  # processes that share every batch (DDP)
    precision: str = "32-true"  # or bf16-mixed; on a GPU also 16-mixed
    deterministic: bool = False  # refuse operations that are not (the CPU's are, at a given number of threads)
    threads: int = 0  # of the CPU; 0: all that the process may use
    logger: list[Logger] = field(default_factory=list)  # beside metrics.jsonl, as in logger=[tensorboard,wandb]
    loop: LoopConfig = field(default_factory=LoopConfig)

    def __post_init__(self) -> None:
        within("seed", self.seed, 0, 2**32 - 1)
        within("threads", self.threads, 0, 4096)
        within("devices", self.devices, 1, 1024)
        if self.precision not in PRECISIONS:
            raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}, got {self.precision!r}")
        if self.resume and self.pretrained:
            raise ValueError("resume goes on with a run's own weights: pretrained must not be set beside it")


def compose_config(
    schema: type[RunConfig], groups: dict[str, dict[str, Any]], overrides: Sequence[str], to_show: bool = False
) -> Any:
    """Return an instance of `schema` with overrides (`key=value`, `group=option`) applied.

    Args: groups: group -> option -> dataclass instance; the first option of a group is its default; to_show: a missing
    value is stood for by its key's name.
    Raises: ValueError: an unknown key or option, a wrong type, a missing value (one line).
    """
    store = ConfigStore.instance()
    defaults: list[Any] = [{group: next(iter(options))} for group, options in groups.items()]
    for group, options in groups.items():
        for name, node in options.items():
            store.store(group=group, name=name, node=node)
    node = OmegaConf.structured(schema)
    for name, kind in get_type_hints(schema).items():
        if get_origin(kind) is dict:  # a mapping takes new keys, without Hydra's "+"
            OmegaConf.set_struct(node[name], False)
    store.store(name="schema", node=node)
    store.store(name="run", node={"defaults": ["schema", *defaults, "_self_"]})
    GlobalHydra.instance().clear()
    try:
        with initialize(version_base="1.3", config_path=None):
            composed = compose("run", overrides=list(overrides))
            for key in OmegaConf.missing_keys(composed) if to_show else ():
                _stand_for(composed, key)
            config = OmegaConf.to_object(composed)
    except (HydraException, OmegaConfBaseException) as error:
        raise ValueError(_one_line(error)) from None
    assert isinstance(config, schema)
    return config


def plain(config: RunConfig) -> dict[str, Any]:
    """Return the configuration as a dict of plain values."""
    made = OmegaConf.to_container(OmegaConf.structured(config), resolve=True, enum_to_str=True)
    assert isinstance(made, dict)
    return {str(key): value for key, value in made.items()}


def restore_config(schema: type[RunConfig], values: Mapping[str, Any]) -> Any:
    """Return an instance of `schema` from what `plain` gave. The values are taken as they are: nothing is interpolated.

    Raises: ValueError: an unknown key, a wrong type or value.
    """
    return read_dataclass(schema, dict(values), "config")


def _stand_for(composed: Any, key: str) -> None:
    name = key.rpartition(".")[2].upper()
    try:
        OmegaConf.update(composed, key, [name])
    except ValidationError:
        OmegaConf.update(composed, key, name)


def choice(overrides: Sequence[str], key: str) -> str | None:
    """Return the last value that overrides give to `key`, or None."""
    found = [text.split("=", 1)[1] for text in overrides if text.split("=", 1)[0].strip() == key and "=" in text]
    return found[-1].strip() if found else None


def _one_line(error: Exception) -> str:
    """Return what happened and where, without Hydra's advice on prefixes."""
    cause = error.__cause__ if error.__cause__ is not None else error
    lines = [line.strip() for text in (error, cause) for line in str(text).splitlines() if line.strip()]
    kept = [line for line in dict.fromkeys(lines) if not line.startswith(("object_type", "reference_type", "full_key"))]
    return "; ".join(kept)[:400]
