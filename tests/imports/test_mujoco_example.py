"""examples/mujoco_arm.py: the whole way from a policy's file to a simulated arm that follows."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_the_arm_follows_and_a_line_between_answers_spares_it_the_steps(tmp_path, capsys):
    pytest.importorskip("mujoco", reason="the sim extra is not installed")
    found = importlib.util.spec_from_file_location("mujoco_arm", ROOT / "examples" / "mujoco_arm.py")
    assert found is not None
    assert found.loader is not None
    example = importlib.util.module_from_spec(found)
    found.loader.exec_module(example)
    assert example.main(["--out", str(tmp_path), "--seconds", "2"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines() if line.startswith(("hold", "linear"))]
    error, step = ({row[0]: float(row[i]) for row in rows} for i in (1, 2))
    assert max(error.values()) < 150  # [mrad], of a motion of 700
    assert step["linear"] < 0.1 * step["hold"]  # [Nm]
