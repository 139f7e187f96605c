"""Rollout files: what is read from them, and what is refused in one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from learn_rt.train.cost.rollouts import find_files, read_rollouts, read_table
from learn_rt.train.cost.simulate import COT, NOMINAL, cost, simulate
from learn_rt.train.cost.split import SplitConfig, split_rows
from learn_rt.train.cost.writing import write_rollouts

OPENMETABOLICS = Path(__file__).parents[4] / "shared" / "data" / "cost" / "openmetabolics_rollout_schema.h5"


def write(path: Path, names: list[str], rows: dict[str, tuple[list[float], dict[str, Any]]]) -> Path:
    with h5py.File(path, "w") as file:
        file["parameter_names"] = names
        file.create_group("metadata")
        for key, (state, attributes) in rows.items():
            group = file.create_group(key)
            group["param_state"] = np.array(state)
            group.attrs.update(attributes)
    return path


@pytest.fixture
def two_files(tmp_path: Path) -> Path:
    one = {
        "param_10": ([1.0, 2.0], {"success": True, COT: 3.0, "subject": "S1"}),
        "param_2": ([4.0, 5.0], {"success": True, COT: 6.0, "subject": "S2"}),
        "param_3": ([7.0, 8.0], {"success": False}),
    }
    # The second file's columns lie the other way round, and its groups are named as sweeps name them.
    other = {"param_0.0": ([9.0, 10.0], {COT: 11.0, "subject": "S1"})}
    write(tmp_path / "a.h5", ["gait_stride", "gait_cadence"], one)
    write(tmp_path / "b.hdf5", ["gait_cadence", "gait_stride"], other)
    (tmp_path / "notes.txt").write_text("no data")
    return tmp_path


def test_files_are_joined_by_name_and_failed_rollouts_passed_over(two_files: Path) -> None:
    files = find_files(str(two_files))
    assert [f.name for f in files] == ["a.h5", "b.hdf5"]
    table = read_table(files, ["gait_cadence", "gait_stride"], ["cot"], {"cot": COT}, "subject")
    assert table.inputs.tolist() == [[5.0, 4.0], [2.0, 1.0], [9.0, 10.0]]
    assert table.outputs.tolist() == [[6.0], [3.0], [11.0]]
    assert table.groups.tolist() == ["S2", "S1", "S1"]
    assert table.passed_over == 1


def test_a_pattern_and_a_single_file_are_data_too(two_files: Path) -> None:
    assert [f.name for f in find_files(str(two_files / "*.h5"))] == ["a.h5"]
    assert [f.name for f in find_files(str(two_files / "b.hdf5"))] == ["b.hdf5"]
    with pytest.raises(ValueError, match=r"no file \*\.h5 or \*\.hdf5"):
        find_files(str(two_files / "*.mat"))


@pytest.mark.parametrize(
    ("inputs", "outputs", "by", "said"),
    [
        (["gait_speed"], [COT], "", "a.h5:param_2 has no 'gait_speed'; it has gait_stride, gait_cadence"),
        (["gait_stride"], ["metabolic/power"], "", "no 'metabolic/power'"),
        (["gait_stride"], ["subject"], "", "'subject' must be a number"),
        (["gait_stride"], [COT], "shoe", "no 'shoe' to split by"),
    ],
)
def test_a_name_that_is_not_there_is_told_with_those_that_are(
    inputs: list[str], outputs: list[str], by: str, said: str, two_files: Path
) -> None:
    with pytest.raises(ValueError, match=said):
        read_table(find_files(str(two_files)), inputs, outputs, {}, by)


def test_damage_is_told_with_its_place(tmp_path: Path) -> None:
    plain = tmp_path / "plain.h5"
    plain.write_text("not HDF5")
    with pytest.raises(ValueError, match=r"plain\.h5: not an HDF5 file"):
        list(read_rollouts(plain))
    with pytest.raises(ValueError, match="param_0/param_state must hold 2 numbers"):
        list(read_rollouts(write(tmp_path / "short.h5", ["a", "b"], {"param_0": ([1.0], {})})))
    with pytest.raises(ValueError, match="must be distinct"):
        list(read_rollouts(write(tmp_path / "twice.h5", ["a", "a"], {"param_0": ([1.0, 2.0], {})})))
    with pytest.raises(ValueError, match="no rollout"):
        list(read_rollouts(write(tmp_path / "none.h5", ["a"], {})))
    unnamed = tmp_path / "unnamed.h5"
    with h5py.File(unnamed, "w") as file:
        file.create_group("param_0")
    with pytest.raises(ValueError, match="parameter_names must be"):
        list(read_rollouts(unnamed))
    nan = write(tmp_path / "nan.h5", ["a"], {"param_0": ([np.nan], {COT: 1.0})})
    with pytest.raises(ValueError, match="param_0: a must be finite"):
        read_table([nan], ["a"], [COT], {}, "")
    failed = write(tmp_path / "failed.h5", ["a"], {"param_0": ([1.0], {"success": False})})
    with pytest.raises(ValueError, match="no rollout that succeeded"):
        read_table([failed], ["a"], [COT], {}, "")


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    made = list(simulate(20, 3, ("gait_stride",), 0.05, 0.3))
    assert write_rollouts(tmp_path / "r.h5", made, {"source": "test"}) == 20
    read = list(read_rollouts(tmp_path / "r.h5"))
    assert [r.state for r in read] == [r.state for r in made]
    assert [r.attributes for r in read] == [r.attributes for r in made]
    assert 0 < sum(not r.success for r in read) < 20
    assert [p.name for p in tmp_path.iterdir()] == ["r.h5"]


def test_a_simulated_walker_has_a_best_gait_and_a_weak_one_pays_more() -> None:
    cadences = np.linspace(0.3, 1.6, 60)
    costs = [cost(NOMINAL | {"gait_cadence": c}) for c in cadences]
    assert 0 < int(np.argmin(costs)) < 59
    assert 2.0 < cost(NOMINAL) < 4.0  # J/kg/m, as measured in walking
    assert cost(NOMINAL | {"strength_ankle": 0.5}) > 1.05 * cost(NOMINAL)
    with pytest.raises(ValueError, match="body_mass cannot be varied"):
        next(simulate(1, 0, ("body_mass",), 0.0, 0.0))


def test_a_split_keeps_groups_together_and_is_the_seeds() -> None:
    groups = np.array([f"S{i % 10}" for i in range(200)])
    sides = split_rows(groups, SplitConfig(0.2, 0.1), seed=5)
    names = [set(groups[rows]) for rows in (sides.train, sides.validation, sides.test)]
    assert [len(n) for n in names] == [7, 2, 1]
    assert len(names[0] | names[1] | names[2]) == 10
    again, other = (split_rows(groups, SplitConfig(0.2, 0.1), seed=s) for s in (5, 6))
    assert again.test.tolist() == sides.test.tolist() != other.test.tolist()
    whole = split_rows(groups, SplitConfig(0.0, 0.0), seed=5)
    assert len(whole.train) == 200
    with pytest.raises(ValueError, match="too few"):
        split_rows(groups[:1], SplitConfig(), seed=5)


@pytest.mark.skipif(not OPENMETABOLICS.exists(), reason="measured rollouts are not there")
def test_measured_rollouts_are_read() -> None:
    table = read_table([OPENMETABOLICS], ["gait_stride", "gait_cadence"], [COT], {}, "subject")
    assert table.inputs.shape == (146, 2)
    assert len(set(table.groups)) == 35
    assert 2.0 < table.outputs.min() < table.outputs.max() < 6.0
