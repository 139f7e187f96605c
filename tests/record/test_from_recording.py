"""Recordings as training data: each answer beside the sample that it is for, in units, gaps kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from smooth_path import path_of

from learn_rt import runtime
from learn_rt.recording import read
from learn_rt.train.cli import data
from learn_rt.train.table.from_recording import columns


def test_answers_stand_beside_the_samples_that_they_are_for(made: Any, repository: Path) -> None:
    table, stretches, left_out = columns(read(made.path))
    samples = path_of(300)
    session = runtime.load(repository / "printer" / "1").session()
    session.begin(samples[0])
    answers, _ = session.run(np.concatenate([samples[:1], samples[:150]]))
    # The rest sample and 150 of the path, then one that was refused; the model has 2 ticks of preview.
    n = 151 - 2
    assert list(table) == ["time", "x_ref", "y_ref", "z_ref", "vx_ref", "vy_ref", "offset_x", "offset_y"]
    np.testing.assert_array_equal(table["x_ref"][1:n], samples[: n - 1, 0])
    np.testing.assert_array_equal(table["offset_y"][:n], answers[2 : n + 2, 1])
    np.testing.assert_allclose(np.diff(table["time"][:n]), 0.002, rtol=1e-9)
    assert stretches == 2
    assert table["time"][n] - table["time"][n - 1] > 0.002 * 2  # the refused sample, and the window after it
    assert left_out == made.pushed + 1 - len(table["time"])


def test_the_command_writes_what_the_table_reader_reads_and_says_how_to_train(
    recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data(["from-recording", str(recorded), "--out", str(tmp_path / "out"), "--json"])
    told = json.loads(capsys.readouterr().out)
    assert "'inputs=[x_ref,y_ref,z_ref,vx_ref,vy_ref]' 'outputs=[offset_x,offset_y]'" in told["train"]
    assert told["train"].endswith(" window=7 preview=2 name=printer")
    data(["table", str(tmp_path / "out"), "--json"])
    seen = json.loads(capsys.readouterr().out)
    assert seen["files"] == [f"{recorded.stem}.npz"]
    assert seen["columns"]["vx_ref"]["hz"] == pytest.approx(500.0)
    assert seen["columns"]["offset_x"]["missing"] == 0


def test_two_recordings_of_one_name_are_refused(
    recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        data(["from-recording", str(recorded), str(recorded), "--out", str(tmp_path / "out")])
    assert ended.value.code == 1
    assert "distinct names" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
