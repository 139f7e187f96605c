"""The cart pole of the example: what drives it at each tick, on the wall clock as by processor time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("mujoco", reason="pip install 'learn-rt[sim]'")

from learn_rt.train.dynamics.simulate import Excitation, load_mechanism, simulate

EXAMPLES = Path(__file__).parents[3] / "examples"
HORIZON, TICKS = 4, 8


@pytest.fixture(autouse=True)
def _examples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))


def test_a_tick_takes_what_the_newest_plan_has_for_it_and_a_plan_that_is_too_old_is_counted() -> None:
    from cart_pole_plant import Physics

    physics = Physics(load_mechanism("double_cart_pole"), 0, HORIZON)
    physics.publish(np.array([0.1, 0.2, 0.3, 0.4]), 0)
    driven = [physics.step() for _ in range(6)]
    assert [float(action[0]) for action, _ in driven] == [0.1, 0.2, 0.3, 0.4, 0.4, 0.4]
    # The plan of tick 2 is due at tick 4.
    assert [too_old for _, too_old in driven] == [False] * 4 + [True] * 2


def test_on_the_wall_clock_the_physics_is_the_same_and_every_tick_is_seen() -> None:
    from cart_pole_plant import Physics, RealTime, another_process

    alone = Physics(load_mechanism("double_cart_pole"), 3, HORIZON)
    with another_process() as pipe:
        for _ in range(2):  # one start after another
            plant = RealTime(pipe, TICKS, 3, HORIZON)
            plant.wait(TICKS)
            plant.end()
            assert (len(plant.seen.states), len(plant.seen.actions)) == (TICKS + 1, TICKS)
            assert min(plant.seen.late_s) >= 0.0
    for state in plant.seen.states:
        np.testing.assert_array_equal(state, alone.state)
        alone.step()


def test_the_cost_of_a_plans_end_is_the_regulators_of_the_physics() -> None:
    import mujoco
    from cart_pole_mpc import UPRIGHT, Cost
    from scipy.linalg import solve_discrete_are

    mechanism, rng = load_mechanism("double_cart_pole"), np.random.default_rng(0)
    recordings = [simulate(mechanism, 200, Excitation.balance, rng) for _ in range(30)]
    learned = Cost([recording.rows for recording in recordings])
    data = mujoco.MjData(mechanism)
    data.qpos[:] = UPRIGHT[:3]
    mujoco.mj_forward(mechanism, data)
    a, b = np.zeros((6, 6)), np.zeros((6, 1))
    mujoco.mjd_transitionFD(mechanism, data, 1e-6, True, a, b, None, None)
    absolute = np.eye(6)
    absolute[2, 1] = absolute[5, 4] = 1.0
    q = absolute.T @ np.diag([0.3, 3.0, 3.0, 0.05, 0.1, 0.1]) @ absolute
    np.testing.assert_allclose(learned._value, solve_discrete_are(a, b, q, np.array([[0.3]])), rtol=0.05)
