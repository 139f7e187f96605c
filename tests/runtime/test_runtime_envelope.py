"""The limiter keeps its promises for any requests, and changes nothing that keeps to the envelope."""

from __future__ import annotations

import numpy as np
import pytest

from learn_rt.runtime import EnvelopeLimiter
from learn_rt.spec import Envelope

DT_S = 0.002
ENVELOPES = [
    Envelope(0.5, 50.0, 20_000.0),
    Envelope(0.5, 5.0, 200.0),
    Envelope(0.02, 0.5, 40.0),
    Envelope(3.0, 1e6, 1.0),
]


def assert_inside(y: np.ndarray, envelope: Envelope) -> None:
    """Exactly, with differences in double, from a standing start at 0."""
    y = np.concatenate([[0.0, 0.0], y.astype(np.float64)])
    assert np.abs(y).max() <= envelope.value
    assert np.abs(np.diff(y)).max() <= envelope.rate * DT_S
    assert np.abs(np.diff(y, 2)).max() <= envelope.second * DT_S**2


@pytest.mark.parametrize("envelope", ENVELOPES, ids=str)
def test_no_request_leads_out(envelope: Envelope) -> None:
    random = np.random.default_rng(1)
    n = 200_000
    requests = np.concatenate(
        [
            random.uniform(-3, 3, n) * envelope.value,
            np.where(np.arange(n) // random.integers(1, 300) % 2, 1e30, -1e30),
            np.repeat(random.choice([-np.inf, np.inf, 0.0, np.nan, envelope.value], n // 50), 50),
            np.sin(np.arange(n) * 0.01) * envelope.value * 1.0001,
        ]
    ).astype(np.float32)
    limiter = EnvelopeLimiter(envelope, DT_S)
    given = limiter.limit(requests)
    assert_inside(given, envelope)
    assert np.isfinite(given).all()


@pytest.mark.parametrize("envelope", ENVELOPES, ids=str)
def test_a_sequence_that_keeps_to_the_envelope_passes_to_the_bit(envelope: Envelope) -> None:
    t = np.arange(100_000) * DT_S
    size = 0.95 * envelope.value
    speed = 0.8 * min(envelope.rate / size, np.sqrt(envelope.second / size))
    wave = (size * np.sin(speed * t) * np.sin(0.1 * speed * t) ** 2).astype(np.float32)
    assert np.abs(np.diff(wave.astype(np.float64), 2)).max() < envelope.second * DT_S**2
    given = EnvelopeLimiter(envelope, DT_S).limit(wave)
    assert (given == wave).all()


@pytest.mark.parametrize("envelope", ENVELOPES[:3], ids=str)
def test_it_reaches_the_bound_and_stops_there(envelope: Envelope) -> None:
    given = EnvelopeLimiter(envelope, DT_S).limit(np.full(5000, 10 * envelope.value, np.float32))
    assert_inside(given, envelope)
    assert given[-1] == pytest.approx(envelope.value, rel=1e-6)


def test_it_takes_the_fastest_way() -> None:
    """From rest to a far request: full change each tick, s_n = n b, as long as neither rate nor value bind."""
    envelope = Envelope(1000.0, 1000.0, 2500.0)
    given = EnvelopeLimiter(envelope, DT_S).limit(np.full(10, 500.0, np.float32))
    b = 2500.0 * DT_S**2
    np.testing.assert_allclose(given, [b * n * (n + 1) / 2 for n in range(1, 11)], rtol=1e-5)


def test_bounds_that_no_float_can_keep_are_an_error() -> None:
    with pytest.raises(ValueError, match="finer than a float"):
        EnvelopeLimiter(Envelope(1.0, 1.0, 0.01), DT_S)
    with pytest.raises(ValueError, match="start must be inside"):
        EnvelopeLimiter(Envelope(1.0, 1.0, 1.0), DT_S, start=2.0)
