"""The place where latency is measured: models copied beside their empty twins, a server, and arms to all of them."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from learn_rt.benchmarks.latency import pinning
from learn_rt.benchmarks.latency.folders import ModelFolder, pair_with_empty
from learn_rt.benchmarks.latency.gpu import GraphTurn
from learn_rt.benchmarks.latency.measure import Turn
from learn_rt.benchmarks.latency.own_models import write_own_model
from learn_rt.benchmarks.latency.rollout_stream import empty_rollout_stream, rollout_stream, sizes_of
from learn_rt.benchmarks.latency.serving import serving
from learn_rt.benchmarks.latency.streams import Stream, Unmeasurable, empty_stream, make_stream
from learn_rt.spec import Kind, Spec


@dataclass(frozen=True)
class Subject:
    """A model that is measured, with its empty twin and what both are fed."""

    model: ModelFolder
    empty: ModelFolder
    spec: Spec
    stream: Stream
    empty_stream: Stream


class Bench:
    """Opens arms. A context: what it started ends with it.

    Args: models: those to measure. own: and the nets of these systems, with random weights, made when first asked for.
    """

    def __init__(self, models: Sequence[ModelFolder], own: Sequence[str] = ()) -> None:
        self._given = {model.name: model for model in models}
        self.names = [*self._given, *own]
        self._subjects: dict[str, Subject] = {}
        self._stack = ExitStack()
        self.pinning = pinning.apart()

    def __enter__(self) -> Bench:
        self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="learn-bench-")))
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    def subject(self, name: str) -> Subject:
        """Return a model ready to be measured; it is copied, and its empty twin exported, at the first call.

        Raises: Unmeasurable: no file to compare the answers with; ValueError: the folder does not hold what it should.
        """
        if name not in self._subjects:
            given = self._given.get(name) or write_own_model(name, self._folder / "given")
            spec = given.spec()
            if spec.kind is Kind.ROLLOUT:
                stream = rollout_stream(given.version_folder, spec)
                without = empty_rollout_stream(stream, spec)
            else:
                stream = make_stream(given.version_folder, spec)
                without = empty_stream(stream)
            model, empty = pair_with_empty(given, self._folder / "models")
            self._subjects[name] = Subject(model, empty, spec, stream, without)
        return self._subjects[name]

    def open(self, name: str, transport: str) -> tuple[Turn, Turn, str]:
        """Return two turns, of the model and of its empty twin, and what answers.

        Raises: RuntimeError: the model cannot be loaded or the server does not come up; Unmeasurable: its kind does
            not run on a GPU, or not over this transport.
        """
        from learn_rt import _latency

        subject = self.subject(name)
        if transport == "cuda":
            if subject.spec.kind not in (Kind.WINDOW, Kind.POINTWISE):
                raise Unmeasurable(
                    f"{name}: on a GPU windows and single samples are measured, this is {subject.spec.kind}"
                )
            folders = ((subject.model, subject.stream), (subject.empty, subject.empty_stream))
            on_gpu = [GraphTurn(f.version_folder / "model.onnx", subject.spec, stream) for f, stream in folders]
            return on_gpu[0], on_gpu[1], "onnxruntime on the GPU"
        arms = [self._arm(folder, subject.spec, transport) for folder in (subject.model, subject.empty)]
        streams = (subject.stream, subject.empty_stream)
        model, empty = (_latency.Turn(arm, s.samples, s.answers) for arm, s in zip(arms, streams, strict=True))
        return model, empty, arms[0].what

    def _arm(self, folder: ModelFolder, spec: Spec, transport: str) -> Any:
        from learn_rt import _latency

        if spec.kind is Kind.ROLLOUT:
            if transport == "shm":
                raise Unmeasurable(f"{folder.name}: rollouts are not served over shared memory")
            if transport == "inproc":
                return _latency.RolloutArm(folder.version_folder, "auto", sizes_of(spec))
            return _latency.RolloutClientArm(self._addresses[transport], folder.name, sizes_of(spec))
        if transport == "inproc":
            return _latency.SessionArm(folder.version_folder, "auto")
        return _latency.ClientArm(self._addresses[transport], folder.name, False, spec.n_features, spec.n_outputs)

    @cached_property
    def _addresses(self) -> dict[str, str]:
        """The server's addresses; it starts at the first use, with every model that can be measured."""
        for name in self.names:
            with suppress(ValueError):  # said by the gates of that model
                self.subject(name)
        return self._stack.enter_context(serving(self._folder / "models", self._folder / "s.sock", self.pinning.server))
