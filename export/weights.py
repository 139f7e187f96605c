"""Weights in fewer bits: the native engine packs them when it loads; the files stay float32.

What that costs is measured on the held-out samples, by the engine itself, against the module in float64: the root mean
square of each output's error over that output's standard deviation. The largest share counts. It must not pass a limit,
1% unless told otherwise. Golden samples then have a tolerance of their own, which only the native engine needs: the
largest error found and a quarter, for other processors round other sums.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from learn_rt.export.folder import write_sums
from learn_rt.export.golden import write_golden
from learn_rt.export.names import split
from learn_rt.export.parity import Truth
from learn_rt.spec import Kind, Spec, Weights

LIMIT = 0.01  # of an output's standard deviation
MARGIN = 1.25
ANY = 1e30  # a tolerance that lets everything pass, while what it should be is measured


@dataclass(frozen=True, slots=True)
class Loss:
    """What storage costs: `rms` of the worst output's error over its standard deviation; `largest` error of any."""

    form: str
    output: str
    rms: float
    largest: float
    limit: float
    n_held_out: int


class LossError(ValueError):
    """Weights in this form lose more than the limit; nothing was written. `loss` is what was measured."""

    def __init__(self, loss: Loss) -> None:
        self.loss = loss
        super().__init__(
            f"{loss.form} weights lose {loss.rms:.2%} of the standard deviation of {loss.output}, more than "
            f"{loss.limit:.2%}: nothing was written; store more bits, or allow it with --weights-limit"
        )


def check_weights(weights: str, formats: Sequence[str], limit: float) -> Weights:
    """Return the form.

    Raises: ValueError: not a form, a limit that is none, or a format that the native engine does not read.
    """
    form = Weights(weights)
    if not 0 < limit < 1:
        raise ValueError(f"the limit of what weights may lose must be above 0 and below 1, got {limit}")
    if form is not Weights.FP32 and "onnx" not in formats:
        raise ValueError(f"{form} weights are the native engine's, which reads the onnx format: got {list(formats)}")
    return form


def with_weights(
    stage: Path, spec: Spec, samples: NDArray[np.float32], truths: Truth, form: Weights, limit: float = LIMIT
) -> Spec:
    """Return the spec for weights kept in `form`, by the graphs in `stage`.

    Raises: LossError: more than `limit` is lost.
    """
    answers = _answers(stage, spec, samples, truths, form)
    errors = (answers.astype(np.float64) - truths.y).reshape(-1, spec.n_outputs)
    std = truths.y.reshape(-1, spec.n_outputs).std(0)
    # What never changes has no deviation to lose a share of: it is judged by what float32 may be off.
    shares = np.sqrt(np.mean(errors**2, 0)) / np.maximum(std, truths.tolerance / limit)
    worst, largest = int(shares.argmax()), float(np.abs(errors).max())
    loss = Loss(form.value, _element(spec, worst), float(shares[worst]), largest, limit, len(samples))
    if not (np.isfinite(errors).all() and loss.rms <= limit):
        raise LossError(loss)
    tolerance = float(f"{MARGIN * largest + truths.tolerance:.3g}")
    kept = {key: float(f"{value:.3e}") if isinstance(value, float) else value for key, value in asdict(loss).items()}
    made: dict[str, Any] = spec.provenance.get("export", {}) | {"weights": kept}
    return replace(spec, weights=form, weights_tolerance=tolerance, provenance=spec.provenance | {"export": made})


def _element(spec: Spec, index: int) -> str:
    """Return the name of the output that a flat element belongs to."""
    for signal in spec.outputs:
        if index < signal.size:
            return signal.name
        index -= signal.size
    raise IndexError(index)


def _answers(
    stage: Path, spec: Spec, samples: NDArray[np.float32], truths: Truth, form: Weights
) -> NDArray[np.float32]:
    """Return what the native engine answers to the held-out samples with weights in this form."""
    from learn_rt.runtime import load

    # Bare: neither an envelope nor a range stands between the engine and the answer.
    outputs = tuple(replace(s, envelope=None) for s in spec.outputs)
    inputs = tuple(replace(s, range_valid=None) for s in spec.inputs)
    bare = replace(spec, inputs=inputs, outputs=outputs, weights=form, weights_tolerance=ANY)
    with tempfile.TemporaryDirectory(dir=stage.parent, prefix=".tmp-") as name:
        folder = Path(name)
        for file in ("model.onnx", "step.onnx"):
            if (stage / file).exists():
                os.link(stage / file, folder / file)
        (folder / "spec.json").write_text(bare.to_json())
        write_golden(folder / "golden.npz", samples[:2], truths.y[:2], bare)
        write_sums(folder)
        model = load(folder, "native")
        if spec.kind is not Kind.STATEFUL:
            return np.asarray(model.infer(*split(samples, spec)))
        last = []
        for sequence in samples:  # from zero states
            last.append(model.session().run(sequence)[0][-1])
        return np.stack(last)
