"""Weights in fewer bits: the native engine packs them when it loads; the files stay float32.

What that costs is measured on the held-out samples, by the engine itself, against the module in float64: the root mean
square of each output's error over that output's standard deviation. The largest share counts. It must not pass a limit,
1% unless told otherwise. Golden samples then have a tolerance of their own, which only the native engine needs: the
largest error found and a quarter, for other processors round other sums.

`mixed` keeps each matrix in as few bits as the limit lets it: mix() finds which.
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
BITS = (Weights.INT8, Weights.INT16, Weights.FP32)  # what mixed weights choose among, the fewest first
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
    matrices: dict[str, int]  # how many are kept in which form


class LossError(ValueError):
    """Weights in this form lose more than the limit; nothing was written. `loss` is what was measured."""

    def __init__(self, loss: Loss) -> None:
        self.loss = loss
        super().__init__(
            f"{loss.form} weights lose {loss.rms:.2%} of the standard deviation of {loss.output}, more than "
            f"{loss.limit:.2%}: nothing was written; store more bits (int16; mixed finds which matrices bear fewer), "
            "or allow it with --weights-limit"
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

    Raises: LossError: more than `limit` is lost; ValueError: no mix of forms is within it.
    """
    measure = Measure(stage, spec, samples, truths, limit)
    mixed = form is Weights.MIXED
    forms = mix(measure) if mixed else (form,) * measure.n_matrices
    shares, errors = measure(forms if mixed else form)
    worst, largest = int(shares.argmax()), float(np.abs(errors).max())
    matrices = {str(f): forms.count(f) for f in sorted(set(forms))}
    loss = Loss(form.value, _element(spec, worst), float(shares[worst]), largest, limit, len(samples), matrices)
    if not (np.isfinite(errors).all() and loss.rms <= limit):
        raise LossError(loss)
    tolerance = float(f"{MARGIN * largest + truths.tolerance:.3g}")
    kept = {key: float(f"{value:.3e}") if isinstance(value, float) else value for key, value in asdict(loss).items()}
    made: dict[str, Any] = spec.provenance.get("export", {}) | {"weights": kept}
    return replace(
        spec,
        weights=form,
        weights_mix=forms if mixed else (),
        weights_tolerance=tolerance,
        provenance=spec.provenance | {"export": made},
    )


class Measure:
    """What forms of the matrices cost, by the engine itself on the held-out samples."""

    def __init__(self, stage: Path, spec: Spec, samples: NDArray[np.float32], truths: Truth, limit: float) -> None:
        self.limit, self.n_outputs = limit, spec.n_outputs
        self._stage, self._spec, self._samples, self._truths = stage, spec, samples, truths
        # What never changes has no deviation to lose a share of: it is judged by what float32 may be off.
        self._std = np.maximum(truths.y.reshape(-1, spec.n_outputs).std(0), truths.tolerance / limit)
        self.n_matrices: int = self._load(Weights.BF16).n_matrices

    def __call__(self, form: Weights | tuple[Weights, ...]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return (shares, errors): each output's error over its deviation (n_outputs,), and all errors."""
        answers = self._answers(self._load(form))
        errors = (answers.astype(np.float64) - self._truths.y).reshape(-1, self.n_outputs)
        return np.sqrt(np.mean(errors**2, 0)) / self._std, errors

    def _load(self, form: Weights | tuple[Weights, ...]) -> Any:
        from learn_rt.runtime import load

        spec, stage = self._spec, self._stage
        # Bare: neither an envelope nor a range stands between the engine and the answer.
        bare = replace(
            spec,
            inputs=tuple(replace(s, range_valid=None) for s in spec.inputs),
            outputs=tuple(replace(s, envelope=None) for s in spec.outputs),
            weights=form if isinstance(form, Weights) else Weights.MIXED,
            weights_mix=() if isinstance(form, Weights) else form,
            weights_tolerance=ANY,
        )
        with tempfile.TemporaryDirectory(dir=stage.parent, prefix=".tmp-") as name:
            folder = Path(name)
            for file in ("model.onnx", "step.onnx"):
                if (stage / file).exists():
                    os.link(stage / file, folder / file)
            (folder / "spec.json").write_text(bare.to_json())
            write_golden(folder / "golden.npz", self._samples[:2], self._truths.y[:2], bare)
            write_sums(folder)
            return load(folder, "native")

    def _answers(self, model: Any) -> NDArray[np.float32]:
        if self._spec.kind is not Kind.STATEFUL:
            return np.asarray(model.infer(*split(self._samples, self._spec)))
        last = []
        for sequence in self._samples:  # from zero states
            last.append(model.session().run(sequence)[0][-1])
        return np.stack(last)


def mix(measure: Measure) -> tuple[Weights, ...]:
    """Return the form of each matrix that loses no more than the limit: as few bits as that takes.

    Errors of matrices are taken for independent, so their squares add up: each is measured alone, in 8 bits and in 16,
    and what weighs most on the worst output is given more bits until the sum is within the limit. The sum is then
    measured, and given more bits while it is not.

    Raises: ValueError: no matrix bears fewer bits than float32.
    """
    n, most = measure.n_matrices, len(BITS) - 1
    alone = np.zeros((n, len(BITS), measure.n_outputs))  # squares of the shares; float32 loses nothing
    for i in range(n):
        for j, form in enumerate(BITS[:most]):
            forms = [Weights.FP32] * n
            forms[i] = form
            alone[i, j] = np.nan_to_num(measure(tuple(forms))[0], nan=np.inf) ** 2
    chosen = np.zeros(n, int)
    while (chosen < most).any():
        expected = alone[np.arange(n), chosen].sum(0)
        worst = int(expected.argmax())
        if expected[worst] <= measure.limit**2:
            forms = [BITS[j] for j in chosen]
            shares, _ = measure(tuple(forms))
            if (shares <= measure.limit).all():
                return tuple(forms)
            worst = int(shares.argmax())
        gain = alone[np.arange(n), chosen, worst] - alone[np.arange(n), np.minimum(chosen + 1, most), worst]
        chosen[int(np.where(chosen < most, gain, -np.inf).argmax())] += 1
    raise ValueError(
        f"none of the {n} matrices can be kept in fewer bits within {measure.limit:.2%} of an output's standard "
        "deviation: nothing was written; keep them in fp32, or allow more with --weights-limit"
    )


def _element(spec: Spec, index: int) -> str:
    """Return the name of the output that a flat element belongs to."""
    for signal in spec.outputs:
        if index < signal.size:
            return signal.name
        index -= signal.size
    raise IndexError(index)
