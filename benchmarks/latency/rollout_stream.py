"""What a rollout's arm is fed: states as they were recorded, and plans made of recorded actions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from learn_rt.benchmarks.latency.streams import Floats, Stream, allowed, check_golden, judged_by, onnx_session
from learn_rt.spec import Spec

if TYPE_CHECKING:
    from learn_rt._latency import RolloutSizes

CANDIDATES = 64  # as a sampling planner asks for at least, unless told otherwise
WINDOWS = 16  # recorded ones, one after another, until the stream repeats


def sizes_of(spec: Spec, candidates: int | None = None) -> RolloutSizes:
    """Return how many values a rollout takes and answers: so many candidates, over the spec's horizon."""
    from learn_rt._latency import RolloutSizes

    return RolloutSizes(spec.n_outputs, spec.n_actions, candidates or CANDIDATES, spec.horizon)


def rollout_stream(folder: Path, spec: Spec, candidates: int | None = None) -> Stream:
    """Return a stream made of a version folder's golden samples, with what ONNX Runtime answers to it.

    The rows of golden windows follow one another; each tick observes one and rolls candidates out from it. Where the
    history is a golden window as a whole its answer is known; of the others, which reach over two, it is NaN. A sample
    holds the state, the action before it, and the plans; an answer the states (candidates * horizon * n_states,).

    Raises: Unmeasurable: no model.onnx; ValueError: golden samples that ONNX Runtime does not reproduce.
    """
    model = onnx_session(judged_by(folder, spec))
    n, k = spec.n_outputs, candidates or CANDIDATES
    with np.load(folder / "golden.npz", allow_pickle=False) as golden:
        x, plans, y = golden["x"], golden["actions"], golden["y"]
    check_golden(folder, spec, model.run(["y"], {"x": x, "actions": plans})[0], y)
    chosen = np.linspace(0, len(x) - 1, min(WINDOWS, len(x))).astype(int)
    windows = x[chosen]
    rows = windows.reshape(-1, spec.n_features)
    # Each tick has other plans: those that were recorded, from another one on.
    tick = np.arange(len(rows))[:, None]
    plans = plans[(tick + np.arange(k)) % len(plans)]
    answers = np.full((len(rows), k, spec.horizon, n), np.nan, np.float32)
    for end in range(spec.window - 1, len(rows), spec.window):
        history = np.repeat(windows[end // spec.window][None], k, axis=0)
        history[:, -1, n:] = plans[end, :, 0]
        answers[end] = model.run(["y"], {"x": history, "actions": plans[end]})[0]
    before = np.roll(rows[:, n:], 1, axis=0)
    samples = np.concatenate([rows[:, :n], before, plans.reshape(len(rows), -1)], axis=1)
    return Stream(_plain(samples), _plain(answers.reshape(len(rows), -1)), allowed(spec))


def empty_rollout_stream(stream: Stream, spec: Spec) -> Stream:
    """Return the same samples with the empty model's answers: every state is the newest one, to the bit."""
    times = stream.answers.shape[1] // spec.n_outputs
    return Stream(stream.samples, _plain(np.tile(stream.samples[:, : spec.n_outputs], (1, times))), 0.0)


def _plain(array: Any) -> Floats:
    return np.ascontiguousarray(array, np.float32)
