"""What an arm is fed, and the answers that it must give: golden samples, and what ONNX Runtime says to them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from learn_rt.spec import Kind, Spec

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Stream:
    """A stream that repeats: `samples` (period, n_features) and `answers` (lead + period, n_outputs), in `tolerance`.

    The first `lead` answers come once, where an answer depends on all samples before. A row of NaN is not known.
    """

    samples: Floats
    answers: Floats
    tolerance: float


class Unmeasurable(ValueError):
    """A model whose latency cannot be measured: it is not judged."""


def make_stream(folder: Path, spec: Spec) -> Stream:
    """Return a stream made of a version folder's golden samples, with what ONNX Runtime answers to it; not a rollout's.

    A windowed model gets its liveliest golden window, played forth and back, so that the path is continuous and each
    answer is that of a real window sliding by; a stateful one its liveliest sequence. The answers to the golden samples
    are checked against golden.npz.

    Raises: Unmeasurable: a file that the answers are compared with is not there; ValueError: golden samples that ONNX
        Runtime does not reproduce.
    """
    graph = judged_by(folder, spec)
    assert spec.tolerance is not None
    with np.load(folder / "golden.npz", allow_pickle=False) as golden:
        x, y = golden["x"], golden["y"]
    if spec.kind is Kind.STATEFUL:
        return _stateful_stream(folder, spec, x, y)
    if spec.kind is Kind.POINTWISE:
        samples, expected, at = np.ascontiguousarray(x, np.float32), y, slice(None)
    else:
        liveliest = int(np.abs(y).max(axis=1).argmax())
        samples = _forth_and_back(x[liveliest])
        expected, at = y[liveliest : liveliest + 1], slice(spec.window - 1, spec.window)
    answers = run_onnx(graph, windows_ending_at_each(samples, spec))
    check_golden(folder, spec, answers[at], expected)
    return Stream(samples, answers, allowed(spec))


def allowed(spec: Spec) -> float:
    """Return how far an answer of the native engine may be from ONNX Runtime's on the same files.

    Either may be as far from the float64 answer as its tolerance, which is the engine's own of weights in fewer bits.
    """
    assert spec.tolerance is not None
    return spec.tolerance + (spec.weights_tolerance or spec.tolerance)


def judged_by(folder: Path, spec: Spec) -> Path:
    """Return the graph that a model's answers are compared with.

    Raises: Unmeasurable: it is not there; ValueError: the spec states no tolerance.
    """
    graph = folder / ("step.onnx" if spec.kind is Kind.STATEFUL else "model.onnx")
    if not graph.exists():
        raise Unmeasurable(
            f"{folder} holds no {graph.name} to compare the answers with: learn-export --format onnx adds it"
        )
    if spec.tolerance is None:
        raise ValueError(f"{spec.name}: spec.json has no tolerance for its golden samples")
    return graph


def _stateful_stream(folder: Path, spec: Spec, x: Floats, y: NDArray[np.float64]) -> Stream:
    """Return the liveliest golden sequence forth and back; its answers repeat once the start is forgotten."""
    liveliest = int(np.abs(y).reshape(len(y), -1).max(axis=1).argmax())
    step = onnx_session(folder / "step.onnx")
    last = _run_steps(step, spec, x[liveliest])[-1]
    check_golden(folder, spec, last, y[liveliest])
    samples = _forth_and_back(x[liveliest])
    lead = -(-2 * (spec.forgetting or len(samples)) // len(samples))  # twice: what is left then is far below tolerance
    answers = _run_steps(step, spec, np.tile(samples, (lead + 1, 1)))
    return Stream(samples, answers, allowed(spec))


def _run_steps(step: Any, spec: Spec, samples: Floats) -> Floats:
    """Return the answers (n, n_outputs) to samples (n, n_features), from zero states on."""
    states = {f"state.{s.name}": np.zeros((1, *s.shape), np.float32) for s in spec.states}
    answers = []
    for sample in samples:
        y, *following = step.run(["y", *(f"{name}.next" for name in states)], {"x": sample[None], **states})
        states = dict(zip(states, following, strict=True))
        answers.append(y[0])
    return np.stack(answers)


def check_golden(folder: Path, spec: Spec, answers: Floats, expected: NDArray[np.float64]) -> None:
    """Raise ValueError unless ONNX Runtime answers golden samples as golden.npz says."""
    assert spec.tolerance is not None
    worst = float(np.abs(answers - expected).max())
    if not worst <= spec.tolerance:
        raise ValueError(f"{folder}: the graph is {worst:.2e} away from golden.npz, more than {spec.tolerance:.2e}")


def _forth_and_back(samples: Floats) -> Floats:
    return np.ascontiguousarray(np.concatenate([samples, samples[-2:0:-1]]), np.float32)


def empty_stream(stream: Stream) -> Stream:
    """Return the same samples with the empty model's answers: the newest sample's first values, to the bit."""
    answers = np.zeros((len(stream.samples), stream.answers.shape[1]), np.float32)
    n = min(answers.shape[1], stream.samples.shape[1])
    answers[:, :n] = stream.samples[:, :n]
    return Stream(stream.samples, answers, 0.0)


def windows_ending_at_each(samples: Floats, spec: Spec) -> Floats:
    """Return (period, window, n_features): the window that ends at each sample of the repeating stream."""
    if spec.kind is Kind.POINTWISE:
        return samples
    ends = np.arange(len(samples))[:, None]
    return samples[(ends + np.arange(1 - spec.window, 1)) % len(samples)]


def run_onnx(graph: Path, x: Floats) -> Floats:
    """Return what ONNX Runtime answers (n, n_outputs) to `x`, one by one."""
    session = onnx_session(graph)
    return np.concatenate([session.run(["y"], {"x": row[None]})[0] for row in x])


def onnx_session(graph: Path, provider: str = "CPUExecutionProvider", settings: dict[str, str] | None = None) -> Any:
    """Return ONNX Runtime on a graph, on one thread and one provider."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(graph), options, providers=[(provider, settings or {})])
