"""What an arm is fed, and the answers that it must give: golden samples, and model.onnx on every window of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from learn_rt.spec import Kind, Spec

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Stream:
    """A stream that repeats: `samples` (period, n_features) and `answers` (period, n_outputs), within `tolerance`."""

    samples: Floats
    answers: Floats
    tolerance: float


class Unmeasurable(ValueError):
    """A model whose latency cannot be measured yet: it is not judged."""


def make_stream(folder: Path, spec: Spec) -> Stream:
    """Return a stream made of a version folder's golden samples, with what ONNX Runtime answers to it.

    A windowed model gets its liveliest golden window, played forth and back, so that the path is continuous and each
    answer is that of a real window sliding by. The answer to the whole golden window is checked against golden.npz.

    Raises: Unmeasurable: a kind without a stream of its own, or no model.onnx to compare with; ValueError: golden
        samples that ONNX Runtime does not reproduce.
    """
    if spec.kind not in (Kind.WINDOW, Kind.POINTWISE):
        raise Unmeasurable(f"{spec.name}: latency is measured for window and pointwise models, this one is {spec.kind}")
    if not (folder / "model.onnx").exists():
        raise Unmeasurable(
            f"{folder} holds no model.onnx to compare the answers with: learn-export --format onnx adds it"
        )
    if spec.tolerance is None:
        raise ValueError(f"{spec.name}: spec.json has no tolerance for its golden samples")
    with np.load(folder / "golden.npz", allow_pickle=False) as golden:
        x, y = golden["x"], golden["y"]
    if spec.kind is Kind.POINTWISE:
        samples, expected, at = x, y, slice(None)
    else:
        liveliest = int(np.abs(y).max(axis=1).argmax())
        samples = np.concatenate([x[liveliest], x[liveliest][-2:0:-1]])
        expected, at = y[liveliest : liveliest + 1], slice(spec.window - 1, spec.window)
    samples = np.ascontiguousarray(samples, np.float32)
    answers = run_onnx(folder / "model.onnx", windows_ending_at_each(samples, spec))
    worst = float(np.abs(answers[at] - expected).max())
    if not worst <= spec.tolerance:
        raise ValueError(f"{folder}: model.onnx is {worst:.2e} away from golden.npz, more than {spec.tolerance:.2e}")
    # Both sides may be as far from the float64 answer as the tolerance.
    return Stream(samples, answers, 2 * spec.tolerance)


def empty_stream(stream: Stream) -> Stream:
    """Return the same samples with the empty model's answers: the newest sample's first values, to the bit."""
    answers = np.zeros_like(stream.answers)
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
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
    return np.concatenate([session.run(["y"], {"x": row[None]})[0] for row in x])
