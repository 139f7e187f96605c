"""The GPU's gates where there is no GPU: why they skip, and the loop that they run, on the CPU's provider."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from learn_rt.benchmarks.latency import gpu
from learn_rt.benchmarks.latency.histogram import Blocks, highest_ns
from learn_rt.benchmarks.latency.measure import CLOSED, PACED, in_turn
from learn_rt.benchmarks.latency.streams import make_stream
from learn_rt.export import export_empty
from learn_rt.spec import Kind, Signal, Spec


def test_the_reason_for_a_skip_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    assert "has no CUDA: pip install 'learn-rt[gpu]'" in str(gpu.why_not())
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [gpu.CUDA])
    monkeypatch.setattr(Path, "glob", lambda self, pattern: iter(()))
    assert gpu.why_not() == "no NVIDIA GPU: there is no /dev/nvidia0"


def test_a_duration_falls_into_the_recorders_bucket() -> None:
    pytest.importorskip("learn_rt._latency", reason="the timing loops are not built")
    for took in (0, 1, 1023, 2047, 2048, 2049, 123_456, 10**9):
        found = gpu.histogram([took])
        assert found["counts"].tolist() == [1]
        high, below = highest_ns(np.array([found["buckets"][0], found["buckets"][0] - 1]))
        assert below < took <= high or took == 0
        assert high - took <= took / 1000


@pytest.mark.parametrize("kind", [Kind.WINDOW, Kind.POINTWISE])
def test_the_loop_measures_and_compares_every_answer(kind: Kind, tmp_path: Path) -> None:
    pytest.importorskip("learn_rt._latency", reason="the timing loops are not built")
    window = 5 if kind is Kind.WINDOW else 1
    inputs = (Signal("a", "mm"), Signal("b", "mm"))
    folder = export_empty(Spec("copy", kind, 0.002, inputs, (Signal("y", "mm"),), window=window), tmp_path, "copy")
    spec = Spec.from_json((folder / "spec.json").read_bytes())
    stream = make_stream(folder, spec)
    turns = [gpu.GraphTurn(folder / "model.onnx", spec, stream, "CPUExecutionProvider") for _ in range(2)]
    for mode in (CLOSED, PACED):
        (first, second), hiccup = in_turn(turns, mode, 0.6, 0.002)
        for arm in (first, second):
            assert arm.compared > 50
            assert arm.worst <= stream.tolerance
            assert 0 < arm.latency.figures().p50 <= arm.latency.figures().max
        assert isinstance(hiccup, Blocks)
    stream.answers[3] += 1.0
    assert turns[0].run(10**8, 10**6, False, False, 0)["worst"] == pytest.approx(1.0, abs=1e-3)
