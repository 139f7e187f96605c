"""What is wrong with the data is named: where, and what to do."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from learn_rt.train import cli
from learn_rt.train.table import checks
from learn_rt.train.table.data import blocks, split_files
from learn_rt.train.table.recording import Recording, Signal
from learn_rt.train.table.resample import Segment

RNG = np.random.default_rng(4)


def recording(name: str, **values: np.ndarray) -> Recording:
    return Recording(name, {key: Signal(np.arange(len(v)) * 0.1, v) for key, v in values.items()}, True)


def day(scale: float = 1.0, n: int = 500) -> np.ndarray:
    return scale * (RNG.normal(size=n).cumsum() * 0.1 + 20.0 + RNG.normal())


def test_missing_values_are_named_with_file_column_count_and_row() -> None:
    holes = day()
    holes[[7, 8, 30]] = np.nan
    with pytest.raises(ValueError, match=r"b\.csv: values are missing: v in 3 of 500 rows, first row 8\. Set missing="):
        checks.refuse_missing([recording("a.csv", u=day(), v=day()), recording("b.csv", u=day(), v=holes)])
    with pytest.raises(ValueError, match=r"a\.csv: v has no value at all"):
        checks.refuse_missing([recording("a.csv", v=np.full(9, np.nan))])


def test_what_never_changes_is_named() -> None:
    pieces = [Segment("a", np.stack([day(n=50), np.full(50, 3.5)], 1), day(n=50)[:, None]) for _ in range(2)]
    [warning] = checks.constants(pieces, ["u", "c"], ["y"])
    assert "input c is 3.5 in all training data" in warning
    with pytest.raises(ValueError, match="output y is 0 in all training data: there is nothing to learn"):
        checks.constants([Segment("a", p.x, 0 * p.y) for p in pieces], ["u", "c"], ["y"])


@pytest.mark.parametrize(
    ("factor", "unit"),
    [(1000.0, "m and mm"), (1e-3, "m and mm"), (180 / np.pi, "degrees"), (1 / 25.4, "inch"), (9.80665, "g and m/s2")],
)
def test_a_change_of_unit_between_files_is_refused(factor: float, unit: str) -> None:
    files = [recording(f"{k}.csv", u=day(), v=day(factor if k == 3 else 1.0)) for k in range(6)]
    [error], warnings = checks.scale_jumps(files)
    assert error.startswith("3.csv: v is ")
    assert unit in error
    assert warnings == []


def test_an_idle_or_a_livelier_recording_is_not_a_change_of_unit() -> None:
    files = [recording(f"{k}.csv", v=RNG.normal(size=500) * s) for k, s in enumerate((1.0, 1.2, 0.9, 2.0, 0.6))]
    assert checks.scale_jumps(files) == ([], [])
    idle = recording("idle.csv", v=np.concatenate([RNG.normal(size=5) * 1e-3, np.zeros(495)]))
    errors, warnings = checks.scale_jumps([*files, idle])
    assert errors == []
    assert warnings == [] or warnings[0].startswith("idle.csv: v is ")
    errors, warnings = checks.scale_jumps([*files, recording("odd.csv", v=RNG.normal(size=500) * 333.0)])
    assert errors == []
    assert warnings[0].startswith("odd.csv: v is ")


def test_files_are_split_by_share_and_seed() -> None:
    names = [f"{k:02d}.csv" for k in range(20)]
    split = split_files(names, 1, [], [])
    assert (len(split.train), len(split.validation), len(split.test)) == (14, 3, 3)
    assert set(split.train) | set(split.validation) | set(split.test) == set(names)
    assert split == split_files(list(reversed(names)), 1, [], [])
    assert split != split_files(names, 2, [], [])
    assert split_files(names, 1, [], ["07.csv"]).test == ("07.csv",)
    with pytest.raises(ValueError, match=r"split=by_file needs at least three files, got 2: .*split=by_block"):
        split_files(["a", "b"], 1, [], [])
    with pytest.raises(ValueError, match=r"test part 'z.csv' is not in the data"):
        split_files(names, 1, [], ["z.csv"])


def test_blocks_of_different_sides_share_no_window() -> None:
    clock = np.arange(4000.0)[:, None]
    sides = blocks([Segment("a", clock, clock)], 3, 20)
    seen = {side: {int(v) for s in pieces for v in s.x[:, 0]} for side, pieces in sides.items()}
    assert all(len(values) > 300 for values in seen.values())
    for one, other in (("train", "validation"), ("train", "test"), ("validation", "test")):
        gap = min(abs(a - b) for a in seen[one] for b in seen[other] if abs(a - b) < 50) if seen[one] else 0
        assert gap > 20
    assert all(np.array_equal(np.diff(s.x[:, 0]), np.ones(len(s.x) - 1)) for p in sides.values() for s in p)


def test_files_of_another_rate_or_without_times_are_named() -> None:
    files = [recording(f"{k}.csv", v=day()) for k in range(4)]
    slow = Recording("slow.csv", {"v": Signal(np.arange(100) * 0.2, day(n=100))}, True)
    assert checks.other_rates(files) == []
    assert checks.other_rates([*files, slow]) == ["slow.csv: v has 5 samples a second, in the other files 10"]
    untimed = Recording("bare.csv", {"v": Signal(np.arange(100) * 1.0, day(n=100))}, False)
    with pytest.raises(ValueError, match=r"bare\.csv: no time column, where other files have one"):
        checks.other_rates([*files, untimed])
    assert checks.other_rates([untimed]) == []


def test_the_command_shows_columns_and_what_is_wrong(
    logs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cli.data(["table", f"{logs}/*.csv", "--json"])
    shown = json.loads(capsys.readouterr().out)
    assert list(shown["columns"]) == ["voltage", "speed", "temperature", "deflection"]
    assert shown["columns"]["temperature"]["hz"] == pytest.approx(5)
    assert shown["warnings"] == []
    rows = [row.split(",") for row in (logs / "run-1.csv").read_text().splitlines()]
    for row in rows[1:]:
        row[1] = repr(float(row[1]) * 1000)
    folder = Path(shutil.copytree(logs, tmp_path / "logs"))
    (folder / "run-1.csv").write_text("\n".join(map(",".join, rows)) + "\n")
    cli.data(["table", str(folder)])
    assert "warning: run-1.csv: voltage is " in capsys.readouterr().out
    with pytest.raises(SystemExit) as caught:
        cli.data(["table", str(tmp_path / "nowhere")])
    assert caught.value.code == 1
    assert capsys.readouterr().err.count("\n") == 1
