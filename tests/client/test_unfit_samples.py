"""Samples that are not finite, not physical, untrained or of another width: the same over every transport."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from learn_rt import runtime
from learn_rt.client import Flag, connect

Smooth = Callable[[int], np.ndarray]
UNFIT = {
    "nan": {0: np.nan},
    "infinite": {1: np.inf},
    "minus infinite": {3: -np.inf},
    "all of it": dict.fromkeys(range(5), np.nan),
    "not physical": {0: 1e6},
    "hardly finite": {4: 3e38},
    "untrained": {3: 400.0},
}


@pytest.fixture(params=["inproc", "unix", "grpc", "shm"])
def address(request: pytest.FixtureRequest, server: dict[str, str]) -> str:
    return server[request.param]


def with_unfit(samples: np.ndarray, every: int) -> np.ndarray:
    """Return the samples, one of each kind of UNFIT at each `every`-th."""
    changed = samples.copy()
    for i, values in enumerate(UNFIT.values(), start=1):
        for place, value in values.items():
            changed[i * every, place] = value
    return changed


@pytest.mark.parametrize("at_once", [False, True])
def test_unfit_samples_are_flagged_and_answered_as_by_a_session(
    address: str, at_once: bool, repository: Path, path: Smooth
) -> None:
    sent = with_unfit(path(200), 20)
    session = runtime.load(repository / "printer" / "1").session()
    session.begin(sent[0])
    want, want_flags = session.run(sent)
    refused = np.flatnonzero(want_flags & Flag.REFUSED)
    assert refused.tolist() == [20, 40, 60, 80, 100, 120]  # all but the untrained one
    assert want_flags[140] & Flag.OUT_OF_TRAINED_RANGE
    with connect(address, "printer", rest=sent[0]) as client:
        if at_once:
            answers, flags = client.run(sent)
        else:
            predictions = [client.predict(sample, 10.0) for sample in sent]
            answers, flags = np.array([p.values for p in predictions]), np.array([p.flags for p in predictions])
    np.testing.assert_array_equal(answers, want)
    np.testing.assert_array_equal(flags, want_flags)
    assert np.isfinite(answers).all()


@pytest.mark.parametrize("what", ["hold", "miss", "clamp"])
def test_an_input_policy_does_the_same_everywhere(address: str, what: str, repository: Path, path: Smooth) -> None:
    sent = with_unfit(path(200), 20)
    fit = "hold" if what == "clamp" else what  # there is no value next to NaN
    policies: dict[str, Any] = {"": {"not_finite": fit, "out_of_range": what}}
    with connect(f"inproc:{repository}", "printer", rest=sent[0], inputs=policies) as client:
        want = [client.predict(sample, 10.0) for sample in sent]
    assert sum(p.replaced for p in want) == 6
    assert sum(p.unfit for p in want) == (6 if what == "miss" else 0)
    assert not any(p.refused or p.warming_up for p in want)
    with connect(address, "printer", rest=sent[0], inputs=policies) as client:
        for sample, expected in zip(sent, want, strict=True):
            answer = client.predict(sample, 10.0)
            assert (answer.sequence, answer.flags) == (expected.sequence, expected.flags)
            np.testing.assert_array_equal(answer.values, expected.values)


@pytest.mark.parametrize("n", [0, 4, 6, 10])
def test_a_sample_of_another_width_is_refused_before_it_is_sent(address: str, n: int, path: Smooth) -> None:
    with connect(address, "printer") as client:
        for give in (client.try_push, lambda sample: client.predict(sample, 1.0)):
            with pytest.raises(ValueError, match=rf"sample must have shape \(5,\), got \({n},\)"):
                give(np.zeros(n, np.float32))
        assert client.predict(path(2)[0], 10.0).sequence == 0  # nothing of it was taken
