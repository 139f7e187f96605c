"""A part's layers as stretches, and the baselines tuned on them."""

from pathlib import Path

import numpy as np
import pytest

from learn_rt.benchmarks.printing.baselines import axes_of, score, tune
from learn_rt.benchmarks.printing.linear_filter import LinearFilter
from learn_rt.benchmarks.printing.parts import Part, choose_layers, read_part
from learn_rt.benchmarks.printing.printer import EVERY, TICK_S, Printer
from learn_rt.train.printer.machine import load_machine
from learn_rt.train.printer.plant import LINEAR

MACHINE = load_machine("ender3v2")


@pytest.fixture(scope="module")
def part(tmp_path_factory: pytest.TempPathFactory) -> Part:
    lines = ["G90", "M83", "G1 F3600"]
    for layer in range(5):
        size = 10 + 2 * layer
        lines += [";LAYER_CHANGE", f"G1 Z{0.2 * (layer + 1):.1f}", "G1 X100 Y100"]
        lines += [f"G1 X{100 + size} Y100 E1", f"G1 X{100 + size} Y{100 + size} E1", f"G1 X100 Y{100 + size} E1"]
        lines += ["G1 X100 Y100 E1"]
    path: Path = tmp_path_factory.mktemp("part") / "stairs.gcode"
    path.write_text("\n".join(lines) + "\n")
    return read_part(path, MACHINE)


def test_a_layer_stands_at_both_ends_and_extrudes_its_outline(part: Part) -> None:
    assert part.layers == [1, 2, 3, 4, 5]
    stretch = part.stretch(3)
    assert not stretch.samples[:50, 3:].any()
    assert not stretch.samples[-50:, 3:].any()
    assert np.array_equal(stretch.fine[::EVERY], stretch.planned)
    walls = stretch.planned[stretch.extruding]
    assert walls.min(0) == pytest.approx([100, 100], abs=0.05)
    assert walls.max(0) == pytest.approx([114, 114], abs=0.05)
    way = np.hypot(*np.diff(stretch.planned, axis=0).T)[stretch.extruding[:-1]].sum()
    assert way == pytest.approx(4 * 14, abs=0.3)
    assert stretch.seconds == pytest.approx(part.seconds(3) + 0.4, abs=3 * TICK_S)


def test_the_motors_own_errors_are_the_same_under_every_method(part: Part) -> None:
    stretch = part.stretch(1)
    plain, with_effects = Printer(MACHINE, LINEAR), Printer(MACHINE, LINEAR, effects_seed=3)
    added = with_effects.print(stretch) - plain.print(stretch)
    assert np.abs(added).max() > 1e-3
    offsets = np.full_like(stretch.planned, 0.01)
    assert with_effects.print(stretch, offsets=offsets) - plain.print(stretch, offsets=offsets) == pytest.approx(added)


def test_layers_are_chosen_by_list_by_seed_or_all(part: Part) -> None:
    assert choose_layers(part, "all") == [1, 2, 3, 4, 5]
    assert choose_layers(part, "2,4-5") == [2, 4, 5]
    assert choose_layers(part, "some", budget_s=1e6) == [1, 2, 3, 4, 5]
    some = choose_layers(part, "some", seed=1, budget_s=3.0)
    assert 1 <= len(some) < 5
    assert some == choose_layers(part, "some", seed=1, budget_s=3.0)


@pytest.mark.parametrize("wanted", ["6", "0", "few", "2-", ""])
def test_a_layer_that_is_not_there_is_refused(part: Part, wanted: str) -> None:
    with pytest.raises(ValueError, match="layer"):
        choose_layers(part, wanted)


def test_a_file_that_prints_nothing_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "travel.gcode"
    path.write_text("G1 X10 Y10 F3000\nG1 X20\n")
    with pytest.raises(ValueError, match="extrude"):
        read_part(path, MACHINE)


def test_on_the_linear_printer_tuning_finds_its_resonance_and_the_inverse_wins(part: Part) -> None:
    printer = Printer(MACHINE, LINEAR)
    train, unseen = [part.stretch(5)], [part.stretch(2)]
    nothing = LinearFilter(np.zeros((40, 2)), 10, 3)
    tuned = tune(printer, train, nothing)
    for found, own in zip((tuned.shapers["zv"], tuned.inverse), (axes_of(printer),) * 2, strict=True):
        assert [a.frequency_hz for a in found] == pytest.approx([a.frequency_hz for a in own], rel=0.06)
    got = {
        m: score([tuned.print(m, printer, s) for s in unseen], unseen) for m in ("planned", "zv", "inverse", "filter")
    }
    assert got["zv"].contour_rms_um < 0.2 * got["planned"].contour_rms_um
    assert got["inverse"].contour_rms_um < 0.5 * got["zv"].contour_rms_um
    assert got["filter"] == got["planned"]  # a filter of zeros changes nothing
    with pytest.raises(ValueError, match="no method"):
        tuned.print("magic", printer, unseen[0])
