"""`step(sample, out)` and `bind(sample, out)`: the caller's own arrays are read and written where they lie."""

from __future__ import annotations

import sys
import tracemalloc

import numpy as np
import pytest
from runtime_models import Exported

from learn_rt._runtime import BoundStep
from learn_rt.runtime import load


def test_the_answers_are_those_of_a_step_that_makes_its_own(short: Exported, path: np.ndarray) -> None:
    model = load(short.folder)
    session, other = model.session(), model.session()
    out = np.full(2, np.nan, np.float32)
    for sample in path[:50]:
        answer, flags = session.step(sample, out)
        expected, expected_flags = other.step(sample)
        assert answer is out
        assert flags == expected_flags
        np.testing.assert_array_equal(out, expected)


def test_samples_that_do_not_lie_ready_are_converted_and_mean_the_same(short: Exported, path: np.ndarray) -> None:
    model = load(short.folder)
    wide = np.zeros((50, 10), np.float32)
    wide[:, ::2] = path[:50]
    expected, _ = model.session().run(path[:50])
    big_endian = path.astype(">f4")
    unaligned = np.frombuffer(b"\0" + path.tobytes(), np.uint8)[1:].view(np.float32).reshape(path.shape)
    for samples in (path.astype(np.float64), wide[:, ::2], big_endian, unaligned, path.tolist()):
        session, out = model.session(), np.zeros(2, np.float32)
        given = np.array([session.step(sample, out)[0].copy() for sample in samples[:50]])
        np.testing.assert_array_equal(given, expected)


@pytest.mark.parametrize(
    "out",
    [
        np.zeros(2),
        np.zeros(3, np.float32),
        np.zeros((1, 2), np.float32),
        np.zeros(4, np.float32)[::2],
        np.zeros(2, ">f4"),
        np.frombuffer(bytes(8), np.float32),
        [0.0, 0.0],
    ],
    ids=["float64", "size", "rank", "stride", "byte order", "read-only", "list"],
)
def test_an_array_that_the_answer_cannot_be_written_into_is_refused(
    short: Exported, path: np.ndarray, out: object
) -> None:
    session = load(short.folder).session()
    with pytest.raises(ValueError, match=r"out must be a writable float32 array of shape \(2,\) in one piece"):
        session.step(path[0], out)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"out must be a writable float32 array of shape \(2,\) in one piece"):
        session.bind(path[0], out)  # type: ignore[arg-type]


def test_the_answer_must_not_lie_on_the_sample(short: Exported, path: np.ndarray) -> None:
    both = np.zeros(7, np.float32)
    session = load(short.folder).session()
    for at in range(6):
        with pytest.raises(ValueError, match="out must not share memory with the sample"):
            session.step(both[:5], both[at : at + 2]) if at < 5 else session.step(both[2:], both[5:7])
    session.step(both[:5], both[5:])


def test_a_bound_step_reads_and_writes_its_arrays(short: Exported, path: np.ndarray) -> None:
    model = load(short.folder)
    session, other = model.session(), model.session()
    x, y = np.zeros(5, np.float32), np.zeros(2, np.float32)
    tick = session.bind(x, y)
    assert isinstance(tick, BoundStep)
    del session  # the bound step keeps it
    for sample in path[:50]:
        x[:] = sample
        flags = tick()
        expected, expected_flags = other.step(sample)
        assert flags == expected_flags
        np.testing.assert_array_equal(y, expected)


def test_a_bound_step_keeps_what_it_is_bound_to_and_lets_it_go(short: Exported) -> None:
    session = load(short.folder).session()
    x, y = np.zeros(5, np.float32), np.zeros(2, np.float32)
    before = [sys.getrefcount(each) for each in (session, x, y)]
    tick = session.bind(x, y)
    assert [sys.getrefcount(each) for each in (session, x, y)] == [n + 1 for n in before]
    del tick
    assert [sys.getrefcount(each) for each in (session, x, y)] == before


def test_a_bound_step_is_called_in_one_way_only(short: Exported, path: np.ndarray) -> None:
    session = load(short.folder).session()
    x, y = np.zeros(5, np.float32), np.zeros(2, np.float32)
    tick = session.bind(x, y)
    for arguments, names in (((x,), {}), ((), {"sample": x})):
        with pytest.raises(TypeError, match="a bound step takes no arguments"):
            tick(*arguments, **names)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        BoundStep()
    with pytest.raises(ValueError, match=r"sample must be a float32 array of shape \(5,\) in one piece"):
        session.bind(path[0].astype(np.float64), y)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="out must not share memory"):
        session.bind(x, x[:2])


def test_nothing_is_kept_or_made(short: Exported, path: np.ndarray) -> None:
    session, out, sample = load(short.folder).session(), np.zeros(2, np.float32), path[0].copy()
    tick = session.bind(sample, out)
    for _ in range(10):
        session.step(sample, out)
        tick()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(1000):
            session.step(sample, out)
            session.settle()
            tick()
        assert tracemalloc.get_traced_memory()[0] - before < 1000
    finally:
        tracemalloc.stop()
