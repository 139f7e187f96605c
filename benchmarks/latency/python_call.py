"""What a call from Python costs above the same call from C++, turn by turn in one run."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from learn_rt.benchmarks.latency.gpu import histogram
from learn_rt.benchmarks.latency.histogram import Blocks
from learn_rt.benchmarks.latency.judge import Estimate, interval, resamples
from learn_rt.benchmarks.latency.measure import CLOSED, STAGES, Measured, in_turn
from learn_rt.benchmarks.latency.streams import Stream, Unmeasurable
from learn_rt.spec import Kind

if TYPE_CHECKING:
    from learn_rt.benchmarks.latency.bench import Bench
    from learn_rt.client import Client
    from learn_rt.runtime import Session

BUDGET_US = 1.0  # what a step from Python may cost above one from C++
WARMING_UP, LIMITED = 1, 4  # of the flags: such an answer is not model.onnx's
CHUNK = 100  # ticks between two looks at the clock and at the answer
# (first tick, ticks) -> durations [ns], the last answer and its flags
Chunk = Callable[[int, int], tuple[list[int], np.ndarray, int]]


@dataclass(frozen=True)
class Added:
    """A call from Python beside the same from C++; `added` is the difference of their p50s [us] with its interval.

    Raw: reading Python's clock twice, some 0.05 us more than C++'s, is in it.
    """

    call: str
    cpp: Blocks
    python: Blocks
    added: Estimate

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "call": self.call,
            "cpp_us": self.cpp.figures().as_dict(),
            "python_us": self.python.figures().as_dict(),
            "added_us": {"p50": self.added.value, "low": self.added.low, "high": self.added.high},
        }


class PythonTurn:
    """A loop in Python that takes its turn among C++ ones (`_latency.Turn`); closed loops only."""

    def __init__(self, chunk: Chunk, stream: Stream) -> None:
        self._chunk, self._stream = chunk, stream
        self._n = 0  # ticks so far

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
        """Measure one block."""
        if paced or cold:
            raise ValueError("calls from Python are measured in a closed loop")
        took: list[int] = []
        compared, limited, worst = 0, 0, 0.0
        end = time.perf_counter_ns() + duration_ns
        while time.perf_counter_ns() < end or len(took) <= warm_up:
            durations, answer, flags = self._chunk(self._n, CHUNK)
            took += durations
            self._n += CHUNK
            limited += bool(flags & LIMITED)
            if not flags & (WARMING_UP | LIMITED):
                right = self._stream.answers[(self._n - 1) % len(self._stream.answers)]
                compared, worst = compared + 1, max(worst, float(np.abs(answer - right).max()))
        took = took[warm_up:]
        return {
            "latency": histogram(took),
            "stages": dict.fromkeys(STAGES, histogram([])),
            "settle": histogram([]),
            "missed": sum(t > period_ns for t in took),
            "compared": compared,
            "limited": limited,
            "worst": worst,
        }


def bound_chunk(session: Session, stream: Stream, n_outputs: int) -> Chunk:
    """Return a loop over a step that was bound to its arrays."""
    rows = list(stream.samples)
    x, out = np.zeros_like(rows[0]), np.zeros(n_outputs, np.float32)
    tick = session.bind(x, out)

    def chunk(first: int, n: int) -> tuple[list[int], np.ndarray, int]:
        settle, clock, took = session.settle, time.perf_counter_ns, [0] * n
        for i in range(n):
            x[:] = rows[(first + i) % len(rows)]
            start = clock()
            flags = tick()
            took[i] = clock() - start
            settle()
        return took, out, flags

    return chunk


def kept_chunk(session: Session, stream: Stream, n_outputs: int) -> Chunk:
    """Return a loop over `step` into one array that is kept."""
    rows = list(stream.samples)
    out = np.zeros(n_outputs, np.float32)

    def chunk(first: int, n: int) -> tuple[list[int], np.ndarray, int]:
        step, settle, clock, took = session.step, session.settle, time.perf_counter_ns, [0] * n
        for i in range(n):
            x = rows[(first + i) % len(rows)]
            start = clock()
            _, flags = step(x, out)
            took[i] = clock() - start
            settle()
        return took, out, flags

    return chunk


def made_chunk(session: Session, stream: Stream, n_outputs: int) -> Chunk:
    """Return a loop over `step` with a new array for each answer."""
    rows = list(stream.samples)

    def chunk(first: int, n: int) -> tuple[list[int], np.ndarray, int]:
        step, settle, clock, took = session.step, session.settle, time.perf_counter_ns, [0] * n
        for i in range(n):
            x = rows[(first + i) % len(rows)]
            start = clock()
            answer, flags = step(x)
            took[i] = clock() - start
            settle()
        return took, answer, flags

    return chunk


def client_chunk(client: Client, stream: Stream) -> Chunk:
    """Return a loop over `predict`."""
    rows = list(stream.samples)

    def chunk(first: int, n: int) -> tuple[list[int], np.ndarray, int]:
        predict, clock, took = client.predict, time.perf_counter_ns, [0] * n
        for i in range(n):
            x = rows[(first + i) % len(rows)]
            start = clock()
            prediction = predict(x, 1.0)
            took[i] = clock() - start
        return took, prediction.values, prediction.flags

    return chunk


def measure(bench: Bench, name: str, seconds: float = 3.0, spin: bool = False) -> list[Added]:
    """Return what a step costs more from Python, the quickest way to call it first, and the client's `predict`.

    Raises: ValueError: a wrong answer; Unmeasurable: a kind other than window and pointwise.
    """
    from learn_rt import _latency
    from learn_rt.client import connect
    from learn_rt.runtime import load

    subject = bench.subject(name)
    folder, spec, stream = subject.model.version_folder, subject.spec, subject.stream
    if spec.kind not in (Kind.WINDOW, Kind.POINTWISE):
        raise Unmeasurable(f"{name}: calls are measured for window and pointwise models, this one is {spec.kind}")
    model = load(folder)
    arms: list[Any] = [_latency.Turn(_latency.SessionArm(folder, "auto"), stream.samples, stream.answers)]
    for make in (bound_chunk, kept_chunk, made_chunk):
        arms.append(PythonTurn(make(model.session(), stream, spec.n_outputs), stream))
    cpp, *python = _measured(arms, seconds, spec.dt_s, stream, bench.pinning.control)
    calls = ("bind(x, y)()", "step(x, out)", "step(x)")
    found = [_added(call, cpp, each) for call, each in zip(calls, python, strict=True)]

    repository = f"inproc:{_repository(folder)}"
    arm = _latency.ClientArm(repository, subject.model.name, spin, spec.n_features, spec.n_outputs)
    with connect(repository, subject.model.name, wait="spin" if spin else "doze") as client:
        turns = [
            _latency.Turn(arm, stream.samples, stream.answers),
            PythonTurn(client_chunk(client, stream), stream),
        ]
        # Control thread and I/O thread need a processor each: not pinned.
        ours, from_python = _measured(turns, seconds, spec.dt_s, stream, None)
    found.append(_added("client.predict(x, deadline)", ours, from_python))
    return found


def _measured(
    arms: list[Any], seconds: float, dt_s: float, stream: Stream, cpus: frozenset[int] | None
) -> list[Measured]:
    measured, _ = in_turn(arms, CLOSED, seconds, dt_s, cpus)
    for each in measured:
        if not each.compared or not each.worst <= stream.tolerance:
            raise ValueError(f"answers are {each.worst:.2e} away from model.onnx, more than {stream.tolerance:.2e}")
    return measured


def _added(call: str, cpp: Measured, python: Measured) -> Added:
    weights = resamples(len(cpp.latency.counts))
    differences = python.latency.percentile_us(0.5, weights) - cpp.latency.percentile_us(0.5, weights)
    value = float(python.latency.percentile_us(0.5)[0] - cpp.latency.percentile_us(0.5)[0])
    return Added(call, cpp.latency, python.latency, Estimate(value, *interval(differences)))


def _repository(version_folder: Path) -> Path:
    return version_folder.parent.parent
