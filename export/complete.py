"""The spec as it goes into the folder: with the states, the tolerance, and what the export was made with."""

from __future__ import annotations

import platform
from dataclasses import replace
from importlib.metadata import version
from typing import Any

from learn_rt.export.bake import weights_hash
from learn_rt.export.parity import Truth
from learn_rt.spec import Spec
from learn_rt.train.core.servable import Servable

PACKAGES = ("learn-rt", "torch", "onnx", "onnxscript", "onnxruntime")


def complete(spec: Spec, baked: Servable, truth: Truth, name: str) -> Spec:
    """Return the spec for `name`.

    It follows from the module, the held-out samples and the installed versions, not from the time: the same export
    twice is the same version.
    """
    made: dict[str, Any] = {
        "weights_sha256": weights_hash(baked),
        "scale": float(f"{truth.scale:.6e}"),
        "n_held_out": len(truth.y),
        "versions": versions_used(),
    }
    provenance = spec.provenance | {"export": made}
    return replace(spec, name=name, states=baked.states(), tolerance=truth.tolerance, provenance=provenance)


def versions_used() -> dict[str, str]:
    """Return the versions of Python and of the packages that write the files."""
    return {"python": platform.python_version()} | {p: version(p) for p in PACKAGES}
