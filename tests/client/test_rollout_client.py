"""The rollout client on every transport: in process, Unix socket and TCP, against the net itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rollout_net import N_STATES, Cart, cart_rows, cart_spec
from rollout_oracle import oracle, plans

from learn_rt.client import RolloutClient, connect

WINDOW = cart_spec().window
ROWS = cart_rows(1, 60, seed=9)[0]
AMPLE_S = 20.0


@pytest.fixture(scope="module")
def addresses(cart_version: Path, serve_repository: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Addresses by transport of the small rollout model."""
    repository = cart_version.parent.parent
    socket = tmp_path_factory.mktemp("rollouts") / "s"
    _, listen = serve_repository(repository, [f"unix:{socket}", "grpc://127.0.0.1:0"])
    return {"inproc": f"inproc:{repository}", "unix": listen[0], "grpc": listen[1]}


@pytest.fixture(params=["inproc", "unix", "grpc"])
def client(request: pytest.FixtureRequest, addresses: dict[str, str]) -> Iterator[RolloutClient]:
    with connect(addresses[request.param], "cart", max_candidates=100, max_horizon=50) as opened:
        assert isinstance(opened, RolloutClient)
        yield opened


def observe(client: RolloutClient, rows: np.ndarray) -> None:
    for before, row in zip(np.roll(rows, 1, 0), rows, strict=True):
        client.observe(row[:N_STATES], before[N_STATES:])


def truth(rows: np.ndarray, actions: np.ndarray) -> np.ndarray:
    return oracle(Cart(), rows[-WINDOW:-1], rows[-1, :N_STATES], actions)


def test_rollouts_are_the_nets_own_as_the_history_grows(client: RolloutClient) -> None:
    observe(client, ROWS[:3])
    first = client.rollout(plans(2, 3), AMPLE_S)
    assert first
    assert first.warming_up
    for t in range(3, 40):
        client.observe(ROWS[t, :N_STATES], ROWS[t - 1, N_STATES:])
        if t % 7 == 0:
            actions = plans(64, 9, seed=t)
            answer = client.rollout(actions, deadline_s=AMPLE_S)
            assert answer.states is not None
            assert answer.flags is not None
            assert not answer.flags.any()
            np.testing.assert_allclose(answer.states, truth(ROWS[: t + 1], actions), atol=2e-5)
            assert answer.latency_us >= answer.compute_us > 0
    assert client.stats.answered == 6
    assert client.last_error == ""


def test_more_states_than_a_window_between_two_rollouts_are_as_good(client: RolloutClient) -> None:
    observe(client, ROWS[:8])
    client.rollout(plans(1, 1), AMPLE_S)
    for t in range(8, 50):
        client.observe(ROWS[t, :N_STATES], ROWS[t - 1, N_STATES:])
    actions = plans(4, 5)
    np.testing.assert_allclose(client.rollout(actions, AMPLE_S).states, truth(ROWS[:50], actions), atol=1e-5)


def test_a_deadline_that_is_too_short_comes_back_late_and_without_states(client: RolloutClient) -> None:
    observe(client, ROWS[:10])
    # A machine that does much else may wake the planner when the answer is there, deadline or not.
    late = next(r for r in (client.rollout(plans(100, 50), deadline_us=1) for _ in range(100)) if not r)
    assert late.late
    assert late.states is None
    assert late.flags is None
    actions = plans(3, 4)
    answer = client.rollout(actions, AMPLE_S)  # the one before is not taken for this one's
    np.testing.assert_allclose(answer.states, truth(ROWS[:10], actions), atol=1e-5)
    assert client.stats.missed == 1


def test_a_refused_candidate_and_a_refused_state_are_told(client: RolloutClient) -> None:
    observe(client, ROWS[:10])
    actions = plans(3, 4)
    actions[1, 2] = np.nan
    answer = client.rollout(actions, AMPLE_S)
    assert answer.refused
    assert list(answer.flags) == [0, 8, 0]
    client.observe([np.nan, 0, 0], [0])
    client.observe(ROWS[0, :N_STATES], [0])
    answer = client.rollout(plans(3, 4), AMPLE_S)
    assert answer.refused
    assert answer.warming_up


