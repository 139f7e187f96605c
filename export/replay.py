"""The written files as a loader runs them: each opened from disk and called with raw samples."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from learn_rt.export.names import graph_inputs, split
from learn_rt.export.parity import Answer
from learn_rt.export.pt2_format import load_aoti, load_pt2
from learn_rt.export.torchscript import freeze, load_torchscript
from learn_rt.spec import Kind, Spec


@dataclass(frozen=True, slots=True)
class Opened:
    """A written file, ready: `answer` takes samples in batches; `once` makes the call of one tick, batch 1."""

    answer: Answer
    once: Callable[[NDArray[np.float32]], object]


def open_onnx(path: Path, spec: Spec) -> Opened:
    """Open model.onnx in ONNX Runtime."""
    session = _session(path)
    names = list(graph_inputs(spec))

    def answer(samples: NDArray[np.float32]) -> NDArray[np.float32]:
        y: NDArray[np.float32] = session.run(["y"], dict(zip(names, split(samples, spec), strict=True)))[0]
        return y

    return Opened(answer, answer)


def open_step(path: Path, spec: Spec) -> Opened:
    """Open step.onnx in ONNX Runtime: an answer to a window is that of its last step, from zero states.

    A rollout's next window ends with that answer and the next action.
    """
    session = _session(path)
    names = [f"state.{s.name}" for s in spec.states]
    outputs = ["y", *(f"{name}.next" for name in names)]

    def zeros(batch: int) -> dict[str, NDArray[np.float32]]:
        return {f"state.{s.name}": np.zeros((batch, *s.shape), np.float32) for s in spec.states}

    def last(windows: NDArray[np.float32]) -> NDArray[np.float32]:
        states = zeros(len(windows))
        for sample in np.ascontiguousarray(windows.swapaxes(0, 1)):
            y, *following = session.run(outputs, {"x": sample, **states})
            states = dict(zip(names, following, strict=True))
        answers: NDArray[np.float32] = y
        return answers

    def rollout(samples: NDArray[np.float32]) -> NDArray[np.float32]:
        rows = samples.copy()
        answers = []
        for k in range(spec.horizon):
            answers.append(last(rows[:, k : k + spec.window]))
            if k + 1 < spec.horizon:
                rows[:, k + spec.window, : spec.n_outputs] = answers[-1]
        return np.stack(answers, 1)

    start = zeros(1)
    answer = rollout if spec.kind is Kind.ROLLOUT else last
    return Opened(answer, lambda window: session.run(outputs, {"x": window[:, -1], **start}))


def open_torchscript(path: Path, spec: Spec) -> Opened:
    """Open model.pt, frozen as a server does."""
    return _torch(freeze(load_torchscript(path)), spec)


def open_torchscript_step(path: Path, spec: Spec) -> Opened:
    """Open a stateful model's model.pt, frozen: an answer to a sequence is that of its last step, from zero states."""
    module = freeze(load_torchscript(path))

    def answer(sequences: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.no_grad():
            states = [torch.zeros(len(sequences), *s.shape) for s in spec.states]
            for sample in torch.from_numpy(np.ascontiguousarray(sequences.swapaxes(0, 1))):
                y, *states = module(sample, *states)
        answers: NDArray[np.float32] = y.numpy()
        return answers

    return Opened(answer, lambda sequence: answer(sequence[:, -1:]))


def open_pt2(path: Path, spec: Spec) -> Opened:
    """Open model.pt2."""
    return _torch(load_pt2(path), spec)


def open_aoti(path: Path, spec: Spec) -> Opened:
    """Open model.aoti.pt2."""
    return _torch(load_aoti(path), spec)


def _torch(module: Callable[..., Tensor], spec: Spec) -> Opened:
    def answer(samples: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.no_grad():
            y: NDArray[np.float32] = module(*split(torch.from_numpy(samples), spec)).numpy()
        return y

    return Opened(answer, answer)


def _session(path: Path) -> Any:
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
