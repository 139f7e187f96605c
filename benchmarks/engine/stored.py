"""A net's version folder with its weights kept in another form, made from the one that is there."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from learn_rt.spec import Spec, Weights

ALLOWED = 0.2  # random nets have no accuracy to lose: what is lost is printed, and tests judge trained ones


def stored(fp32: Path, form: Weights) -> Path:
    """Return the folder of `fp32`, a version, for weights in `form`; it is made when it is not there.

    Its tolerance is measured on the golden samples, as learn-export measures it on the held-out ones.
    """
    if form is Weights.FP32:
        return fp32
    there = fp32.parent / f"{form}-{fp32.name}"
    if (there / "SHA256SUMS").exists():
        return there
    from learn_rt.export.folder import write_sums
    from learn_rt.export.parity import Truth
    from learn_rt.export.weights import with_weights

    spec = Spec.from_json((fp32 / "spec.json").read_bytes())
    with np.load(fp32 / "golden.npz", allow_pickle=False) as golden:
        samples, y = _held_out(golden, spec), golden["y"]
    assert spec.tolerance is not None
    spec = with_weights(fp32, spec, samples, Truth(y, float(np.abs(y).max()), spec.tolerance), form, ALLOWED)
    there.mkdir(exist_ok=True)
    for path in fp32.iterdir():
        if path.name not in ("SHA256SUMS", "spec.json") and not (there / path.name).exists():
            os.link(path, there / path.name)
    (there / "spec.json").write_text(spec.to_json())
    write_sums(there)
    return there


def _held_out(golden: np.lib.npyio.NpzFile, spec: Spec) -> np.ndarray:
    """Return golden samples as held-out ones: a rollout's actions are in the rows that follow its window."""
    x = golden["x"]
    if "actions" not in golden:
        return x
    actions = golden["actions"][:, 1:]
    rest = np.concatenate([np.zeros((*actions.shape[:2], spec.n_outputs), np.float32), actions], 2)
    return np.concatenate([x, rest], 1)
