"""From a module to a version folder: bake, write each format, judge it by the float64 module, publish."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from learn_rt.export import folder, onnx_format
from learn_rt.export.bake import bake, check_held_out, check_module, in_float64
from learn_rt.export.complete import complete
from learn_rt.export.forgetting import forgetting
from learn_rt.export.formats import ALL, Artifact, artifacts
from learn_rt.export.golden import write_golden
from learn_rt.export.latency import latency_us, one_thread
from learn_rt.export.names import check_name, check_version
from learn_rt.export.notes import notes
from learn_rt.export.parity import Truth, max_error, truth
from learn_rt.export.weights import LIMIT, check_weights, with_weights
from learn_rt.spec import Kind, Spec, Weights
from learn_rt.train.core.servable import Servable

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Row:
    """One written file: its largest error and the bound, in the outputs' units, and one call's latency, batch 1."""

    format: str
    file: str
    bytes: int
    max_error: float
    bound: float
    latency_us: dict[str, float]


@dataclass(frozen=True, slots=True)
class Report:
    """What an export did; `added` names the files that were not in the version before, `notes` what to look out for."""

    name: str
    folder: Path
    version: int
    added: tuple[str, ...]
    contract_hash: str
    scale: float
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    # What keeping them in fewer bits costs (weights.Loss); empty: they stay float32.
    weights: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return asdict(self) | {"folder": str(self.folder)}


class ParityError(ValueError):
    """A file's answers are too far from the float64 module's; nothing was written. `rows` holds what was measured."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = tuple(rows)
        worst = max(rows, key=lambda r: r.max_error / r.bound)
        super().__init__(
            f"{worst.file} is off by {worst.max_error:.2e} from the module in float64, more than {worst.bound:.2e}: "
            "nothing was written"
        )


def export(
    module: Servable,
    spec: Spec,
    held_out: NDArray[np.floating],
    out: str | Path,
    *,
    name: str | None = None,
    version: int | None = None,
    formats: Sequence[str] = ALL,
    weights: str = "fp32",
    weights_limit: float = LIMIT,
    say: Say = lambda text: None,
) -> Report:
    """Write `module` to <out>/<name>/<version>/ and return what was written and how exact it is.

    Args:
        held_out: (n, window, n_features) float32 raw windows that training never saw; (n, n_features) if pointwise,
            (n, window + horizon - 1, n_features) if a rollout.
        name: the spec's when not given.
        version: the next number when not given. If the version (or, when not given, the last) is this very export,
            formats that it lacks are added to it.
        formats: among "onnx" (model.onnx, and step.onnx where there are states), "torchscript" (model.pt), "pt2"
            (model.pt2) and "aoti" (model.aoti.pt2).
        weights: "fp32", "bf16", "int16", "int8" or "mixed": how the native engine keeps them; the files stay float32.
        weights_limit: what that may lose on the held-out samples, of each output's standard deviation.
        say: told what is being done.
    Raises: ParityError: a file exceeds the tolerance; LossError: the weights' form loses too much;
        ValueError: arguments, module and spec do not fit; OSError.
    """
    name = check_name(spec.name if name is None else name)
    wanted = artifacts(formats, spec.kind, module.states())
    form = check_weights(weights, formats, weights_limit)
    if version is not None:
        check_version(version)
    baked = bake(module)
    check_module(baked, spec)
    samples = check_held_out(held_out, spec)
    with one_thread():
        truths = truth(in_float64(baked), samples, spec)
        if spec.kind is Kind.STATEFUL:
            say("measuring the forgetting length")
            spec = replace(spec, forgetting=forgetting(in_float64(baked), samples, spec, truths.tolerance))
    spec = complete(spec, baked, truths, name)
    with folder.staging(Path(out) / name) as stage, one_thread():
        rows = [_write(artifact, baked, spec, stage, samples, truths, say) for artifact in wanted]
        if any(not row.max_error <= row.bound for row in rows):
            raise ParityError(rows)
        if form is not Weights.FP32:
            say(f"measuring what {form} weights lose")
            spec = with_weights(stage, spec, samples, truths, form, weights_limit)
            for path in stage.glob("*.onnx"):
                onnx_format.put_spec(path, spec)
        (stage / "spec.json").write_text(spec.to_json())
        write_golden(stage / "golden.npz", samples, truths.y, spec)
        target, added = place(stage, version, spec)
    found = tuple(notes(target, spec))
    lost = spec.provenance["export"].get("weights", {})
    number, contract = int(target.name), spec.contract_hash
    return Report(name, target, number, tuple(added), contract, truths.scale, tuple(rows), found, lost)


def export_servable(
    module: Servable,
    spec: Spec,
    held_out: NDArray[np.floating],
    out: str | Path,
    name: str | None = None,
    formats: Sequence[str] = ALL,
) -> Path:
    """Write `module` as a model folder under `out` and return the version folder; see `export`."""
    return export(module, spec, held_out, out, name=name, formats=formats).folder


def _write(
    artifact: Artifact,
    baked: Servable,
    spec: Spec,
    stage: Path,
    samples: NDArray[np.float32],
    truths: Truth,
    say: Say,
) -> Row:
    say(f"writing {artifact.file}")
    path = stage / artifact.file
    with torch.no_grad():
        artifact.write(baked, spec, path)
    say(f"comparing {artifact.file} on {len(samples)} held-out samples")
    opened = artifact.open(path, spec)
    error = max_error(opened.answer, samples, truths.y)
    latency = latency_us(lambda: opened.once(samples[:1]))
    return Row(artifact.label, artifact.file, path.stat().st_size, error, truths.tolerance, latency)


def place(stage: Path, version: int | None, spec: Spec) -> tuple[Path, list[str]]:
    """Publish the staged files as a version, or add them to the one that is the same export."""
    model = stage.parent
    there = folder.versions(model)
    for target in [model / str(v) for v in ([version] if version else there[-1:])]:
        stated = target / "spec.json"
        if stated.is_file() and stated.read_text() == spec.to_json():
            return target, folder.add(stage, target)
    files = [p.name for p in sorted(stage.iterdir())]
    return folder.publish(stage, version or max(there, default=0) + 1, spec), files
