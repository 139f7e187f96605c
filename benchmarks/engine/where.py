"""Where this machine's limits are, and what a session takes of it: beside the table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from learn_rt.benchmarks.engine.measure import Measured
from learn_rt.spec import Kind, Weights

SIZES_KIB = (16, 256, 2048, 16384)  # within a first, second and third cache, and near the end of the third
FIRST_ANSWERS = 5


def limits() -> dict[str, Any]:
    """Return what the machine can do at best: the instruction set, bytes read and multiply-adds a nanosecond."""
    import learn_rt._engine as _engine

    return {
        "target": _engine.probed_target(),
        "multiply_adds_per_ns": round(_engine.multiply_adds_per_ns(), 2),
        "bytes_per_ns": {f"{kib} KiB": round(_engine.bytes_per_ns(kib << 10), 1) for kib in SIZES_KIB},
    }


def floor_us() -> float:
    """Return the median of a step of a model that does nothing: what every figure contains."""
    import tempfile

    import learn_rt._engine as _engine
    from learn_rt.benchmarks.latency.histogram import Blocks
    from learn_rt.export import export_empty
    from learn_rt.spec import Signal, Spec

    spec = Spec("nothing", Kind.POINTWISE, 0.001, (Signal("x", "1"),), (Signal("y", "1"),))
    with tempfile.TemporaryDirectory() as folder:
        version = export_empty(spec, folder, "nothing")
        laps = _engine.Laps(_engine.SessionArm(version, "native"), np.ones((16, 1), np.float32))
        laps.warm_up()
        return Blocks.read([laps.run(20_000_000)["answer"] for _ in range(5)]).figures().p50


def first_answer_ms(folder: Path) -> float:
    """Return the median time from the files to the first answer: read, checked by the golden samples, opened, asked."""
    import learn_rt._engine as _engine

    return float(np.median([_engine.first_answer_ns(folder) for _ in range(FIRST_ANSWERS)]) / 1e6)


def lines(machine: dict[str, Any], all_measured: Sequence[Measured], nothing_us: float) -> list[str]:
    """Return the lines below the table."""
    read = ", ".join(f"{rate:g} GB/s of {size}" for size, rate in machine["bytes_per_ns"].items())
    found = [
        f"machine: {machine['target']}, {machine['multiply_adds_per_ns']:g} G multiply-adds/s, reads {read}",
        f"a model that does nothing answers in {nothing_us * 1e3:.0f} ns",
    ]
    for measured in all_measured:
        row = measured.row
        work = row.footprints[Weights.FP32]
        weights, products = work["answer"]["weight_bytes"] / 1024, work["answer"]["multiply_adds"] / 1e6
        line = (
            f"{row.model}: an answer reads {weights:.0f} KiB of weights and multiplies {products:.3g} M times; "
            f"a session takes {work['session_bytes'] / 1024:.0f} KiB"
        )
        if row.spec.kind is not Kind.ROLLOUT:
            line += f"; {first_answer_ms(row.folders[Weights.FP32]):.1f} ms from the files to the first answer"
        found.append(line)
    return found
