"""`learn-data printer`: its files, their reader, the command line, and the firmware effects."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from learn_rt.train.cli import data
from learn_rt.train.printer import gcode, stream
from learn_rt.train.printer import layers as layers_module
from learn_rt.train.printer.features import FEATURES, WALLS
from learn_rt.train.printer.firmware import LIMIT_MM, FirmwareEffects, amplitude
from learn_rt.train.printer.gcode import GcodeReader
from learn_rt.train.printer.layers import UNITS, join, load_layers
from learn_rt.train.printer.machine import load_machine
from learn_rt.train.printer.part import parse_layers
from learn_rt.train.printer.planner import plan, plan_pieces
from learn_rt.train.printer.plant import LINEAR, NONLINEAR, simulate

ROOT = Path(__file__).parents[3]
EXAMPLES = sorted((ROOT / "examples").glob("*.gcode"))
BENCHY = ROOT.parent / "shared" / "data" / "printer" / "3DBenchy_PLA_1h28m.gcode"
ENDER = load_machine("ender3v2")
SMALL = """M83
G1 X20 Y20 Z0.2 F6000
;LAYER_CHANGE
;TYPE:Outer wall
G1 X30 E1
G1 Y30 E1
;LAYER_CHANGE
G1 Z0.4
G1 X20 E1
G1 Y20 E1
"""


@pytest.fixture
def part(tmp_path: Path) -> Path:
    path = tmp_path / "small.gcode"
    path.write_text(SMALL)
    return path


def run(*argv: object) -> int:
    """Return the exit code of learn-data printer."""
    try:
        data(["printer", *map(str, argv)])
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def test_a_part_becomes_one_file_a_layer_that_joins_to_the_whole(part, tmp_path, capsys):
    assert run(part, "--out", tmp_path / "data", "--json") == 0
    (manifest,) = json.loads(capsys.readouterr().out)
    folder = tmp_path / "data" / "small"
    assert sorted(p.name for p in folder.iterdir()) == [
        *(f"layer{n:02d}_ender3v2.mat" for n in (0, 1, 2)),
        "manifest.json",
    ]
    assert json.loads((folder / "manifest.json").read_text()).items() <= manifest.items()
    layers = load_layers(folder)
    assert [layer.number for layer in layers] == [0, 1, 2]
    whole = join(layers)
    trajectory = plan(part, ENDER)
    n = len(whole.time)
    expected = trajectory.sample(500)
    assert n == len(expected.x) == sum(f["samples"] for f in manifest["files"])
    np.testing.assert_array_equal(whole.time, np.arange(n) / 500)
    np.testing.assert_array_equal(whole.reference, np.stack([expected.x, expected.y, expected.z], 1))
    np.testing.assert_array_equal(whole.velocity, np.stack([expected.vx, expected.vy], 1))
    np.testing.assert_array_equal(whole.extruding, expected.extruding)
    np.testing.assert_array_equal(whole.travel, expected.travel)
    command = trajectory.sample(4000, 0, (n - 1) * 8 + 1).xy
    mass = stream.print_mass_kg(expected.filament_mm)
    actual = simulate(ENDER, command, 1 / 4000, NONLINEAR, every=8, print_mass_kg=mass)
    np.testing.assert_allclose(whole.actual, actual, atol=1e-12)
    rms = 1e3 * np.sqrt((whole.error[whole.extruding] ** 2).sum(1).mean())
    assert manifest["rms_um"] == pytest.approx(rms)


def test_the_files_have_the_layout_and_units_that_matlab_reads(part, tmp_path):
    assert run(part, "--out", tmp_path / "data") == 0
    path = tmp_path / "data" / "small" / "layer01_ender3v2.mat"
    assert path.read_bytes()[:19] == b"MATLAB 7.3 MAT-file"
    assert path.read_bytes()[124:128] == b"\x00\x02IM"
    with h5py.File(path) as file:
        group = file["simulation_data"]
        n = group["time"].shape[1]
        for name, unit in UNITS.items():
            assert group[name].shape == (1, n)
            assert group[name].attrs["unit"] == unit
            assert group[name].attrs["MATLAB_class"] == b"double"
        column = {name: group[name][0] for name in UNITS}
        assert group["params/mass_kg_x"][0, 0] == 0.35
        assert group["params/rate_hz"][0, 0] == 500
    np.testing.assert_array_equal(column["error_x"], column["x_act"] - column["x_ref"])
    np.testing.assert_allclose(column["error_magnitude"] ** 2, column["error_x"] ** 2 + column["error_y"] ** 2)
    np.testing.assert_allclose(column["error_magnitude"] * np.sin(column["error_direction"]), column["error_y"])
    assert set(column["layer_num"]) == {1}
    assert {FEATURES[int(i)] for i in column["feature"]} == {"outer wall"}
    assert not (column["is_extruding"] * column["is_travel"]).any()


def test_neither_blocks_nor_pieces_show_in_the_result(tmp_path, monkeypatch):
    options = ("--effects", "--seed", 3, "--rate", 100)
    star = ROOT / "examples" / "star.gcode"
    assert run(star, "--out", tmp_path / "one", *options) == 0
    monkeypatch.setattr(stream, "FINE_BLOCK", 7000)
    monkeypatch.setattr(gcode, "BATCH", 8)
    assert run(star, "--out", tmp_path / "two", *options) == 0
    one, two = (join(load_layers(tmp_path / name / "star")) for name in ("one", "two"))
    np.testing.assert_array_equal(one.time, two.time)
    for name in ("layer", "extruding", "travel", "feature"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
    for name in ("reference", "velocity", "actual"):
        np.testing.assert_allclose(getattr(one, name), getattr(two, name), atol=1e-9)


def test_the_seed_decides_the_effects_and_nothing_else_does(part, tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert run(part, "--out", tmp_path / name, "--effects", "--seed", seed) == 0
    a, b, c = (join(load_layers(tmp_path / name / "small")).actual for name in "abc")
    np.testing.assert_array_equal(a, b)
    assert np.abs(a - c).max() > 1e-3


def test_resonance_is_in_its_band_bounded_and_highest_at_the_axis_own_frequency():
    speed = np.linspace(0, 20, 4001)
    a = amplitude(ENDER.x, speed, 0.2)
    r = speed * 80 / 16 / ENDER.x.frequency_hz
    assert not a[(r <= 0.5) | (r >= 2)].any()
    assert (a[(r > 0.5) & (r < 2)] > 0).all()
    assert a.max() == a[np.abs(r - 1).argmin()] == LIMIT_MM
    np.testing.assert_array_equal(a, amplitude(ENDER.x, -speed, 0.2))


def effects_rms_um(path: Path) -> float:
    """Return the uncorrected error on walls, from rest to rest at 100 Hz on the linear plant, both axes together."""
    pieces = plan_pieces(GcodeReader(ENDER).read(path), "rest")
    walls, squares, n = [FEATURES.index(f) for f in WALLS], 0.0, 0
    for block in stream.run(pieces, ENDER, 100, LINEAR, FirmwareEffects(ENDER, 0)):
        wall = block.planned.extruding & np.isin(block.planned.feature, walls)
        squares += float(((block.actual - block.planned.xy)[wall] ** 2).sum())
        n += int(wall.sum())
    return 1e3 * float(np.sqrt(squares / n))


def test_fine_walls_from_rest_to_rest_show_the_error_of_the_original_simulator():
    assert 110 < effects_rms_um(ROOT / "examples" / "gear.gcode") < 175
    assert 110 < effects_rms_um(ROOT / "examples" / "boat.gcode") < 175


@pytest.mark.skipif(not BENCHY.exists(), reason="the 3DBenchy is not beside this checkout")
def test_the_benchy_from_rest_to_rest_shows_140_um():
    assert effects_rms_um(BENCHY) == pytest.approx(140, abs=3)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_the_shipped_parts_are_read_strictly_and_keep_their_size(path):
    trajectory = plan(path, ENDER)
    samples = trajectory.sample(100)
    assert 30 < trajectory.duration_s < 100
    assert samples.layer.max() == 3
    assert 0.5 < samples.extruding.mean() < 0.95
    printed = samples.xy[samples.extruding]
    assert (printed > 5).all()
    assert (printed < 215).all()


def test_the_shipped_parts_are_what_their_script_writes(tmp_path, monkeypatch):
    script = ROOT / "examples" / "make_parts.py"
    copy = tmp_path / script.name
    copy.write_text(script.read_text())
    space: dict[str, object] = {"__name__": "parts", "__file__": str(copy)}
    exec(compile(copy.read_text(), copy, "exec"), space)
    space["main"]()  # type: ignore[operator]
    for path in EXAMPLES:
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("text", "layers"),
    [
        ("all", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        ("sampled:4", [1, 5, 9]),
        ("3", [3]),
        ("1-3,8", [1, 2, 3, 8]),
        ("2-9:3", [2, 5, 8]),
    ],
)
def test_layers_are_chosen(text, layers):
    assert [n for n in range(10) if parse_layers(text)(n)] == layers


def test_chosen_layers_are_the_same_as_in_the_whole(part, tmp_path):
    assert run(part, "--out", tmp_path / "all") == 0
    assert run(part, "--out", tmp_path / "some", "--layers", "2") == 0
    (some,) = load_layers(tmp_path / "some" / "small")
    np.testing.assert_array_equal(some.actual, load_layers(tmp_path / "all" / "small")[2].actual)
    with pytest.raises(ValueError, match="do not follow"):
        join([load_layers(tmp_path / "all" / "small")[0], some])


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--rate", "nan"), 2, "--rate must be"),
        (("--rate", "1"), 2, "--rate must be"),
        (("--machine", "nonesuch"), 2, "no machine 'nonesuch'"),
        (("--layers", "x"), 2, "expected layers as"),
        (("--seed", "-1"), 2, "--seed must not be"),
        (("--plant", "soft"), 2, "invalid choice"),
        (("--layers", "77"), 1, "no layer is among"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(part, tmp_path, capsys, options, code, message):
    assert run(part, "--out", tmp_path / "data", *options) == code
    err = capsys.readouterr().err
    assert message in err
    assert "Traceback" not in err
    assert not list((tmp_path / "data").glob("*")) if (tmp_path / "data").exists() else True


def test_a_bad_file_leaves_nothing_behind(tmp_path, capsys):
    bad = tmp_path / "bad.gcode"
    bad.write_text(SMALL + "G1 Xnan\n")
    assert run(bad, "--out", tmp_path / "data") == 1
    assert capsys.readouterr().err.startswith(f"learn-data: {bad}:11: expected a letter and a number")
    assert list((tmp_path / "data").iterdir()) == []
    assert run(bad, "--out", tmp_path / "data", "--skip-bad") == 0
    assert json.loads((tmp_path / "data" / "bad" / "manifest.json").read_text())["bad_lines"] == 1
    assert f"skipped: {bad}:11:" in capsys.readouterr().err


def test_a_full_disk_is_an_error_and_leaves_nothing_behind(part, tmp_path):
    """A file of at most 8 kB stands for a full disk: the same failure of the same write."""
    code = (
        "import resource, sys; from learn_rt.train.cli import data;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192)); data(sys.argv[1:])"
    )
    # Compiled code would go into a cache, in larger files than that.
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    argv = [sys.executable, "-c", code, "printer", str(part), "--out", str(tmp_path / "data")]
    done = subprocess.run(argv, capture_output=True, text=True, env=environment, timeout=60)
    assert done.returncode == 1
    assert done.stderr == f"learn-data: [Errno 27] File too large: '{tmp_path / 'data' / 'small'}'\n"
    assert list((tmp_path / "data").iterdir()) == []


def test_a_layer_too_long_for_memory_is_an_error(part, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(layers_module, "MAX_TICKS", 100)
    assert run(part, "--out", tmp_path / "data") == 1
    assert "more than 100 ticks: give a lower --rate" in capsys.readouterr().err


def test_a_part_is_replaced_only_when_asked(part, tmp_path, capsys):
    assert run(part, "--out", tmp_path / "data", "--layers", "1-2") == 0
    assert run(part, "--out", tmp_path / "data", "--layers", "1") == 1
    assert "is there already" in capsys.readouterr().err
    assert len(load_layers(tmp_path / "data" / "small")) == 2
    assert run(part, "--out", tmp_path / "data", "--layers", "1", "--force") == 0
    assert len(load_layers(tmp_path / "data" / "small")) == 1
    assert [p.name for p in (tmp_path / "data").iterdir()] == ["small"]


@pytest.mark.parametrize("name", ["..gcode", "...gcode", ".hidden.gcode"])
def test_a_file_whose_part_would_be_another_folder_is_refused(part, tmp_path, capsys, name):
    (tmp_path / "out" / "kept").mkdir(parents=True)
    (tmp_path / name).write_bytes(part.read_bytes())
    with pytest.raises(SystemExit) as raised:
        data(["printer", str(tmp_path / name), "--out", str(tmp_path / "out"), "--force"])
    assert raised.value.code == 2
    assert "must not begin with a dot" in capsys.readouterr().err
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["kept"]


def test_two_files_of_one_name_and_missing_files_are_refused(part, tmp_path, capsys):
    assert run(part, part, "--out", tmp_path / "data") == 2
    assert run(tmp_path / "none.gcode", "--out", tmp_path / "data") == 1
    assert "No such file" in capsys.readouterr().err


def test_a_broken_layer_is_named(part, tmp_path):
    assert run(part, "--out", tmp_path / "data") == 0
    folder = tmp_path / "data" / "small"
    with h5py.File(folder / "layer01_ender3v2.mat", "r+") as file:
        file["simulation_data/x_act"][0, 3] = np.nan
    with pytest.raises(ValueError, match=r"layer01_ender3v2\.mat: simulation_data/x_act must hold"):
        load_layers(folder)
    (folder / "layer01_ender3v2.mat").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="not a layer of a simulated print"):
        load_layers(folder)
    with pytest.raises(ValueError, match="found none"):
        load_layers(tmp_path)


def test_the_help_shows_an_example(capsys):
    assert run("--help") == 0
    assert "learn-data printer examples/boat.gcode" in capsys.readouterr().out
