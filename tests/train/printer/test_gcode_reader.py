"""The reader: what each command means, and what it says about a line that means nothing."""

from __future__ import annotations

import numpy as np
import pytest

from learn_rt.train.printer.features import FEATURES, Feature
from learn_rt.train.printer.gcode import GcodeReader
from learn_rt.train.printer.machine import Cornering, load_machine

ENDER = load_machine("ender3v2")


def read(*lines: str, **options: bool) -> np.ndarray:
    batches = list(GcodeReader(ENDER, **options).read(lines))
    return np.concatenate([b.table for b in batches]) if batches else np.empty(0)


def ends(*lines: str) -> list[list[float]]:
    """Return where each move ends, x, y, z, and the filament it feeds."""
    t = read(*lines)
    return np.hstack([t["start"] + t["delta"][:, :3], t["delta"][:, 3:]]).round(9).tolist()


def limits(*lines: str):
    (batch,) = GcodeReader(ENDER).read([*lines, "G1 X1"])
    return batch.limits[batch.table["limits"][-1]]


def test_absolute_and_relative_moves():
    assert ends("G1 X10 Y5 E2 F600", "G1 X12 E3", "G91", "G1 X1 Y1 E1", "G90", "M83", "G1 X0 E1", "G1 X1 E1") == [
        [10, 5, 0, 2],
        [12, 5, 0, 1],
        [13, 6, 0, 1],
        [0, 6, 0, 1],
        [1, 6, 0, 1],
    ]


def test_g92_renames_a_place_without_moving():
    assert ends("G1 X10 Y10", "G92 X0 E5", "G1 X1 E6", "G92", "G1 Y1") == [
        [10, 10, 0, 0],
        [11, 10, 0, 1],
        [11, 11, 0, 0],
    ]


def test_inches():
    t = read("G20", "G1 X1 F60", "G2 X2 I0.5 J0")
    assert t["delta"][0, 0] == pytest.approx(25.4)
    assert t["speed"][0] == pytest.approx(25.4)
    assert t["delta"][1:, 0].sum() == pytest.approx(25.4)
    assert t["radius"][-1] == pytest.approx(12.7)


def test_speeds_stay_until_changed_and_m220_scales_them():
    assert read("G1 X1 F600", "G1 X2", "M220 S50", "G1 X3", "G0 X4 F1200")["speed"].tolist() == [10, 10, 5, 10]


def test_limits_follow_the_file():
    motion = limits("M201 X900 Y800 Z50 E7000", "M203 X200 Y100", "M204 P700 T1200 R2000", "M205 X8 Y7 Z.3 E4")
    assert motion.acceleration_mm_s2 == (900, 800, 50, 7000)
    assert motion.speed_mm_s == (200, 100, 10, 50)
    assert motion.print_acceleration_mm_s2 == 700
    assert motion.travel_acceleration_mm_s2 == 1200
    assert motion.retract_acceleration_mm_s2 == 2000
    assert motion.jerk_mm_s == (8, 7, 0.3, 4)
    assert limits("M204 S321").travel_acceleration_mm_s2 == 321
    assert limits("M205 J0.02").cornering is Cornering.JUNCTION
    assert limits("set_velocity_limit accel=900").print_acceleration_mm_s2 == 900
    klipper = limits("SET_VELOCITY_LIMIT ACCEL=3000 VELOCITY=250 SQUARE_CORNER_VELOCITY=5")
    assert klipper.print_acceleration_mm_s2 == 3000
    assert klipper.speed_mm_s[:2] == (250, 250)
    assert klipper.junction_deviation_mm == pytest.approx(25 * (2**0.5 - 1) / 3000)


def test_limits_of_the_file_can_be_left_out():
    (batch,) = GcodeReader(ENDER, file_limits=False).read(["M204 S100", "SET_VELOCITY_LIMIT ACCEL=5", "G1 X1"])
    assert batch.limits == (ENDER.motion,)


