"""Machine files: the shipped ones are what they say, and a wrong one is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from learn_rt.train.printer.machine import SHIPPED, load_machine, machine_names


def test_the_shipped_machines_have_the_frequencies_they_are_known_by():
    ender, fast = load_machine("ender3v2"), load_machine("fast")
    assert (ender.x.frequency_hz, ender.y.frequency_hz) == pytest.approx((24.06, 21.22), abs=0.005)
    assert (ender.x.damping_ratio, ender.y.damping_ratio) == pytest.approx((0.142, 0.125), abs=0.0005)
    assert (fast.x.frequency_hz, fast.y.frequency_hz) == pytest.approx((60, 52), abs=0.001)
    assert (ender.motion.print_acceleration_mm_s2, fast.motion.print_acceleration_mm_s2) == (500, 8000)
    assert machine_names() == ["ender3v2", "fast"]


def test_a_machine_of_one_s_own_is_given_by_its_file(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text((SHIPPED / "fast.toml").read_text().replace('"fast"', '"mine"').replace("0.35", "0.5"))
    assert load_machine(path).name == "mine"
    assert load_machine(str(path)).x.mass_kg == 0.5


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("mass_kg = 0.35", "mass_kg = 0.0", r"mass_kg must be from 0.001 to 1000, got 0 - at mine.toml.x"),
        ("mass_kg = 0.35", "mass_kg = nan", r"expected float at mine.toml.x.mass_kg"),
        ("mass_kg = 0.35", "mas_kg = 0.35", r"unknown key 'mas_kg' at mine.toml.x"),
        ("mass_kg = 0.35", "", r"missing key 'mass_kg' at mine.toml.x"),
        ("mass_kg = 0.35", "mass_kg = 1e300", r"mass_kg must be from"),
        ("steps_per_mm = 80.0", "steps_per_mm = 0.0", r"steps_per_mm must be from"),
        ("damping_ns_m = 36.95", "damping_ns_m = 900.0", r"must be underdamped"),
        ('"junction"', '"magic"', r"expected one of jerk, junction at mine.toml.motion.cornering"),
        ("[500.0, 500.0, 12.0, 120.0]", "[500.0]", r"expected 4 elements at mine.toml.motion.speed_mm_s"),
        ("[500.0, 500.0, 12.0, 120.0]", "[-1.0, 1.0, 1.0, 1.0]", r"speed_mm_s must be from"),
        ('"fast"', '"../x"', r"name must be of letters"),
        ("[x]", "[x", r"mine.toml: "),
    ],
)
def test_what_is_wrong_in_a_machine_s_file_is_named(tmp_path, old, new, message):
    path: Path = tmp_path / "mine.toml"
    text = (SHIPPED / "fast.toml").read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(ValueError, match=message):
        load_machine(path)


def test_a_machine_that_is_not_there_is_named_with_those_that_are():
    with pytest.raises(ValueError, match="no machine 'nonesuch': give one of ender3v2, fast"):
        load_machine("nonesuch")
