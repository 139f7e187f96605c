"""Rollouts are the net's own, whatever backend, number of candidates, horizon or history they come from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rollout_net import N_STATES, Cart, cart_rows, cart_spec
from rollout_oracle import oracle, plans

from learn_rt.runtime import Flag, Model, RolloutSession, load
from learn_rt.spec import Spec

WINDOW = cart_spec().window
ROWS = cart_rows(1, 60, seed=9)[0]


@pytest.fixture(scope="module")
def model(cart_version: Path) -> Model:
    return load(cart_version, "native")


def observed(session: RolloutSession, rows: np.ndarray) -> int:
    """Observe the states of rows, each with the action of the row before; return the last flags."""
    flags = 0
    for before, row in zip(np.roll(rows, 1, 0), rows, strict=True):
        flags = session.observe(row[:N_STATES], before[N_STATES:])
    return flags


def expected(rows: np.ndarray, actions: np.ndarray) -> np.ndarray:
    return oracle(Cart(), rows[-WINDOW:-1], rows[-1, :N_STATES], actions)


def assert_close(states: np.ndarray, truth: np.ndarray, tolerance: float) -> None:
    """Within the tolerance for the spec's horizon; beyond it errors go on growing."""
    assert states.shape == truth.shape
    grown = 1 + np.arange(truth.shape[1]) / cart_spec().horizon
    assert (np.abs(states - truth) <= tolerance * grown[:, None]).all()


@pytest.mark.parametrize("backend", ["native", "onnxruntime", "torchscript"])
@pytest.mark.parametrize(("candidates", "horizon"), [(1, 1), (1, 4), (3, 2), (5, 40), (64, 9), (131, 13)])
def test_each_candidate_gets_the_nets_own_rollout(
    cart_version: Path, backend: str, candidates: int, horizon: int
) -> None:
    try:
        model = load(cart_version, backend)
    except RuntimeError as error:
        if "liblearn_rt_torchscript.so" in str(error):
            pytest.skip("the TorchScript plugin is not built")
        raise
    assert model.backend == backend
    session = model.rollouts(max_candidates=200, max_horizon=50)
    assert observed(session, ROWS[:20]) == 0
    actions = plans(candidates, horizon)
    states, flags = session.rollout(actions)
    assert_close(states, expected(ROWS[:20], actions), model.spec.tolerance)
    assert not flags.any()


def test_observing_goes_on_after_a_rollout_as_if_there_had_been_none(model: Model) -> None:
    session, other = model.rollouts(), model.rollouts()
    observed(session, ROWS[:WINDOW])
    observed(other, ROWS[:WINDOW])
    for t in range(WINDOW, 40):
        session.rollout(plans(7, 11, seed=t))
        for s in (session, other):
            s.observe(ROWS[t, :N_STATES], ROWS[t - 1, N_STATES:])
    actions = plans(3, 8)
    assert (session.rollout(actions)[0] == other.rollout(actions)[0]).all()
    assert_close(session.rollout(actions)[0], expected(ROWS[:40], actions), model.spec.tolerance)


def test_a_candidate_does_not_know_of_the_others(model: Model) -> None:
    session = model.rollouts()
    observed(session, ROWS[:12])
    actions = plans(100, 9)
    together, _ = session.rollout(actions)
    for k in (0, 47, 48, 99):
        np.testing.assert_allclose(session.rollout(actions[k : k + 1])[0][0], together[k], atol=1e-6)


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_give_the_same_bits(model: Model, threads: int) -> None:
    alone, shared = model.rollouts(), model.rollouts(threads=threads)
    for session in (alone, shared):
        observed(session, ROWS[:10])
    for candidates in (1, 2, 48, 96, 150):
        actions = plans(candidates, 6)
        np.testing.assert_allclose(shared.rollout(actions)[0], alone.rollout(actions)[0], atol=1e-6)


def test_infer_answers_whole_windows_with_actions(model: Model) -> None:
    spec: Spec = model.spec
    rows = cart_rows(9, spec.window + spec.horizon - 1, seed=4)
    windows, actions = rows[:, : spec.window], rows[:, spec.window - 1 :, N_STATES:]
    answers = model.infer(windows, actions)
    for k in range(9):
        truth = oracle(Cart(), windows[k, :-1], windows[k, -1, :N_STATES], actions[k : k + 1])
        assert np.abs(answers[k : k + 1] - truth).max() <= spec.tolerance


