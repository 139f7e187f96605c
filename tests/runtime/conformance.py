"""How the native engine does on the standard's own cases of every operator that it claims."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

import numpy as np
from native_graphs import run_native
from node_cases import Case, cases

from learn_rt._runtime import native_operators

# What the engine does not do in the operators it claims, how it says so, and why.
REFUSED = [
    ("batchnorm_.*training_mode", "training_mode = 1 is not supported", "training"),
    ("training_dropout.*", "training_mode = 1 is not supported", "training"),
    ("(gru|lstm|simple_rnn)_(reverse|bidirectional)", "attribute direction", "a direction other than forward"),
    ("maxpool_with_argmax.*", "the output Indices is not supported", "the places of the largest, for unpooling"),
    ("reduce_.*empty_set.*", "an empty tensor", "a tensor without elements"),
]
FEW_DIGITS = "averagepool_2d_ceil_last_window_starts_on_pad"  # its expected values have four digits


@dataclass(frozen=True)
class Outcome:
    case: Case
    passed: str  # how it was asked; "": not passed
    reason: str = ""  # why it is left out, in the page's words
    wrong: str = ""  # what must not be


@functools.cache
def outcomes() -> tuple[Outcome, ...]:
    """Return the outcome of every case of every operator that the engine claims."""
    return tuple(_outcome(case) for case in cases(native_operators()))


def _outcome(case: Case) -> Outcome:
    if case.refusal:
        return Outcome(case, "", case.refusal)
    refusals = []
    for how, model, inputs in case.variants():
        try:
            got = run_native(model, inputs, [o.astype(np.float32) for o in case.outputs])
        except RuntimeError as error:
            refusals.append(str(error))
            continue
        rtol = 1e-3 if case.name == FEW_DIGITS else 1e-5
        for value, standard in zip(got, case.outputs, strict=True):
            if not np.allclose(value, standard.astype(np.float32), rtol=rtol, atol=1e-6, equal_nan=True):
                return Outcome(case, "", wrong=f"answers {value.ravel()[:5]}, the standard {standard.ravel()[:5]}")
        return Outcome(case, how)
    for pattern, words, reason in REFUSED:
        if re.fullmatch(pattern, case.name) and words in refusals[-1]:
            return Outcome(case, "", reason)
    return Outcome(case, "", wrong=f"is refused: {'; '.join(refusals)}")