@pytest.mark.parametrize(
    ("layer", "wall", "infill"),
    [
        (";LAYER_CHANGE", ";TYPE:Outer wall", ";TYPE:Sparse infill"),  # Orca, Creality
        (";LAYER_CHANGE", ";TYPE:External perimeter", ";TYPE:Internal infill"),  # PrusaSlicer
        (";LAYER:{n}", ";TYPE:WALL-OUTER", ";TYPE:FILL"),  # Cura
        ("; CHANGE_LAYER", "; FEATURE: Outer wall", "; FEATURE: Sparse infill"),  # Bambu
        ("; layer {n}, Z = 0.2", "; feature outer perimeter", "; feature infill"),  # Simplify3D
    ],
)
def test_comments_of_the_common_slicers(layer, wall, infill):
    t = read("G1 X1", layer.format(n=0), wall, "G1 X2", layer.format(n=1), "G1 X3", infill, "G1 X4")
    assert t["layer"].tolist() == [0, 1, 2, 2]
    names = [FEATURES[i] for i in t["feature"]]
    assert names == [Feature.OTHER, Feature.OUTER_WALL, Feature.OUTER_WALL, Feature.SPARSE_INFILL]


def test_without_marks_each_rise_of_the_extruding_nozzle_is_a_layer():
    t = read("M83", "G1 X1 Z0.2 E1", "G1 Z1", "G1 X5", "G1 Z0.2", "G1 X9 E1", "G1 Z0.4", "G1 X1 E1")
    assert t["layer"].tolist() == [1, 1, 1, 1, 1, 1, 2]


def test_lines_as_senders_write_them():
    # The first line with its checksum is the RepRap wiki's example.
    assert ends(
        "N7 G1 X2.0 Y2.0 F3000.0*85", "g1x20y-.5", "G01 X+30. (aside) Y1 ; done", "\tG1\tX 40", "", "%", "T0 R"
    ) == [
        [2, 2, 0, 0],
        [20, -0.5, 0, 0],
        [30, 1, 0, 0],
        [40, 1, 0, 0],
    ]


def test_what_moves_nothing_is_passed_over():
    assert not len(
        read(
            "M117 Hello; world",
            "M862.3 P 'MK3S'",
            "G29",
            "T1",
            "M104 S210",
            "START_PRINT BED=60",
            "print_end",
            "G29.1 Z0",
            "G1 F900",
        )
    )


def test_homing_goes_to_zero_of_the_axes_named():
    assert ends("G1 X10 Y10 Z5", "G28 X")[-2:] == [[0, 10, 5, 0], [0, 10, 5, 0]]
    assert ends("G1 X10 Y10 Z5", "G92 X0", "G28", "G1 X7")[-1] == [7, 0, 0, 0]


def test_moves_too_short_to_plan_are_made_up_by_the_next():
    assert ends("G1 X10", "G1 X10.0000004", "G1 X11 Y1") == [[10, 0, 0, 0], [11, 1, 0, 0]]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("G1 X", "expected a letter and a number at column 4, got 'X'"),
        ("G1 Xnan", "expected a letter and a number"),
        ("G1 X--1", "expected a letter and a number"),
        ("G1 X1 Q2", "expected X, Y, Z, E, F, got Q"),
        ("G1 X1 X2", "expected X once"),
        ("G1 X99999999", "expected X within"),
        ("G1 F0", "expected F"),
        ("G1 X1 F-100", "expected F"),
        ("G5 X1 Y2", "expected G0-G4"),
        ("G38.2 Z1", "expected G0-G4"),
        ("hello world", "expected a command such as G1"),
        ("X10 Y10", "expected a command such as G1"),
        ("N7 G1 X2.0 Y2.0 F3000.0*84", "expected checksum 85"),
        ("G2 X10 Y0", "expected either I and J or R"),
        ("G2 X10 Y0 R1", "expected R of at least half the chord"),
        ("G3 X10 Y0 I3 J0", "expected an end on the circle"),
        ("G3 X10 Y0 I0 J0", "expected a centre"),
        ("G4 S1e", "expected a letter and a number"),
        ("G4 S1000000", "expected a pause"),
        ("M204 P0", "print_acceleration_mm_s2 must be from"),
        ("M205 X-1", "jerk_mm_s must be from"),
        ("M220 S0", "expected S from"),
        ("SET_VELOCITY_LIMIT ACCEL=nan", "expected a number after ACCEL="),
    ],
)
def test_a_bad_line_is_named_with_what_was_expected(tmp_path, line, expected):
    path = tmp_path / "part.gcode"
    path.write_text(f"G21\n{line}\nG1 X5\n")
    with pytest.raises(ValueError, match=r":2: ") as caught:
        list(GcodeReader(ENDER).read(path))
    assert str(caught.value).startswith(f"{path}:2: {expected}")
    reader = GcodeReader(ENDER, skip_bad=True)
    (batch,) = reader.read(path)
    assert batch.table["delta"][0, 0] == 5
    assert reader.skipped == 1
    assert reader.problems == [str(caught.value)]
