"""G-code from an enemy, or from a broken disk: an error or a plan, never a crash, a hang, or memory without end."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from learn_rt.train.printer import gcode
from learn_rt.train.printer.gcode import GcodeReader
from learn_rt.train.printer.lines import MAX_LINE
from learn_rt.train.printer.machine import load_machine
from learn_rt.train.printer.planner import plan, plan_pieces

ENDER, FAST = load_machine("ender3v2"), load_machine("fast")
BOAT = Path(__file__).parents[2] / "examples" / "boat.gcode"


def outcome(source: Path | list[str]) -> str:
    """Plan strictly, then passing over bad lines; return the strict error, or "" when there was none."""
    for machine in (ENDER, FAST):
        try:
            tolerant = plan(source, machine, skip_bad=True)
        except ValueError as error:
            if not ("found none" in str(error) or "30 days" in str(error)):
                raise
        else:
            t = tolerant.table
            for name in ("start_s", "duration_s", "start", "unit", "length", "v0", "vp", "v1"):
                assert np.isfinite(t[name]).all(), name
            assert (t["duration_s"] >= 0).all()
            s = tolerant.sample(10, n=2000)
            assert all(np.isfinite(a).all() for a in (s.x, s.y, s.z, s.vx, s.vy, s.filament_mm))
    try:
        plan(source, ENDER)
    except ValueError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    "line",
    [
        "G1 Xnan",
        "G1 Xinf Y-inf",
        "G1 X" + "9" * 400,
        "G1 X1" + "0" * 30,
        "G1 X0x10",
        "G1 E99999999999999",
        "G1 X1 F1" + "0" * 300,
        "G1 X9999 F0.6",
        "G2 I1" + "0" * 11,
        "G2 X1 Y1 R99999999",
        "G3 I9000 J9000 P100",
        "G3 X0.0000001 I0 J0.0000001",
        "G2 I0.0001 P9999999999",
        "G4 S999999999999",
        "M201 X0.0000001",
        "M203 X1" + "0" * 300,
        "M205 J1000000",
        "G20\nG1 X9999",
        "G92 X999999999",
        "N1 G1 X1*",
        "G1 X1*256",
        "G99999 X1",
        "G" * 4000,
        "(" * 4000,
        "G1 " + "X1 " * 1300,
        "G1 X" + "1." * 2000,
        "G1" + " " * 4000 + "!",
        "A_" * 1500 + "!",
        "A_B" + " C=1" * 1000 + " !",
        "\0\0\0\0",
        "G1 X١٢",
        "\x1bG1 X1",
    ],
    ids=lambda line: line[:12].encode("ascii", "replace").decode(),
)
def test_a_hostile_line_is_an_error_that_names_it(line):
    lines = ["M83", "G1 X5 E1 F3000", *line.split("\n"), "G1 X6 E1"]
    assert "lines:" in outcome(lines)


@pytest.mark.parametrize(
    "lines",
    [
        ["G1 X0.000001", "G1 X0.000002", "G1 X0.000001"] * 500,
        ["G1 X9999.99 Y9999.99 F1000000", "G1 X-9999.99 Y-9999.99"] * 50,
        ["M205 X0 Y0 Z0 E0", "G1 X1 Y1", "G1 X0 Y0"],
        ["M205 J0", "G1 X1 Y1", "G1 X0 Y0"],
        ["M204 P1 T1", "M201 X1 Y1", "G1 X1 F1000000", "G1 X2", "G1 Y1 E5"],
        ["M203 X0.1", "G1 X10"],
        ["G4 S3600"] * 100,
        ["G3 I0 J0.0002", "G3 I0.0002", "G2 I0 J9999"],
        ["G28"] * 100,
        [f"M204 S{i + 1}\nG1 X{i % 2}" for i in range(2000)],
        ["G92 E-9999999", "G1 E999 F1000000"],
    ],
    ids=range(11),
)
def test_extreme_but_legal_files_are_planned_with_finite_numbers(lines):
    assert "lines:" not in outcome("\n".join(lines).split("\n"))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n" * 10_000,
        b";" * 1_000_000,
        b"\xff\xfe" + "G1 X1\n".encode("utf-16-le") * 100,
        b"\x7fELF" + bytes(range(256)) * 4000,
        b"\0" * 1_000_000,
        b"G1 X1" * 200_000,
        b"\r" * 100_000,
        b"PK\x03\x04" + bytes(100_000),
    ],
    ids=["empty", "blank", "comment", "utf-16", "binary", "zeros", "one line", "carriage returns", "zip"],
)
def test_a_file_that_is_no_gcode_is_an_error(tmp_path, content):
    path = tmp_path / "x.gcode"
    path.write_bytes(content)
    assert str(path) in outcome(path)


def test_a_last_line_without_newline_counts_and_a_byte_order_mark_does_not(tmp_path):
    path = tmp_path / "x.gcode"
    path.write_bytes(b"\xef\xbb\xbfG1 X5\r\nG1 X7")
    assert plan(path, ENDER).table["length"].tolist() == [5, 2]


def test_a_comment_may_be_longer_than_a_line(tmp_path):
    path = tmp_path / "x.gcode"
    path.write_bytes(b"G1 X5 ;" + b"c" * (10 * MAX_LINE) + b"\nG1 X7\n")
    assert plan(path, ENDER).table["length"].tolist() == [5, 2]
    path.write_bytes(b"G1 X5 " + b" " * (10 * MAX_LINE) + b"\nG1 X7\n")
    with pytest.raises(ValueError, match=":1: expected a line of at most"):
        plan(path, ENDER)


def test_missing_and_unreadable_files_are_errors(tmp_path):
    for path in (tmp_path / "none.gcode", tmp_path):
        with pytest.raises(ValueError, match=str(path)):
            plan(path, ENDER)


@pytest.mark.parametrize("seed", range(20))
def test_a_damaged_file_is_an_error_or_a_plan(tmp_path, seed):
    rng = np.random.default_rng(seed)
    content = bytearray(BOAT.read_bytes()[:6000])
    for at in rng.integers(0, len(content), 60):
        content[at] = rng.integers(0, 256) if seed % 2 else rng.choice(list(b"0123456789.-GXYEFIJRMS;*\n "))
    path = tmp_path / "x.gcode"
    path.write_bytes(content)
    outcome(path)


def test_memory_does_not_grow_with_the_file(tmp_path, monkeypatch):
    """A file three times as long takes no more memory at its worst moment."""
    line = "".join(f"G1 X{x} Y{100 + x % 7} E0.01 F6000\n" for x in range(100, 200))
    monkeypatch.setattr(gcode, "BATCH", 512)
    worst = []
    for copies in (30, 90):
        path = tmp_path / f"{copies}.gcode"
        path.write_text("M83\n;LAYER_CHANGE\n" + line * copies)
        tracemalloc.start()
        for piece in plan_pieces(GcodeReader(ENDER).read(path)):
            del piece
        worst.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert worst[1] < 1.3 * worst[0]
