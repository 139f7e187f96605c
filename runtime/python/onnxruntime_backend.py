"""ONNX Runtime behind the runtime's backend interface, which calls these objects from C++ with the GIL held."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from learn_rt.spec import Kind, Scope, Spec

if TYPE_CHECKING:
    import onnxruntime

Floats = NDArray[np.float32]


class Stream(Protocol):
    """The bare arithmetic of one session."""

    def reset(self) -> None:
        """Forget every sample."""

    def step(self, sample: Floats) -> Floats:
        """Return the answer (n_outputs,) to one sample (n_features,)."""

    def settle(self) -> None:
        """Do the work that does not need the next sample."""


def load_folder(folder: str, spec_json: str) -> Engine:
    """Return a version folder made ready. Raises: RuntimeError: why it cannot be."""
    return Engine(Path(folder), Spec.from_json(spec_json))


def make_session(file: Path) -> onnxruntime.InferenceSession:
    """Return an ONNX Runtime session that shares the machine with a control loop: one thread, no spinning."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        import onnxruntime as ort
    except ImportError:
        raise RuntimeError("onnxruntime is not installed: pip install onnxruntime") from None
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    for key in ("session.intra_op.allow_spinning", "session.inter_op.allow_spinning"):
        options.add_session_config_entry(key, "0")
    return ort.InferenceSession(file, options, providers=["CPUExecutionProvider"])


class Engine:
    """`model.onnx` for whole windows, `step.onnx` for streams where it is there."""

    def __init__(self, folder: Path, spec: Spec) -> None:
        self.spec = spec
        self.whole = make_session(folder / "model.onnx") if (folder / "model.onnx").exists() else None
        self.stepped = make_session(folder / "step.onnx") if (folder / "step.onnx").exists() else None
        if self.stepped is None and (self.whole is None or spec.kind is Kind.STATEFUL):
            raise RuntimeError("neither model.onnx nor step.onnx is there")
        if self.whole is None and spec.kind is Kind.ROLLOUT:
            raise RuntimeError("no model.onnx, with which rollouts are made here")

    def open(self) -> Stream:
        """Return a new stream."""
        if self.stepped is not None:
            return LaneStream(self.stepped, self.spec)
        return WindowStream(self)

    def infer(self, windows: Floats) -> Floats:
        """Return the answers (batch, n_outputs) to windows (batch, window, n_features)."""
        if self.whole is not None:
            rank = len(self.whole.get_inputs()[0].shape)
            x = windows.reshape(len(windows), -1) if rank == 2 else windows.reshape(len(windows), self.spec.window, -1)
            answers: Floats = self.whole.run(["y"], {"x": x})[0]
            return answers
        assert self.stepped is not None
        stream = LaneStream(self.stepped, self.spec)
        rows = []
        for window in windows.reshape(len(windows), self.spec.window, -1):
            stream.reset()
            rows.append([stream.step(sample) for sample in window][-1])
        return np.stack(rows)

    def infer_rollout(self, windows: Floats, actions: Floats) -> Floats:
        """Return the states (batch, horizon, n_states) after windows and actions (batch, horizon, n_actions)."""
        assert self.whole is not None
        answers: Floats = self.whole.run(["y"], {"x": windows, "actions": actions})[0]
        return answers


class WindowStream:
    """Answers every sample by running the whole window."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.reset()

    def reset(self) -> None:
        self.window: Floats = np.zeros((self.engine.spec.window, self.engine.spec.n_features), np.float32)

    def step(self, sample: Floats) -> Floats:
        self.window = np.concatenate([self.window[1:], sample[None]])
        answer: Floats = self.engine.infer(self.window[None])[0]
        return answer

    def settle(self) -> None:
        pass


class LaneStream:
    """One row of states for each start of a window; the answer needs one step of the oldest row only.

    Row i = k % window starts with the k-th sample. Without a window there is one row for ever.
    """

    def __init__(self, session: onnxruntime.InferenceSession, spec: Spec) -> None:
        self.session = session
        self.spec = spec
        self.rows = spec.window if spec.kind is Kind.WINDOW else 1
        self.next_names = [f"state.{s.name}.next" for s in spec.states]
        self.reset()

    def reset(self) -> None:
        self.states: dict[str, Floats] = {
            f"state.{s.name}": np.zeros((self.rows, *s.shape), np.float32) for s in self.spec.states
        }
        self.oldest = 1 % self.rows
        self.pending: Floats | None = None

    def step(self, sample: Floats) -> Floats:
        self.settle()
        self.pending = sample[None]
        row = slice(self.oldest, self.oldest + 1)
        inputs: dict[str, Any] = {name: value[row] for name, value in self.states.items()}
        answer: Floats = self.session.run(["y"], {"x": self.pending, **inputs})[0][0]
        return answer

    def settle(self) -> None:
        if self.pending is None:
            return
        if self.next_names:
            x = np.repeat(self.pending, self.rows, axis=0)
            following = self.session.run(self.next_names, {"x": x, **self.states})
            for state, value in zip(self.spec.states, following, strict=True):
                if self.rows > 1 and state.scope is Scope.LANE:
                    value[self.oldest] = 0.0
                self.states[f"state.{state.name}"] = value
        self.pending = None
        self.oldest = (self.oldest + 1) % self.rows
