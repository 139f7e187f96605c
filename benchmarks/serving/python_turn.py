"""A control loop in Python that takes its turn among those in C++."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from learn_rt.benchmarks.latency.gpu import histogram
from learn_rt.benchmarks.latency.measure import STAGES
from learn_rt.client import Flag

if TYPE_CHECKING:
    from learn_rt.benchmarks.latency.streams import Stream
    from learn_rt.client import Client

PATIENCE_S = 1.0
NO_ANSWER = Flag.LATE | Flag.DISCONNECTED
NOT_THE_MODELS = Flag.WARMING_UP | Flag.LIMITED | Flag.REFUSED


class PythonTurn:
    """Paced calls of `predict` (`_latency.Turn`), each answer checked."""

    def __init__(self, client: Client, stream: Stream) -> None:
        self._client, self._stream = client, stream
        self._rows = list(stream.samples)
        self._tick = 0

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
        """Measure one block. Raises: RuntimeError: a sample got no answer."""
        if not paced or cold or spin:
            raise ValueError("served calls from Python are measured at the control rate")
        clock, predict, rows = time.monotonic_ns, self._client.predict, self._rows
        took: list[int] = []
        calls: list[int] = []
        compared, limited, worst, wrong = 0, 0, 0.0, 0
        due = clock() + period_ns
        end = due + duration_ns
        while due < end or len(took) <= warm_up:
            time.sleep(max(0.0, 1e-9 * (due - clock())))
            start = clock()
            prediction = predict(rows[self._tick % len(rows)], PATIENCE_S)
            answered = clock()
            took.append(answered - due)
            calls.append(answered - start)
            flags = prediction.flags
            if flags & NO_ANSWER:
                raise RuntimeError(f"no answer within {PATIENCE_S:g} s: {self._client.last_error}")
            if flags & Flag.LIMITED:
                limited += 1
            if not flags & NOT_THE_MODELS:
                away = float(np.abs(prediction.values - self._stream.answers[self._tick % len(rows)]).max())
                compared, worst = compared + 1, max(worst, away)
                wrong += not away <= self._stream.tolerance
            self._tick += 1
            due += period_ns
        took = took[warm_up:]
        return {
            "latency": histogram(took),
            "call": histogram(calls[warm_up:]),
            "stages": dict.fromkeys(STAGES, histogram([])),
            "settle": histogram([]),
            "missed": sum(t > period_ns for t in took),
            "compared": compared,
            "limited": limited,
            "worst": worst,
            "wrong": wrong,
        }
