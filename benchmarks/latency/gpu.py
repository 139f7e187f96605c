"""ONNX Runtime on an NVIDIA GPU under the gates of the other transports, where there is one.

A GPU answers a batch of one in the time that its launches and copies take. The loop is in Python here, which adds some
microseconds to some tens: the empty model, through the same loop, shows them.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from learn_rt.benchmarks.latency.measure import STAGES
from learn_rt.benchmarks.latency.streams import Stream, onnx_session
from learn_rt.spec import Kind, Spec

if TYPE_CHECKING:
    from numpy.typing import NDArray

CUDA = "CUDAExecutionProvider"


def why_not() -> str | None:
    """Return why nothing can be measured on a GPU here, or None when it can."""
    try:
        import onnxruntime
    except ImportError:
        return "onnxruntime is not installed"
    if CUDA not in onnxruntime.get_available_providers():
        return "this onnxruntime has no CUDA: pip install 'learn-rt[gpu]' where the CPU's onnxruntime is not installed"
    if not any(Path("/dev").glob("nvidia[0-9]*")):
        return "no NVIDIA GPU: there is no /dev/nvidia0"
    return None


class GraphTurn:
    """model.onnx on one provider, fed a stream: the last window of samples for each answer, buffers bound once."""

    def __init__(self, graph: Path, spec: Spec, stream: Stream, provider: str = CUDA) -> None:
        # TF32 would cost three digits of the answer.
        self._session = onnx_session(graph, provider, {"use_tf32": "0"} if provider == CUDA else {})
        self._stream, self._window = stream, spec.window
        shape = (1, spec.n_features) if spec.kind is Kind.POINTWISE else (1, spec.window, spec.n_features)
        self._x = np.zeros(shape, np.float32)
        self._rows = self._x.reshape(spec.window, spec.n_features)
        self._y = np.zeros((1, spec.n_outputs), np.float32)
        self._binding = self._session.io_binding()
        self._binding.bind_cpu_input("x", self._x)
        self._binding.bind_output("y", "cpu", 0, np.float32, self._y.shape, self._y.ctypes.data)
        self._n = 0  # samples taken

    def _ask(self) -> NDArray[np.float32]:
        self._rows[:-1] = self._rows[1:]
        self._rows[-1] = self._stream.samples[self._n % len(self._stream.samples)]
        self._n += 1
        self._binding.bind_cpu_input("x", self._x)  # a bound input is copied when it is bound
        self._session.run_with_iobinding(self._binding)
        return self._y[0]

    def run(
        self,
        duration_ns: int,
        period_ns: int,
        paced: bool,
        cold: bool,
        warm_up: int,
        spin: bool = False,
        at_least: int = 0,
    ) -> dict[str, Any]:
        """Measure one block, as `_latency.Turn` does; `cold` is refused: the caches are not what a GPU waits for."""
        if cold:
            raise ValueError("the GPU's gates are closed and paced")
        latency, late, compute, errors = [], [], [], []
        start = time.monotonic_ns()
        for tick in range(10**9):
            scheduled = start + tick * period_ns if paced else time.monotonic_ns()
            if paced:
                time.sleep(max(0.0, (scheduled - time.monotonic_ns()) * 1e-9))
            asked = time.monotonic_ns()
            if asked - start >= duration_ns:
                break
            answer = self._ask()
            answered = time.monotonic_ns()
            if self._n >= self._window:
                expected = self._stream.answers[(self._n - 1) % len(self._stream.answers)]
                errors.append(float(np.abs(answer - expected).max()))
            if tick >= warm_up:
                latency.append(answered - scheduled)
                late.append(asked - scheduled)
                compute.append(answered - asked)
        stages = dict.fromkeys(STAGES, histogram([])) | {"late": histogram(late), "compute": histogram(compute)}
        return {
            "latency": histogram(latency),
            "stages": stages,
            "settle": histogram([]),
            "missed": sum(took > period_ns for took in latency),
            "compared": len(errors),
            "limited": 0,
            "worst": max(errors, default=0.0),
        }


def histogram(durations_ns: Sequence[int]) -> dict[str, Any]:
    """Return durations in the recorder's buckets: {"buckets", "counts", "max"}."""
    from learn_rt._latency import bucket_of

    found = [bucket_of(max(0, took)) for took in durations_ns] or [0]
    buckets, counts = np.unique(np.array(found, np.int64), return_counts=True)
    return {
        "buckets": buckets,
        "counts": counts if durations_ns else counts * 0 + 1,
        "max": max(durations_ns, default=0),
    }
