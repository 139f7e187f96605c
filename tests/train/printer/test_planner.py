"""The planner against closed forms: trapezoid times, corner speeds, arcs, limits, and what must hold for any path."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from learn_rt.train.printer import gcode, planner
from learn_rt.train.printer.gcode import GcodeReader
from learn_rt.train.printer.machine import Cornering, load_machine
from learn_rt.train.printer.planner import plan, plan_pieces

ENDER = load_machine("ender3v2")  # 500 mm/s2, classic jerk 10 mm/s in x and y
JUNCTION = replace(ENDER, motion=replace(ENDER.motion, cornering=Cornering.JUNCTION))
FAST = load_machine("fast")
A = 500.0


def trapezoid(length: float, v0: float, v: float, v1: float, a: float) -> float:
    """Return the time of a move by the textbook, whether it reaches v or not."""
    v = min(v, math.sqrt(a * length + (v0**2 + v1**2) / 2))
    ramps = (2 * v**2 - v0**2 - v1**2) / (2 * a)
    return (2 * v - v0 - v1) / a + (length - ramps) / v


def random_path(n: int, seed: int, low: float = 0.05, high: float = 15.0) -> list[str]:
    """Lines of printing moves of many lengths and angles, some retracts, travels and speeds."""
    rng = np.random.default_rng(seed)
    at, lines = np.array([110.0, 110.0]), ["M83", "G1 X110 Y110 Z0.2 F6000"]
    for _ in range(n):
        at = np.clip(at + rng.uniform(low, high) * rng.uniform(-1, 1, 2), 5, 215)
        lines.append(f"G1 X{at[0]:.3f} Y{at[1]:.3f} E{rng.uniform(0.01, 0.2):.4f} F{rng.choice([1200, 3600, 7200])}")
        if rng.random() < 0.05:
            lines.append("G1 E-0.8 F2400")
    return lines


@pytest.mark.parametrize("length", [100.0, 5.0])
def test_a_move_takes_the_time_of_its_trapezoid(length):
    moves = [f"G1 X{length} F3600"]
    assert plan(moves, ENDER).duration_s == pytest.approx(trapezoid(length, 10, 60, 10, A), abs=1e-12)
    assert plan(moves, ENDER, style="rest").duration_s == pytest.approx(trapezoid(length, 0, 60, 0, A), abs=1e-12)
    assert plan(moves, JUNCTION).duration_s == pytest.approx(trapezoid(length, 0, 60, 0, A), abs=1e-12)


@pytest.mark.parametrize("degrees", [20, 45, 90, 120, 180])
def test_classic_jerk_bounds_the_jump_of_each_axis(degrees):
    """A turn from +x by an angle: x jumps by v (1 - cos), y by v sin; an axis that reverses counts its larger speed."""
    angle = math.radians(degrees)
    x, y = 100 + 100 * math.cos(angle), 100 * math.sin(angle)
    table = plan(["G1 X100 F7200", f"G1 X{x:.6f} Y{y:.6f}"], ENDER).table
    jump_x = 1 - math.cos(angle) if math.cos(angle) >= 0 else 1.0
    expected = min(120.0, 10 / max(jump_x, math.sin(angle)))
    assert table["v1"][0] == table["v0"][1] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("degrees", [30, 60, 90, 150])
def test_junction_deviation_gives_the_speed_of_its_formula(degrees):
    turn = math.radians(degrees)
    x, y = 100 + 100 * math.cos(turn), 100 * math.sin(turn)
    table = plan(["G1 X100 F7200", f"G1 X{x:.6f} Y{y:.6f}"], JUNCTION).table
    s = math.sin((math.pi - turn) / 2)
    assert table["v1"][0] ** 2 == pytest.approx(A * 0.013 * s / (1 - s), rel=1e-5)


def test_the_file_chooses_the_corner_s_rule():
    corner = ["G1 X50 F6000", "G1 Y50"]
    assert plan(["M205 X8 Y8", *corner], JUNCTION).table["v1"][0] == pytest.approx(8)
    s = math.sin(math.pi / 4)
    expected = math.sqrt(A * 0.05 * s / (1 - s))
    assert plan(["M205 J0.05", *corner], ENDER).table["v1"][0] == pytest.approx(expected)
    assert plan(["M205 X8 Y8", *corner], ENDER, file_limits=False).table["v1"][0] == pytest.approx(10)


def test_speed_is_carried_through_a_line_in_pieces():
    pieces = [f"G1 X{0.1 * i:.4f} F3600" for i in range(1, 1001)]
    assert plan(pieces, ENDER).duration_s == pytest.approx(trapezoid(100, 10, 60, 10, A), abs=1e-9)
    assert plan(pieces, ENDER, style="rest").duration_s == pytest.approx(1000 * trapezoid(0.1, 0, 60, 0, A), abs=1e-9)


def test_braking_begins_as_many_moves_ahead_as_it_needs():
    """60 mm/s to 10 takes 3.5 mm at 500 mm/s2: seven moves of half a millimetre before the corner."""
    lines = [f"G1 X{0.5 * i} F3600" for i in range(1, 101)] + ["G1 Y50"]
    v1 = plan(lines, ENDER).table["v1"][:100]
    left = 0.5 * np.arange(99, -1, -1)
    np.testing.assert_allclose(v1[50:], np.minimum(60, np.sqrt(100 + 2 * A * left[50:])), rtol=1e-9)


def test_each_axis_keeps_its_own_limits():
    fastest = plan(["M203 X30", "G1 X100 Y100 F20000"], ENDER).sample(2000)
    assert fastest.vx.max() == pytest.approx(30)
    assert fastest.vy.max() == pytest.approx(30)
    gentle = plan(["M201 X100", "G1 X100 Y50 F6000"], ENDER).sample(2000)
    assert np.abs(gentle.ax).max() == pytest.approx(100)
    assert np.abs(gentle.ay).max() == pytest.approx(50)
    assert plan(["G1 Z5 F6000"], ENDER).table["vp"].max() == pytest.approx(10)


def test_print_travel_and_retract_have_their_accelerations():
    lines = ["M204 P400 T900 R1500", "M83", "G1 X50 E1 F6000", "G1 X0", "G1 E-5"]
    assert plan(lines, ENDER).table["acceleration"].tolist() == [400, 500, 1500]  # travel: M201's 500 binds
    assert plan(["M201 X5000", *lines], ENDER).table["acceleration"][1] == 900


@pytest.mark.parametrize(
    ("line", "length"),
    [
        ("G3 X20 Y20 I0 J20", math.pi / 2 * 20),
        ("G2 X20 Y20 I0 J20", 3 * math.pi / 2 * 20),
        ("G3 X20 Y20 R20", math.pi / 2 * 20),
        ("G3 X20 Y20 R-20", 3 * math.pi / 2 * 20),
        ("G2 X20 Y20 R20", math.pi / 2 * 20),
        ("G3 I0 J20", 2 * math.pi * 20),
        ("G2 I0 J20 P3", 6 * math.pi * 20),
        ("G3 X20 Y20 I0 J20 P2", 5 * math.pi / 2 * 20),
    ],
)
def test_an_arc_is_as_long_as_it_should_be_and_stays_on_its_circle(line, length):
    trajectory = plan([f"{line} F600"], ENDER)
    assert trajectory.table["length"].sum() == pytest.approx(length, rel=1e-4)
    s = trajectory.sample(500)
    centre = (20, 0) if line.startswith("G2 X20 Y20 R") else (0, 20)
    if "R-20" in line:
        centre = (20, 0)
    np.testing.assert_allclose(np.hypot(s.x - centre[0], s.y - centre[1]), 20, atol=0.00051)
    assert np.hypot(s.vx, s.vy).max() == pytest.approx(10)


def test_an_arc_s_speed_is_bounded_by_its_centripetal_acceleration():
    assert plan(["G3 I0 J2 F6000"], ENDER).table["vp"].max() == pytest.approx(math.sqrt(A * 2))


def test_a_helix_rises_evenly():
    table = plan(["G3 Z2 I0 J5 F600 P2"], ENDER).table
    assert table["start"][-1][2] + table["unit"][-1][2] * table["length"][-1] == pytest.approx(2)
    np.testing.assert_allclose(np.diff(table["start"][:, 2]), 2 / len(table), rtol=1e-9)


def test_a_retract_takes_its_time_and_the_nozzle_stands():
    s = plan(["M83", "G1 E-5 F2400"], ENDER).sample(1000)
    assert s.time[-1] == pytest.approx(trapezoid(5, 5, 40, 5, 500), abs=1e-3)
    assert not s.x.any()
    assert not s.travel.any()
    assert s.filament_mm[-1] == pytest.approx(-5)


def test_a_pause_stands_still_and_moves_stop_for_it():
    trajectory = plan(["G1 X50 F6000", "G4 P500", "G1 X100"], ENDER)
    assert trajectory.duration_s == pytest.approx(0.5 + 2 * trapezoid(50, 10, 100, 10, A))
    s = trajectory.sample(1000)
    assert (s.x == 50).sum() >= 499
    assert (s.vx[s.x == 50][1:-1] == 0).all()


@pytest.mark.parametrize("machine", [ENDER, JUNCTION, FAST], ids=["jerk", "junction", "fast"])
@pytest.mark.parametrize("style", ["lookahead", "rest"])
def test_any_path_is_followed_without_gap_within_its_limits(machine, style):
    trajectory = plan(random_path(400, 1), machine, style=style)
    t = trajectory.table
    ends = t["start"] + t["unit"][:, :3] * t["length"][:, None]
    moves = (t["unit"][:, :3] != 0).any(1)
    np.testing.assert_allclose(ends[:-1][moves[:-1]], t["start"][1:][moves[:-1]], atol=1e-9)
    np.testing.assert_allclose(np.diff(t["start_s"]), t["duration_s"][:-1], atol=1e-9)
    np.testing.assert_allclose(t["v1"][:-1], t["v0"][1:], atol=1e-9)
    assert (t["vp"] >= np.maximum(t["v0"], t["v1"]) - 1e-9).all()
    assert (np.abs(t["v1"] ** 2 - t["v0"] ** 2) <= 2 * t["acceleration"] * t["length"] * (1 + 1e-9) + 1e-9).all()
    s, dt = trajectory.sample(4000), 1 / 4000
    for position, speed in ((s.x, s.vx), (s.y, s.vy)):
        # Position is the integral of speed, but for the ticks that hold a corner.
        steps = np.diff(position) - 0.5 * (speed[1:] + speed[:-1]) * dt
        assert np.median(np.abs(steps)) < 1e-9
        assert np.abs(np.diff(position)).max() <= 120 * dt * (1 + 1e-9)
    assert np.hypot(s.ax, s.ay).max() <= max(machine.motion.acceleration_mm_s2) + 1e-6
    if style == "lookahead" and machine is ENDER:
        speeds = t["unit"] * t["v1"][:, None], t["unit"] * t["v0"][:, None]
        before, after = speeds[0][:-1], speeds[1][1:]
        jump = np.where(before * after < 0, np.maximum(abs(before), abs(after)), abs(before - after))
        assert (jump <= np.array(machine.motion.jerk_mm_s) * (1 + 1e-9)).all()
    if style == "rest":
        assert not t["v0"].any()


@pytest.mark.parametrize("machine", [ENDER, JUNCTION], ids=["jerk", "junction"])
def test_pieces_are_the_whole(machine, monkeypatch):
    lines = [*random_path(500, 2, high=2.0), "G4 P10", "G3 I0 J5", *random_path(50, 3)]
    whole = plan(lines, machine).table
    monkeypatch.setattr(gcode, "BATCH", 16)
    pieces = list(plan_pieces(GcodeReader(machine).read(lines)))
    assert len(pieces) > 10
    table = np.concatenate([p.table for p in pieces])
    for name in whole.dtype.names:
        np.testing.assert_allclose(table[name], whole[name], rtol=1e-9, atol=1e-9, err_msg=name)


def test_a_full_queue_stops_rather_than_grows(monkeypatch):
    """A path that never settles, moves too short to brake in, is cut into pieces, each reachable from the last."""
    monkeypatch.setattr(gcode, "BATCH", 64)
    monkeypatch.setattr(planner, "MAX_PENDING", 256)
    lines = [f"G1 X{0.001 * i:.3f} F3600" for i in range(1, 3001)]
    pieces = list(plan_pieces(GcodeReader(ENDER).read(lines)))
    assert max(len(p.table) for p in pieces) <= 256 + 64
    t = np.concatenate([p.table for p in pieces])
    np.testing.assert_allclose(t["v1"][:-1], t["v0"][1:], atol=1e-9)
    assert t["start"][-1][0] == pytest.approx(2.999)


def test_rates_agree_and_the_ends_stand_still():
    trajectory = plan(random_path(50, 4), ENDER)
    coarse, fine = trajectory.sample(500), trajectory.sample(4000)
    n = len(coarse.x) - 1
    for name in ("time", "x", "y", "z", "vx", "vy", "layer", "extruding"):
        np.testing.assert_array_equal(getattr(coarse, name)[:n], getattr(fine, name)[::8][:n])
    knots, command = trajectory.knots()
    assert command.shape == ((len(knots.x) - 1) * 8 + 1, 2)
    np.testing.assert_array_equal(command[::8], knots.xy)
    assert (command[-700:] == command[-1]).all()
    later = trajectory.sample(500, first=100, n=50)
    np.testing.assert_array_equal(later.x, coarse.x[100:150])
    with pytest.raises(ValueError, match="rate_hz"):
        trajectory.sample(float("nan"))
