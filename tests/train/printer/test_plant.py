"""The plant against closed forms and an independent integrator."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from learn_rt.train.printer.machine import load_machine
from learn_rt.train.printer.plant import LINEAR, NONLINEAR, Plant, simulate

ENDER = load_machine("ender3v2")
FAST = load_machine("fast")
STIFFNESS_ONLY = Plant(position_stiffness=True)
FRICTION_ONLY = Plant(dry_friction=True)


def wave(n: int, dt: float) -> np.ndarray:
    """A command with sharp turns, up to 120 mm/s, over most of the bed."""
    t = np.arange(n) * dt
    zigzag = np.abs((t * 1.7) % 2 - 1)
    return np.stack([60 + 90 * zigzag, 110 + 80 * np.sin(1.5 * t)], 1)


def integrate(axis, command, dt, *, slope=0.0, friction=0.0, rtol=1e-12):
    """The same equation by DOP853, restarted at each sample; friction must not stop the axis."""
    q, v, out = command[0], 0.0, [command[0]]
    for r0, r1 in itertools.pairwise(command):
        d = (r1 - r0) / dt

        def f(t, s, r0=r0, d=d):
            k = axis.stiffness_n_m * (1 + np.clip(slope * (s[0] - axis.centre_mm), -0.6, 0.6))
            force = -k * (s[0] - r0 - d * t) - axis.damping_ns_m * (s[1] - d) - friction * 1e3 * np.sign(s[1])
            return [s[1], force / axis.mass_kg]

        q, v = solve_ivp(f, (0, dt), [q, v], method="DOP853", rtol=rtol, atol=1e-13).y[:, -1]
        out.append(q)
    return np.array(out)


@pytest.mark.parametrize("machine", [ENDER, FAST], ids=lambda m: m.name)
def test_a_step_response_is_the_textbook_one(machine):
    dt, n = 1 / 4000, 2000
    command = np.full((n, 2), 110.0)
    state = np.array([[109.0, 0.0], [109.0, 0.0]])
    actual = simulate(machine, command, dt, state=state)
    t = np.arange(n) * dt
    for i, axis in enumerate((machine.x, machine.y)):
        zeta, w = axis.damping_ratio, 2 * math.pi * axis.frequency_hz
        wd = w * math.sqrt(1 - zeta**2)
        closed = np.exp(-zeta * w * t) * (np.cos(wd * t) + zeta * w / wd * np.sin(wd * t))
        np.testing.assert_allclose(110 - actual[:, i], closed, atol=1e-9)


@pytest.mark.parametrize("machine", [ENDER, FAST], ids=lambda m: m.name)
def test_the_linear_plant_agrees_with_an_independent_integrator(machine):
    dt = 0.002
    command = wave(400, dt)
    actual = simulate(machine, command, dt)
    for i, axis in enumerate((machine.x, machine.y)):
        np.testing.assert_allclose(actual[:, i], integrate(axis, command[:, i], dt), rtol=0, atol=1e-9)


@pytest.mark.parametrize("machine", [ENDER, FAST], ids=lambda m: m.name)
def test_stiffness_that_changes_with_position_agrees_with_an_independent_integrator(machine):
    dt = 1 / 4000
    command = wave(3000, dt)
    actual = simulate(machine, command, dt, STIFFNESS_ONLY)
    for i, axis in enumerate((machine.x, machine.y)):
        expected = integrate(axis, command[:, i], dt, slope=axis.stiffness_slope_per_m * 1e-3)
        np.testing.assert_allclose(actual[:, i], expected, rtol=0, atol=2e-6)  # mm: 2 nm


def test_friction_against_steady_motion_lags_by_force_over_stiffness():
    dt = 1 / 4000
    command = 100 + 50 * np.arange(8000)[:, None] * dt * np.ones(2)
    actual = simulate(ENDER, command, dt, FRICTION_ONLY)
    np.testing.assert_allclose(command[-1] - actual[-1], 0.3 / 8000 * 1e3, atol=1e-9)


def test_an_axis_sticks_until_the_belt_pulls_harder_than_the_friction():
    dt, stick_mm = 1 / 4000, 0.3 / 8000 * 1e3
    ramp = np.linspace(0, 0.9 * stick_mm, 400)
    there_and_back = np.concatenate([ramp, ramp[::-1]])
    # The damper pulls too: c r' = 15 N s/m * 0.34 mm/s = 5 mN of 300 mN.
    actual = simulate(ENDER, 100 + there_and_back[:, None] * np.ones(2), dt, FRICTION_ONLY)
    assert (actual == 100.0).all()
    further = np.concatenate([ramp, np.linspace(0.9, 1.1, 100) * stick_mm])
    actual = simulate(ENDER, 100 + further[:, None] * np.ones(2), dt, FRICTION_ONLY)
    assert (actual[-1] > 100.0).all()


def test_sliding_to_a_stop_under_friction_follows_the_half_waves_of_the_closed_form():
    """Undamped, each half swing is about +-F/k, loses 2 F/k and takes pi / w; it rests inside the dead band."""
    machine = replace(ENDER, x=replace(ENDER.x, damping_ns_m=1e-9), y=replace(ENDER.y, damping_ns_m=1e-9))
    dt, lag = 1 / 4000, 0.3 / 8000 * 1e3
    state = np.array([[100 + 4.6 * lag, 0.0], [100 + 4.6 * lag, 0.0]])
    actual = simulate(machine, np.full((4000, 2), 100.0), dt, FRICTION_ONLY, state=state)
    for i, axis in enumerate((machine.x, machine.y)):
        half = math.pi / (2 * math.pi * axis.frequency_hz)
        t = np.arange(4000) * dt
        swing = np.minimum(np.floor(t / half), 2)
        amplitude = 4.6 - 1 - 2 * swing  # about its own centre, alternating
        expected = (-1) ** swing * (1 + amplitude * np.cos(2 * math.pi * axis.frequency_hz * (t - swing * half)))
        moving = t < 2 * half
        np.testing.assert_allclose((actual[moving, i] - 100) / lag, expected[moving], atol=1e-5)
        assert actual[-1, i] == actual[-1000, i]
        assert abs(actual[-1, i] - 100) <= lag
    assert (state[:, 1] == 0).all()


def test_friction_never_adds_energy():
    dt = 1 / 4000
    state = np.array([[100.5, 0.0], [100.5, 0.0]])
    command = np.full((2, 2), 100.0)
    energy = np.inf
    for _ in range(2000):
        simulate(ENDER, command, dt, FRICTION_ONLY, state=state)
        now = 0.5 * 8000 * (state[0, 0] - 100) ** 2 + 0.5 * 0.35 * state[0, 1] ** 2
        assert now <= energy + 1e-12
        energy = now


def test_the_scales_change_frequency_damping_and_mass_as_they_say():
    dt, n = 1 / 4000, 4000
    state = np.array([[101.0, 0.0], [101.0, 0.0]])
    plant = Plant(frequency_scale=0.9, damping_scale=2.0, mass_scale=1.3)
    actual = simulate(ENDER, np.full((n, 2), 100.0), dt, plant, state=state)[:, 0] - 100
    zeta, w = 2 * ENDER.x.damping_ratio, 0.9 * 2 * math.pi * ENDER.x.frequency_hz
    wd = w * math.sqrt(1 - zeta**2)
    t = np.arange(n) * dt
    np.testing.assert_allclose(
        actual, np.exp(-zeta * w * t) * (np.cos(wd * t) + zeta * w / wd * np.sin(wd * t)), atol=1e-9
    )
    heavy = replace(ENDER, y=replace(ENDER.y, mass_kg=0.45 * 1.3))
    command = wave(500, 0.002)
    np.testing.assert_array_equal(
        simulate(heavy, command, 0.002), simulate(ENDER, command, 0.002, Plant(mass_scale=1.3))
    )


def test_the_weight_of_the_print_is_the_bed_s_and_counts_only_where_the_plant_has_it():
    command = wave(501, 0.002)
    heavy = replace(ENDER, y=replace(ENDER.y, mass_kg=0.45 + 0.1))
    has = Plant(print_mass=True)
    expected = simulate(heavy, command, 0.002)
    np.testing.assert_array_equal(simulate(ENDER, command, 0.002, has, print_mass_kg=0.1), expected)
    np.testing.assert_array_equal(simulate(ENDER, command, 0.002, has, print_mass_kg=np.full(501, 0.1)), expected)
    np.testing.assert_array_equal(simulate(ENDER, command, 0.002, print_mass_kg=0.1), simulate(ENDER, command, 0.002))


@pytest.mark.parametrize("plant", [LINEAR, NONLINEAR], ids=["linear", "nonlinear"])
def test_pieces_batches_and_offset_knots_give_what_the_whole_gives(plant):
    dt, every, n = 1 / 4000, 8, 8 * 300 + 1
    command = wave(n, dt)
    rng = np.random.default_rng(0)
    knots = 0.05 * rng.standard_normal((301, 2))
    fine = np.stack([np.interp(np.arange(n), np.arange(301) * every, knots[:, i]) for i in (0, 1)], 1)
    whole = simulate(ENDER, command + fine, dt, plant)[::every]
    np.testing.assert_allclose(simulate(ENDER, command, dt, plant, offset_xy=knots, every=every), whole, atol=1e-9)
    state = np.array([[c + o, 0.0] for c, o in zip(command[0], knots[0], strict=True)])
    cut = 100
    first = simulate(ENDER, command[: cut * every + 1], dt, plant, offset_xy=knots[: cut + 1], every=every, state=state)
    rest = simulate(ENDER, command[cut * every :], dt, plant, offset_xy=knots[cut:], every=every, state=state)
    np.testing.assert_allclose(np.concatenate([first, rest[1:]]), whole, atol=1e-9)
    many = np.stack([command, command[::-1], command + 1.0] * 4)
    together = simulate(ENDER, many, dt, plant, threads=2)
    for b in range(3):
        np.testing.assert_array_equal(together[b], simulate(ENDER, many[b], dt, plant))


def test_a_planned_acceleration_is_sampled_finely_enough_at_4_khz():
    """At 8,000 mm/s2 the steady error is a / w^2; what the sampling adds to it is below 0.1 um."""
    rate, a = 4000.0, 8000.0
    t = np.arange(0, 0.06, 1 / rate)
    command = np.repeat((0.5 * a * t**2)[:, None], 2, 1)
    coarse = simulate(FAST, command, 1 / rate)
    fine_t = np.arange(0, 0.06, 1 / (rate * 64))
    exact = simulate(FAST, np.repeat((0.5 * a * fine_t**2)[:, None], 2, 1), 1 / (rate * 64), every=64)
    assert np.abs(coarse - exact[: len(coarse)]).max() < 1e-4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"command_xy": np.zeros(3)}, "shape"),
        ({"command_xy": np.full((3, 2), np.nan)}, "finite"),
        ({"dt_s": 0.0}, "dt_s"),
        ({"offset_xy": np.zeros((2, 2))}, "knots"),
        ({"print_mass_kg": -1.0, "plant": NONLINEAR}, "print_mass_kg"),
        ({"state": np.zeros((3, 2))}, "state"),
        ({"plant": Plant(damping_scale=8.0)}, "underdamped"),
    ],
)
def test_wrong_arguments_are_named(change, message):
    arguments = {"machine": ENDER, "command_xy": np.zeros((5, 2)), "dt_s": 0.001, **change}
    with pytest.raises(ValueError, match=message):
        simulate(**arguments)


def test_breaking_away_from_rest_follows_the_closed_form():
    """Pulled at a constant speed d, it holds until k d t + c d = F, then swings about the lag F / k."""
    dt, d = 1 / 4000, 20.0
    t = np.arange(2000) * dt
    actual = simulate(ENDER, 100 + d * t[:, None] * np.ones(2), dt, FRICTION_ONLY)
    for i, axis in enumerate((ENDER.x, ENDER.y)):
        k, c, force = axis.stiffness_n_m, axis.damping_ns_m, 300.0  # mN
        away = max((force - c * d) / (k * d), 0.0)
        zeta, w = axis.damping_ratio, 2 * math.pi * axis.frequency_hz
        wd = w * math.sqrt(1 - zeta**2)
        # u = q - r + F/k: starts with -d * away + F/k, speed -d.
        u0 = force / k - d * away
        tau = t - away
        swing = np.exp(-zeta * w * tau) * (u0 * np.cos(wd * tau) + (-d + zeta * w * u0) / wd * np.sin(wd * tau))
        expected = np.where(tau > 0, 100 + d * t - force / k + swing, 100.0)
        np.testing.assert_allclose(actual[:, i], expected, atol=1e-9)


def test_friction_agrees_with_brute_force_over_stops_and_reversals():
    """Time stepping with tiny steps, in which friction takes at most the speed that is there."""
    dt, parts, n = 1 / 500, 1000, 300
    t = np.arange(n) * dt
    command = 100 + np.where(
        t < 0.3, 3 * np.sin(2 * math.pi * 3 * t), 3 * math.sin(2 * math.pi * 0.9) + 0.02 * (t - 0.3)
    )
    actual = simulate(ENDER, np.stack([command, command], 1), dt, FRICTION_ONLY)
    for i, axis in enumerate((ENDER.x, ENDER.y)):
        q, v, h, out = command[0], 0.0, dt / parts, [command[0]]
        for r0, r1 in itertools.pairwise(command.tolist()):
            d = (r1 - r0) / dt
            for part in range(parts):
                r = r0 + d * h * (part + 0.5)
                free = v + h / axis.mass_kg * (axis.stiffness_n_m * (r - q) + axis.damping_ns_m * (d - v))
                v = math.copysign(max(abs(free) - 300.0 * h / axis.mass_kg, 0.0), free)
                q += h * v
            out.append(q)
        np.testing.assert_allclose(actual[:, i], out, atol=2e-4)
        assert (np.diff(actual[:, i]) == 0).sum() > 20  # it did stick
