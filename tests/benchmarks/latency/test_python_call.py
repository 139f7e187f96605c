"""The loop in Python that takes its turn among the ones in C++; what it times is never asserted."""

from __future__ import annotations

import numpy as np
import pytest

from learn_rt.benchmarks.latency.streams import Stream

pytest.importorskip("learn_rt._latency", reason="the timing loops are not built")
from learn_rt.benchmarks.latency.python_call import CHUNK, LIMITED, PythonTurn, bound_chunk, kept_chunk, made_chunk

STREAM = Stream(np.zeros((3, 2), np.float32), np.arange(6, dtype=np.float32).reshape(3, 2), 0.0)


def turn(flags: int = 0, off: float = 0.0) -> PythonTurn:
    def chunk(first: int, n: int) -> tuple[list[int], np.ndarray, int]:
        return [first + i for i in range(n)], STREAM.answers[(first + n - 1) % 3] + off, flags

    return PythonTurn(chunk, STREAM)


def test_a_block_leaves_its_warm_up_out_and_the_stream_goes_on() -> None:
    arm = turn()
    first = arm.run(1, 50, False, False, 20)
    assert int(first["latency"]["counts"].sum()) == CHUNK - 20
    assert first["latency"]["max"] == CHUNK - 1
    assert first["missed"] == CHUNK - 51
    second = arm.run(1, 10**6, False, False, 0)
    assert second["latency"]["max"] == 2 * CHUNK - 1
    assert (first["compared"], first["worst"], second["compared"], second["worst"]) == (1, 0.0, 1, 0.0)


def test_a_wrong_answer_is_seen_and_a_limited_one_is_not_compared() -> None:
    assert turn(off=0.25).run(1, 10**6, False, False, 0)["worst"] == 0.25
    limited = turn(flags=LIMITED, off=0.25).run(1, 10**6, False, False, 0)
    assert (limited["limited"], limited["compared"], limited["worst"]) == (1, 0, 0.0)


@pytest.mark.parametrize("make", [bound_chunk, kept_chunk, made_chunk])
def test_each_way_to_call_feeds_the_stream_and_settles_after_each_answer(make) -> None:  # type: ignore[no-untyped-def]
    class Session:
        def __init__(self) -> None:
            self.seen: list[float] = []

        def step(self, x: np.ndarray, out: np.ndarray | None = None) -> tuple[np.ndarray, int]:
            self.seen.append(float(x[0]))
            out = np.zeros(2, np.float32) if out is None else out
            out[:] = 2 * x
            return out, 4

        def bind(self, x: np.ndarray, out: np.ndarray):  # type: ignore[no-untyped-def]
            return lambda: self.step(x, out)[1]

        def settle(self) -> None:
            self.seen.append(-1.0)

    session = Session()
    stream = Stream(np.array([[1, 2], [3, 4], [5, 6]], np.float32), STREAM.answers, 0.0)
    took, answer, flags = make(session, stream, 2)(4, 3)
    assert session.seen == [3.0, -1.0, 5.0, -1.0, 1.0, -1.0]
    assert (len(took), answer.tolist(), flags) == (3, [2.0, 4.0], 4)