@pytest.mark.parametrize("shape", [(0, 3, 1), (3, 0, 1), (101, 3, 1), (3, 51, 1), (3, 1), (3, 3, 2)])
def test_another_shape_is_an_error_before_it_is_sent(client: RolloutClient, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"actions must|a rollout must have"):
        client.rollout(np.zeros(shape, np.float32), AMPLE_S)


def test_rest_fills_the_history(addresses: dict[str, str]) -> None:
    row = np.array([0.5, -0.3, 0.1, 0.7], np.float32)
    actions = plans(2, 5)
    want = oracle(Cart(), np.repeat(row[None], WINDOW - 1, 0), row[:N_STATES], actions)
    for address in addresses.values():
        with connect(address, "cart", rest=row) as client:
            np.testing.assert_allclose(client.rollout(actions, AMPLE_S).states, want, atol=1e-5)


def test_what_cannot_be_says_why(addresses: dict[str, str]) -> None:
    with pytest.raises(ConnectionError, match="must be 1 to 65536"):
        connect(addresses["inproc"], "cart", max_candidates=70_000)
    with pytest.raises(ConnectionError, match="contract must be abc"):
        connect(addresses["unix"], "cart", contract_hash="abc")
    with pytest.raises(ConnectionError, match="rest must have 4 values"):
        connect(addresses["unix"], "cart", rest=[1.0])
    with pytest.raises(ValueError, match="is not for a model of kind rollout"):
        connect(addresses["unix"], "cart", wait="spin")
    client = connect(addresses["unix"], "cart")
    with pytest.raises(TypeError, match="either deadline_s or deadline_us"):
        client.rollout(plans(1, 1))
    client.close()
    with pytest.raises(ValueError, match="closed"):
        client.observe([0, 0, 0], [0])


def test_when_a_server_is_killed_the_next_address_rolls_out_from_the_same_history(
    cart_version: Path, serve_repository: Any, tmp_path: Path
) -> None:
    first, second = f"unix:{tmp_path}/1", f"unix:{tmp_path}/2"
    process, _ = serve_repository(cart_version.parent.parent, [first])
    serve_repository(cart_version.parent.parent, [second])
    actions = plans(4, 6)
    with connect(f"unix:{tmp_path}/0", "cart", failover=[first, second]) as client:
        observe(client, ROWS[:20])
        assert client.rollout(actions, AMPLE_S)
        assert client.endpoint == first
        process.kill()
        process.communicate()
        client.observe(ROWS[20, :N_STATES], ROWS[19, N_STATES:])
        answer = client.rollout(actions, AMPLE_S)
        assert client.endpoint == second
        np.testing.assert_allclose(answer.states, truth(ROWS[:21], actions), atol=1e-5)
        assert (client.stats.missed, client.stats.reconnects) == (0, 1)


def test_a_new_server_takes_the_stream_up_with_its_history(
    cart_version: Path, serve_repository: Any, tmp_path: Path
) -> None:
    address = f"unix:{tmp_path}/s"
    process, _ = serve_repository(cart_version.parent.parent, [address])
    actions = plans(4, 6)
    with connect(address, "cart") as client:
        observe(client, ROWS[:20])
        before = client.rollout(actions, AMPLE_S).states
        process.terminate()
        process.communicate(timeout=20)
        down = client.rollout(actions, AMPLE_S)
        assert down.disconnected
        assert down.states is None
        assert client.last_error
        client.observe(ROWS[20, :N_STATES], ROWS[19, N_STATES:])
        serve_repository(cart_version.parent.parent, [address])
        end = time.monotonic() + AMPLE_S
        answer = client.rollout(actions, AMPLE_S)
        while not answer and time.monotonic() < end:
            answer = client.rollout(actions, AMPLE_S)
        np.testing.assert_allclose(answer.states, truth(ROWS[:21], actions), atol=1e-5)
        assert np.abs(answer.states - before).max() > 1e-3
        assert client.stats.reconnects == 1
