"""Trajectories in CSV: read strictly, at one step of time, split as wholes; hostile files end in one line."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

from learn_rt.train.cli import data
from learn_rt.train.dynamics.data import read_data
from learn_rt.train.dynamics.folder import read_folder
from learn_rt.train.dynamics.recording import read_recording
from learn_rt.train.dynamics.split import SplitConfig, split_trajectories

HEADER = "timestamp,qpos_0,qpos_1,qvel_0,qvel_1,ctrl_0"
ROW = "0.0,1,2,3,4,5"


def write(path, *lines: str, end: str = "\n"):
    path.write_text("".join(line + end for line in lines))
    return path


def swing(times: np.ndarray) -> list[str]:
    """Return rows of an angle at 3 rad/s, wrapped to -pi..pi, a place at 1 m/s, and a control that steps at 0.5 s."""
    angle = (3 * times + np.pi) % (2 * np.pi) - np.pi
    return [
        f"{t:.9g},{t:.9g},{a:.9g},1,3,{float(t >= 0.5):g}" for t, a in zip(times.tolist(), angle.tolist(), strict=True)
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_recording_is_read_as_it_stands(tmp_path, end):
    found = read_recording(write(tmp_path / "a.csv", HEADER, ROW, "0.01,1e-3,-2.5,3,4,6", end=end))
    assert (found.nq, found.nv, found.nu) == (2, 2, 1)
    assert found.time.tolist() == [0.0, 0.01]
    assert found.rows.tolist() == [[1, 2, 3, 4, 5], [0.001, -2.5, 3, 4, 6]]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "header"),
        (["qpos_0,qvel_0,ctrl_0", "1,2,3"], "in column 1"),
        (["timestamp,qpos_0,qvel_0"], "got nothing in column 4|header"),
        (["timestamp,qvel_0,qpos_0,ctrl_0", "0,1,2,3"], "'qvel_0' in column 2"),
        (["timestamp,qpos_0,qpos_2,qvel_0,ctrl_0"], "'qpos_2' in column 3"),
        (["timestamp,qpos_0,qpos_0,qvel_0,ctrl_0"], "in column 3"),
        (["timestamp,qpos_00,qvel_0,ctrl_0"], "in column 2"),
        (["timestamp, qpos_0,qvel_0,ctrl_0"], "in column 2"),
        (["timestamp,qpos_0,qvel_0,ctrl_0,note"], "'note' in column 5"),
        ([",".join(["timestamp", *(f"qpos_{i}" for i in range(600))])], "columns"),
        ([HEADER], "at least 2 rows"),
        ([HEADER, ROW], "at least 2 rows"),
        ([HEADER, ROW, "0.01,1,2,3,4"], "line 3: 6 values expected, got 5"),
        ([HEADER, ROW, "0.01,1,2,3,4,5,6"], "line 3: 6 values"),
        ([HEADER, "0,1,2,3,4", "1,1,2,3,4"], "line 2: 6 values"),
        ([HEADER, ROW, "0.01,1,2,x,4,5"], "line 3, column 4: not a finite number: 'x'"),
        ([HEADER, ROW, "0.01,1,nan,3,4,5"], "line 3, column 3"),
        ([HEADER, ROW, "0.01,1,2,3,4,1e999"], "line 3, column 6"),
        ([HEADER, ROW, "0.01,1,2,3,4,1_0"], "line 3, column 6"),
        ([HEADER, ROW, "0.01,1,2,3,4,"], "line 3, column 6"),
        ([HEADER, ROW, "0.0,1,2,3,4,5"], "must increase, got 0 after 0 in row 2"),
        ([HEADER, ROW, "0.01,1,2,3,4,5", "0.005,1,2,3,4,5"], "in row 3"),
        ([HEADER, ROW, "# 0.01,1,2,3,4,5"], "line 3, column 1"),
    ],
)
def test_what_is_no_recording_is_refused_with_its_place(tmp_path, lines, message):
    with pytest.raises(ValueError, match=message) as raised:
        read_recording(write(tmp_path / "a.csv", *lines))
    assert "a.csv" in str(raised.value)
    assert len(str(raised.value)) < 400


def test_bytes_that_are_no_text_and_things_that_are_no_file_are_refused(tmp_path):
    (tmp_path / "a.csv").write_bytes(HEADER.encode() + b"\n\xff\xfe\x00")
    with pytest.raises(ValueError, match="not UTF-8"):
        read_recording(tmp_path / "a.csv")
    os.mkfifo(tmp_path / "b.csv")
    with pytest.raises(ValueError, match="not a file"):
        read_recording(tmp_path / "b.csv")
    with pytest.raises(FileNotFoundError):
        read_recording(tmp_path / "c.csv")


def test_irregular_time_is_refused_and_resampled_on_request(tmp_path, capsys):
    random = np.random.default_rng(0)
    times = np.cumsum(random.uniform(0.006, 0.014, 200))
    path = write(tmp_path / "a.csv", HEADER, *swing(times))
    arguments = ["dynamics", "convert", str(path), "--angles", "1", "--coordinates", "0", "--dt", "0.01"]
    with pytest.raises(SystemExit, match="1"):
        data([*arguments, "--out", str(tmp_path / "out")])
    assert "--resample" in capsys.readouterr().err
    data([*arguments, "--out", str(tmp_path / "out"), "--resample", "--json"])
    assert json.loads(capsys.readouterr().out)["dt_s"] == 0.01
    found = read_folder(tmp_path / "out")
    rows, at = found.rows["a"], times[0] + 0.01 * np.arange(len(found.rows["a"]))
    np.testing.assert_allclose(rows[:, 0], at, atol=1e-7)  # a line is interpolated exactly
    np.testing.assert_allclose(np.diff(rows[:, 1]), 0.03, atol=1e-6)  # no jump where the encoder starts again
    assert set(rows[:, 4]) == {0.0, 1.0}  # a control is held, not blended
    assert found.about.coordinate_indices == [0]
    assert found.about.angle_indices == [1]


def test_a_gap_is_not_interpolated(tmp_path, capsys):
    times = np.concatenate([np.arange(20) * 0.01, 1.0 + np.arange(20) * 0.01])
    path = write(tmp_path / "a.csv", HEADER, *swing(times))
    with pytest.raises(SystemExit, match="1"):
        data(["dynamics", "convert", str(path), "--out", str(tmp_path / "out"), "--resample"])
    assert "a gap of 0.81 s after row 20" in capsys.readouterr().err


def test_long_recordings_are_cut_without_overlap(tmp_path):
    path = write(tmp_path / "a.csv", HEADER, *swing(np.arange(250) * 0.01))
    data(["dynamics", "convert", str(path), "--out", str(tmp_path / "out"), "--cut", "1"])
    found = read_folder(tmp_path / "out").rows
    assert {name: len(rows) for name, rows in found.items()} == {"a_000": 100, "a_001": 100, "a_002": 50}
    np.testing.assert_allclose(np.concatenate(list(found.values()))[:, 0], np.arange(250) * 0.01, atol=1e-8)


def test_a_folder_is_not_overwritten_unasked(tmp_path, capsys):
    path = write(tmp_path / "a.csv", HEADER, *swing(np.arange(20) * 0.01))
    arguments = ["dynamics", "convert", str(path), "--out", str(tmp_path / "out")]
    data(arguments)
    with pytest.raises(SystemExit, match="1"):
        data(arguments)
    assert "--force" in capsys.readouterr().err
    data([*arguments, "--force"])


def test_folders_of_two_tasks_become_one_data_set(tmp_path):
    for task in ("one", "two"):
        (tmp_path / task).mkdir()
        write(tmp_path / task / "a.csv", HEADER, *swing(np.arange(20) * 0.01))
    found = read_data([str(tmp_path / "one"), str(tmp_path / "two")], [0], [1])
    assert sorted(found.rows) == ["one/a", "two/a"]
    write(tmp_path / "two" / "b.csv", "timestamp,qpos_0,qvel_0,ctrl_0", "0,1,2,3", "0.01,1,2,3")
    with pytest.raises(ValueError, match=r"b\.csv: \(1, 1, 1\)"):
        read_data([str(tmp_path / "one"), str(tmp_path / "two")], [0], [1])


@pytest.mark.parametrize("text", ["{", "[]", '{"dt_s": "x"}', '{"dt_s": 0.01, "speed": 3}', '{"angle_indices": [1]}'])
def test_a_damaged_description_is_refused(tmp_path, text):
    write(tmp_path / "a.csv", HEADER, *swing(np.arange(20) * 0.01))
    (tmp_path / "dynamics.json").write_text(text)
    with pytest.raises(ValueError, match=r"dynamics\.json"):
        read_folder(tmp_path)


def test_a_split_holds_whole_trajectories_out_the_same_each_time():
    names = [f"t{i}" for i in range(20)]
    split = split_trajectories(names, 7, SplitConfig())
    assert sorted([*split.train, *split.validation, *split.test]) == sorted(names)
    assert (len(split.train), len(split.validation), len(split.test)) == (16, 2, 2)
    assert split == split_trajectories(names[::-1], 7, SplitConfig())
    named = split_trajectories(names, 7, SplitConfig(test=["t3"], validate=False))
    assert named.test == ("t3",)
    assert named.validation == ()
    assert len(named.train) == 19


@pytest.mark.parametrize(
    ("names", "config", "message"),
    [
        (["a", "b"], SplitConfig(), "too few"),
        (["a", "b", "c"], SplitConfig(test=["d"]), "'d' is no trajectory"),
        (["a", "b", "c"], SplitConfig(test=["a"], validation=["a"]), "validation and test"),
        (["a", "b", "c"], SplitConfig(validation=["a"], validate=False), "names some"),
    ],
)
def test_a_split_that_cannot_be_is_refused(names, config, message):
    with pytest.raises(ValueError, match=message):
        split_trajectories(names, 0, config)
