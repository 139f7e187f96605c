"""The picture is written, whatever the print looks like."""

from pathlib import Path

import numpy as np
import pytest

from learn_rt.benchmarks.printing.picture import Layer, draw
from learn_rt.benchmarks.printing.report import METHODS


@pytest.mark.parametrize("error_mm", [0.08, 1e-6])
def test_it_is_drawn_for_a_bad_print_and_for_a_perfect_one(tmp_path: Path, error_mm: float) -> None:
    a = np.linspace(0, 2 * np.pi, 800)
    planned = 110 + 20 * np.stack([np.cos(a), np.sin(a)], 1)
    actual = {name: planned + error_mm * np.sin(9 * a + i)[:, None] for i, name in enumerate(METHODS)}
    extruding = np.ones(800, bool)
    extruding[:20] = False
    path = tmp_path / "deep" / "picture.png"
    draw(Layer(planned, extruding, actual, 0.002), dict.fromkeys(METHODS, 12.3), "A ring", path)
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
