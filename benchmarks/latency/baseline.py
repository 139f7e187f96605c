"""Our step beside ONNX Runtime's, turn by turn in the same run, both called from C++ in this process."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from learn_rt.benchmarks.latency.bench import Bench, Subject
from learn_rt.benchmarks.latency.gate import WrongAnswer, verify
from learn_rt.benchmarks.latency.judge import Estimate, interval, resamples
from learn_rt.benchmarks.latency.measure import CLOSED, Measured, in_turn
from learn_rt.benchmarks.latency.rollout_stream import sizes_of
from learn_rt.spec import Kind

POINTWISE = "one answer against one answer: ONNX Runtime on model.onnx"
HEADLINE = "one step against one step: ONNX Runtime on step.onnx, its states carried"
WHOLE = "one window against one window: ONNX Runtime on model.onnx, the same work; the model has no states to carry"
ROLLOUT = "all candidates as one batch: ONNX Runtime on model.onnx, the same rollouts"
WINDOW = (
    "one step against a whole window, another amount of work and no faster kernel: ONNX Runtime on model.onnx, "
    "which is what the same answer takes there"
)


@dataclass(frozen=True)
class Comparison:
    """Ours and the baseline's latency; `speedup` is the baseline's p50 over ours, with its 95% interval."""

    model: str
    against: str
    reason: str
    ours: Measured
    baseline: Measured
    speedup: Estimate

    def as_dict(self) -> dict[str, Any]:
        """Return the comparison as JSON has it."""
        return {
            "model": self.model,
            "against": self.against,
            "reason": self.reason,
            "latency_us": self.ours.latency.figures().as_dict(),
            "settle_us": self.ours.settle.figures().as_dict(),
            "baseline_us": self.baseline.latency.figures().as_dict(),
            "speedup": {"p50": self.speedup.value, "low": self.speedup.low, "high": self.speedup.high},
        }


def compare(bench: Bench, name: str, seconds: float = 3.0) -> list[Comparison]:
    """Return the comparisons of a model: the step's first, which is the headline, then the window's.

    Raises: WrongAnswer: either side answers what model.onnx does not say; FileNotFoundError: ONNX Runtime's library.
    """
    subject = bench.subject(name)
    folder = subject.model.version_folder
    cpus = bench.pinning.control
    if subject.spec.kind is Kind.POINTWISE:
        return [_compare(subject, "onnxruntime, model.onnx", POINTWISE, _ort_pointwise(subject), seconds, cpus)]
    if subject.spec.kind is Kind.ROLLOUT:
        return [_compare(subject, "onnxruntime, model.onnx", ROLLOUT, _ort_rollout(subject), seconds, cpus)]
    if subject.spec.kind is Kind.STATEFUL:
        return [_compare(subject, "onnxruntime, step.onnx", HEADLINE, _ort_step(subject), seconds, cpus)]
    stepped = (folder / "step.onnx").exists()
    found = []
    if stepped:
        found.append(_compare(subject, "onnxruntime, step.onnx", HEADLINE, _ort_step(subject), seconds, cpus))
    reason = WINDOW if stepped else WHOLE
    found.append(_compare(subject, "onnxruntime, model.onnx", reason, _ort_window(subject), seconds, cpus))
    return found


def _compare(
    subject: Subject, against: str, reason: str, baseline: Any, seconds: float, cpus: frozenset[int] | None
) -> Comparison:
    from learn_rt._latency import RolloutArm, SessionArm, Turn

    stream, spec, folder = subject.stream, subject.spec, subject.model.version_folder
    arm = RolloutArm(folder, "auto", sizes_of(spec)) if spec.kind is Kind.ROLLOUT else SessionArm(folder, "auto")
    ours = Turn(arm, stream.samples, stream.answers)
    theirs = Turn(baseline, stream.samples)
    (us, them), _ = in_turn([ours, theirs], CLOSED, seconds, spec.dt_s, cpus)
    verify(f"{subject.model.name} in process", us, stream.tolerance)
    weights = resamples(len(us.latency.counts))
    ratios = them.latency.percentile_us(0.5, weights) / us.latency.percentile_us(0.5, weights)
    ratio = float(them.latency.percentile_us(0.5)[0] / us.latency.percentile_us(0.5)[0])
    return Comparison(subject.model.name, against, reason, us, them, Estimate(ratio, *interval(ratios)))


def _ort_step(subject: Subject) -> Any:
    """Return ONNX Runtime on step.onnx, checked: a window of steps from zero states answers as model.onnx."""
    spec = subject.spec
    states = [(f"state.{s.name}", f"state.{s.name}.next", [1, *s.shape]) for s in spec.states]
    arm = _ort(subject, "step.onnx", 0, states)
    return _checked(arm, subject, "step.onnx")


def _ort_rollout(subject: Subject) -> Any:
    from learn_rt._latency import OrtRolloutArm

    graph = str(subject.model.version_folder / "model.onnx")
    arm = OrtRolloutArm(ort_library(), graph, subject.spec.window, sizes_of(subject.spec))
    return _checked(arm, subject, "model.onnx")


def _ort_pointwise(subject: Subject) -> Any:
    return _checked(_ort(subject, "model.onnx", 0, []), subject, "model.onnx")


def _ort_window(subject: Subject) -> Any:
    return _checked(_ort(subject, "model.onnx", subject.spec.window, []), subject, "model.onnx")


def _ort(subject: Subject, graph: str, window: int, states: list[tuple[str, str, list[int]]]) -> Any:
    from learn_rt._latency import OrtArm

    spec = subject.spec
    path = str(subject.model.version_folder / graph)
    return OrtArm(ort_library(), path, window, spec.n_features, spec.n_outputs, states)


def _checked(arm: Any, subject: Subject, graph: str) -> Any:
    """Return the arm after one window of samples, the last answer to which must be the stream's."""
    stream, n = subject.stream, subject.spec.window
    for sample in stream.samples[: n - 1]:
        arm.ask(sample)
    worst = float(np.abs(arm.ask(stream.samples[n - 1]) - stream.answers[n - 1]).max())
    assert subject.spec.tolerance is not None
    if not worst <= 2 * subject.spec.tolerance:  # float32 on both sides
        raise WrongAnswer(f"{graph} through ONNX Runtime's C interface is {worst:.2e} away from model.onnx")
    return arm


def ort_library() -> str:
    """Return the path of the shared library in the installed onnxruntime."""
    import onnxruntime

    capi = Path(onnxruntime.__file__).parent / "capi"
    found = sorted(capi.glob("libonnxruntime.so*"))
    if not found:
        raise FileNotFoundError(f"{capi} holds no libonnxruntime.so: this onnxruntime cannot be called from C++")
    return str(found[0])