def test_rest_fills_the_history(model: Model) -> None:
    session = model.rollouts()
    row = np.array([0.5, -0.3, 0.1, 0.7], np.float32)
    session.begin(row)
    actions = plans(2, 5)
    states, flags = session.rollout(actions)
    assert not flags.any()
    assert_close(states, oracle(Cart(), np.repeat(row[None], WINDOW - 1, 0), row[:N_STATES], actions), 1e-6)


def test_until_the_history_is_full_answers_warm_up(model: Model) -> None:
    session = model.rollouts()
    actions = plans(2, 3)
    for t in range(WINDOW - 1):
        flags = session.observe(ROWS[t, :N_STATES], ROWS[t - 1, N_STATES:])
        assert flags == Flag.WARMING_UP
        states, each = session.rollout(actions)
        assert (states == 0).all()
        assert (each == Flag.WARMING_UP).all()
    assert session.observe(ROWS[WINDOW - 1, :N_STATES], ROWS[WINDOW - 2, N_STATES:]) == 0


@pytest.mark.parametrize("bad", [np.nan, np.inf, -11.0])
def test_a_refused_observation_empties_the_history(model: Model, bad: float) -> None:
    session = model.rollouts()
    observed(session, ROWS[:10])
    assert session.observe([bad, 0, 0], [0]) == Flag.REFUSED
    assert (session.rollout(plans(1, 2))[1] == Flag.WARMING_UP).all()
    # The first state of a history has no action before it: anything passes.
    assert session.observe(ROWS[0, :N_STATES], [np.nan]) == Flag.WARMING_UP
    assert observed(session, ROWS[:WINDOW]) == 0
    assert session.observe([0, 0, 0], [np.nan]) == Flag.REFUSED


def test_a_refused_candidate_leaves_the_others_alone(model: Model) -> None:
    session = model.rollouts()
    observed(session, ROWS[:10])
    actions = plans(5, 7)
    truth = expected(ROWS[:10], actions)
    actions[1, 3] = np.nan
    actions[3, 6] = 2.5  # not physical
    states, flags = session.rollout(actions)
    assert list(flags) == [0, Flag.REFUSED, 0, Flag.REFUSED, 0]
    assert (states[[1, 3]] == 0).all()
    assert_close(states[[0, 2, 4]], truth[[0, 2, 4]], model.spec.tolerance)


def test_a_state_that_leaves_what_was_trained_is_flagged(model: Model) -> None:
    session = model.rollouts(max_horizon=4000)
    session.begin([2.9, 0.0, 0.0, 1.0])
    flags = session.rollout(np.full((1, 4000, 1), 1.0))[1]
    states = session.rollout(np.full((1, 4000, 1), 1.0))[0]
    assert (np.abs(states[..., 0]) > 3).any()
    assert list(flags) == [Flag.OUT_OF_TRAINED_RANGE]


@pytest.mark.parametrize("shape", [(0, 3, 1), (3, 0, 1), (11, 3, 1), (3, 12, 1), (3, 1), (3, 3, 2), (1, 1, 1, 1)])
def test_more_than_was_opened_or_another_shape_is_an_error(model: Model, shape: tuple[int, ...]) -> None:
    session = model.rollouts(max_candidates=10, max_horizon=11)
    with pytest.raises(ValueError, match="actions must"):
        session.rollout(np.zeros(shape, np.float32))


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        ({"max_candidates": 0}, "candidates must be 1 to 65536"),
        ({"max_horizon": 65537}, "horizon must be 1 to 65536"),
        ({"threads": 0}, "threads must be 1 to 64"),
        ({"max_candidates": 65536, "max_horizon": 65536}, "candidates x horizon x values of a row must be at most"),
    ],
)
def test_limits_that_cannot_be_are_refused(model: Model, limits: dict[str, int], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        model.rollouts(**limits)


def test_large_limits_take_no_memory_natively(model: Model) -> None:
    sessions = [model.rollouts(max_candidates=65536, max_horizon=200) for _ in range(50)]
    assert len(sessions) == 50


def test_a_rollout_model_has_no_session_and_another_has_no_rollouts(model: Model, small_version: Path) -> None:
    with pytest.raises(ValueError, match="open rollouts"):
        model.session()
    with pytest.raises(ValueError, match="only a model of kind rollout"):
        load(small_version).rollouts()
