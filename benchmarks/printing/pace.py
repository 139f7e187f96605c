"""The paced run: what one prediction costs at the control rate, in process and over both kinds of socket."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from learn_rt.benchmarks.latency import pinning
from learn_rt.benchmarks.latency.histogram import Figures as Latency
from learn_rt.benchmarks.latency.measure import PACED, in_turn
from learn_rt.benchmarks.printing.report import Transports
from learn_rt.spec import Spec


def pace(
    folder: Path, model: str, addresses: Mapping[str, str], samples: NDArray[np.float32], seconds: float
) -> tuple[Transports, Latency]:
    """Return the latency by transport, and how late the machine itself woke a sleeper in the same run.

    The transports take turns, block by block, on an absolute schedule at the model's rate; latency counts from the
    scheduled time, so a late start is not forgotten.

    Args: folder: the version folder; addresses: of the server, by transport; samples: (n, n_features), repeated.
    """
    # built with the C++ parts; this package's own modules stay importable without them
    from learn_rt._latency import ClientArm, SessionArm, Turn

    spec = Spec.from_json((folder / "spec.json").read_text())
    with pinning.on(pinning.apart().control):
        arms = [SessionArm(folder, "auto")]
        arms += [ClientArm(addresses[t], model, False, spec.n_features, spec.n_outputs) for t in ("unix", "grpc")]
        measured, hiccup = in_turn([Turn(arm, samples, None) for arm in arms], PACED, seconds, spec.dt_s)
    inproc, unix, grpc = (m.latency.figures() for m in measured)
    return Transports(inproc, unix, grpc), hiccup.figures()
