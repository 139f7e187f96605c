"""Files of every format give the same signals; what is damaged or not there is one clear error."""

from __future__ import annotations

import re
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from learn_rt.train.table.readers import find, read

T = np.arange(50) * 0.01
A, B = np.sin(T), np.cos(T) * 3


def write(folder: Path, suffix: str) -> Path:
    path = folder / f"run{suffix}"
    if suffix == ".npz":
        np.savez(path, time=T, a=A.reshape(1, -1), b=np.stack([B, -B], 1))
    elif suffix == ".parquet":
        parquet.write_table(pa.table({"time": T, "a": A, "b.0": B}), path)
    elif suffix == ".h5":
        with h5py.File(path, "w") as file:
            file["arm/time"], file["arm/a"] = T, A
            file["arm/b"] = np.stack([B, -B], 1)
    else:
        rows = "\n".join(f"{t},{a},{b},note" for t, a, b in zip(T, A, B, strict=True))
        path.write_text(f"time,a,b.0,remark\n{rows}\n")
    return path


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".h5", ".npz"])
def test_every_format_gives_the_same_signals(suffix: str, tmp_path: Path) -> None:
    names = ["arm/a", "arm/b.0"] if suffix == ".h5" else ["a", "b.0"]
    recording = read(write(tmp_path, suffix), names)
    assert recording.timed
    for name, values in zip(names, (A, B), strict=True):
        np.testing.assert_allclose(recording.signals[name].v, values)
        np.testing.assert_allclose(recording.signals[name].t, T, atol=1e-12)


def test_a_german_spreadsheet_is_read(tmp_path: Path) -> None:
    path = tmp_path / "messung.csv"
    path.write_bytes("\ufefftime;kraft\n0,0;1,5\n0,1;2,5\n".encode())
    signal = read(path, ["kraft"]).signals["kraft"]
    assert signal.v.tolist() == [1.5, 2.5]
    assert signal.t.tolist() == pytest.approx([0.0, 0.1])


@pytest.mark.parametrize(
    ("header", "times", "interval"),
    [
        ("time_ms", [0, 5, 10], 0.005),
        ("time [us]", [0, 5, 10], 5e-6),
        ("timestamp", [1700000000000, 1700000000020, 1700000000040], 0.02),
        ("Timestamp", [1700000000000000001, 1700000000002000001, 1700000000004000001], 0.002),
        ("t", ["2026-01-01T00:00:00.000", "2026-01-01T00:00:00.250", "2026-01-01T00:00:00.500"], 0.25),
    ],
)
def test_times_are_seconds_whatever_their_unit(
    header: str, times: list[object], interval: float, tmp_path: Path
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"{header},a\n" + "".join(f"{t},{i}\n" for i, t in enumerate(times)))
    assert read(path, ["a"]).signals["a"].interval_s == pytest.approx(interval, rel=1e-6)


def test_signals_with_times_of_their_own_keep_them(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["imu/time"], file["imu/a"] = T, A
        file["force/t"], file["force/f"] = np.arange(5) * 0.1, np.arange(5.0)
    np.savez(tmp_path / "b.npz", time=T, a=A, f=np.arange(5.0), f_time=np.arange(5) * 0.1)
    for name, imu, force in (("a.h5", "imu/a", "force/f"), ("b.npz", "a", "f")):
        signals = read(tmp_path / name, [imu, force]).signals
        assert [signals[n].interval_s for n in (imu, force)] == pytest.approx([0.01, 0.1])


def test_a_column_with_a_value_in_every_tenth_row_is_slow_and_not_broken(tmp_path: Path) -> None:
    rows = [f"{t},{a},{b if i % 10 == 0 else ''}" for i, (t, a, b) in enumerate(zip(T, A, B, strict=True))]
    (tmp_path / "a.csv").write_text("time,a,b\n" + "\n".join(rows))
    signal = read(tmp_path / "a.csv", ["a", "b"]).signals["b"]
    np.testing.assert_allclose(signal.v, B[::10])
    assert signal.interval_s == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it must begin with a line of column names"),
        ("\n\n", "it must begin with a line of column names"),
        ("time,a\n0,1\n1\n", "not a CSV table"),
        ("time,a\n0,1,2\n1,2,3\n", "not a CSV table"),
        ("time,b\n0,1\n", "there is no column 'a'; there are b, time"),
        ("time,a\n0,1\n1,zwei\n", "a holds text, not numbers: 'zwei' in row 2"),
        ("time,a\n0,mm\n1,2\n", "a holds text, not numbers: 'mm' in row 1"),
        ("time,a\n0,1\n0,2\n", "time does not rise in row 2"),
        ("time,a\n1,1\n2,1\n1.5,2\n", "time does not rise in row 3 (2.0 then 1.5): sort the rows"),
        ("time,a\n0,1\n,2\n", "time is missing in row 2"),
        ("time,a\n", "a holds"),
        ("time,a,a\n0,1,2\n", "two columns are called 'a'"),
        ("time,a\n0,1\0\n", "it holds zero bytes"),
    ],
)
def test_a_bad_csv_is_one_error_that_names_file_and_place(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=re.escape(said)) as caught:
        read(path, ["a"])
    assert "bad.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_are_found_by_pattern_folder_or_name(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv", "notes.md"):
        (tmp_path / name).touch()
    expected = [tmp_path / "a.csv", tmp_path / "b.csv"]
    assert find(str(tmp_path / "*.csv")) == expected
    assert find(str(tmp_path)) == expected
    assert find(str(tmp_path / "a.csv")) == expected[:1]
    with pytest.raises(ValueError, match=r"data=.*: no file of format \.csv"):
        find(str(tmp_path / "*.md"))
