"""`report.json`: what the demo did, in one file for others to read; its keys are fixed and checked here."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from learn_rt.benchmarks.latency.histogram import Figures as Latency
from learn_rt.benchmarks.printing.contour import Figures
from learn_rt.jsonread import read_dataclass

METHODS = ("planned", "zv", "mzv", "ei", "inverse", "filter", "ours")
LINEAR_METHODS = METHODS[1:-1]


@dataclass(frozen=True)
class Train:
    """The training that made the model; `reused`: it ran in an earlier demo, of the same inputs."""

    windows: int
    epochs: int
    seconds: float
    reused: bool = False


@dataclass(frozen=True)
class Accuracy:
    """How well the offsets are predicted on the unseen part's windows."""

    r2: float
    mae_um: float
    rmse_um: float
    corr: float


@dataclass(frozen=True)
class Methods:
    """One plant's figures by method."""

    planned: Figures
    zv: Figures
    mzv: Figures
    ei: Figures
    inverse: Figures
    filter: Figures
    ours: Figures

    def __getitem__(self, method: str) -> Figures:
        figures: Figures = getattr(self, method)
        return figures


@dataclass(frozen=True)
class ClosedLoop:
    """The figures of the print on both plants."""

    linear: Methods
    nonlinear: Methods


@dataclass(frozen=True)
class Parity:
    """Largest difference of each written format to the module in float64 [mm]."""

    onnx: float
    torchscript: float
    step: float


@dataclass(frozen=True)
class Transports:
    """Latency of one prediction, paced at the control rate, by transport."""

    inproc: Latency
    unix: Latency
    grpc: Latency


@dataclass(frozen=True)
class Report:
    """The whole demo; `details` says what was printed, how the baselines were tuned and how long each stage took."""

    source: str
    train: Train
    accuracy: Accuracy
    closed_loop: ClosedLoop
    parity: Parity
    latency_us: Transports
    hiccup_us: Latency
    seconds_total: float
    details: dict[str, Any] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Write the report as JSON, whole or not at all."""
        text = json.dumps(asdict(self), indent=2, allow_nan=False) + "\n"
        Report.from_json(text)
        path.parent.mkdir(parents=True, exist_ok=True)
        staged = path.with_suffix(".tmp")
        staged.write_text(text)
        staged.replace(path)

    @classmethod
    def from_json(cls, text: str) -> Report:
        """Read a report.

        Raises: ValueError: an unknown or missing key or a wrong type, with its path.
        """
        report: Report = read_dataclass(cls, json.loads(text), "$")
        return report


def best_linear(methods: Methods) -> str:
    """Return the linear method with the smallest contour RMS."""
    return min(LINEAR_METHODS, key=lambda name: methods[name].contour_rms_um)
