"""Configuration: Hydra's groups and overrides into typed dataclasses. What is unknown is an error, in one line."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hydra import compose, initialize
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import MISSING, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from learn_rt.jsonread import read_dataclass


def within(name: str, value: float, low: float, high: float = math.inf) -> None:
    """Raise ValueError unless low <= value <= high, finite."""
    if not (low <= value <= high and math.isfinite(value)):
        bounds = f"{low:g} to {high:g}" if math.isfinite(high) else f"at least {low:g}"
        raise ValueError(f"{name} must be {bounds}, got {value:g}")


@dataclass
class LoopConfig:
    """The optimizer and its schedule: AdamW, a linear warm-up, then half a cosine down to zero."""

    epochs: int = 6
    batch_size: int = 64
    lr: float = 3e-3
    weight_decay: float = 1e-4
    warmup_steps: int = 50
    clip_norm: float = 1.0
    patience: int = 3  # epochs without a noticeably better validation after which to stop; 0: never

    def __post_init__(self) -> None:
        within("loop.epochs", self.epochs, 0, 1e6)
        within("loop.batch_size", self.batch_size, 1, 1e6)
        within("loop.lr", self.lr, 1e-9, 10)
        within("loop.weight_decay", self.weight_decay, 0, 10)
        within("loop.warmup_steps", self.warmup_steps, 0)
        within("loop.clip_norm", self.clip_norm, 1e-9)
        within("loop.patience", self.patience, 0)


@dataclass
class RunConfig:
    """What every run has. A system's own configuration extends it."""

    system: str = MISSING
    target: str = MISSING
    data: str = MISSING  # folder that learn-data wrote
    out: str = "runs/${system}-${target}"
    overwrite: bool = False  # a finished run in `out`
    resume: bool = False  # go on from `out`/last.ckpt
    seed: int = 42
    device: str = "auto"  # auto, cpu, cuda
    precision: str = "32-true"  # as Lightning Fabric names them
    threads: int = 0  # of the CPU; 0: all that the process may use
    loop: LoopConfig = field(default_factory=LoopConfig)

    def __post_init__(self) -> None:
        within("seed", self.seed, 0, 2**32 - 1)
        within("threads", self.threads, 0, 4096)


def compose_config(schema: type[RunConfig], groups: dict[str, dict[str, Any]], overrides: Sequence[str]) -> Any:
    """Return an instance of `schema` with overrides (`key=value`, `group=option`) applied.

    Args: groups: group -> option -> dataclass instance; the first option of a group is its default.
    Raises: ValueError: an unknown key or option, a wrong type, a missing value (one line).
    """
    store = ConfigStore.instance()
    defaults: list[Any] = [{group: next(iter(options))} for group, options in groups.items()]
    for group, options in groups.items():
        for name, node in options.items():
            store.store(group=group, name=name, node=node)
    store.store(name="schema", node=schema)
    store.store(name="run", node={"defaults": ["schema", *defaults, "_self_"]})
    GlobalHydra.instance().clear()
    try:
        with initialize(version_base="1.3", config_path=None):
            config = OmegaConf.to_object(compose("run", overrides=list(overrides)))
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
