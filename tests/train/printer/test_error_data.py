"""What the error model learns from: recordings, their split, windows in them, prepared samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch

from learn_rt.train.printer.error.ceiling import ceiling
from learn_rt.train.printer.error.figures import figures
from learn_rt.train.printer.error.prepared import is_prepared, read_prepared
from learn_rt.train.printer.error.recordings import Recording, Ticks, read_recordings
from learn_rt.train.printer.error.split import LayerSplit, describe, select, split_layers
from learn_rt.train.printer.error.windows import Windows
from learn_rt.train.printer.firmware import FirmwareEffects
from learn_rt.train.printer.machine import load_machine
from learn_rt.train.printer.part import Options, simulate_part

ENDER = load_machine("ender3v2")
# The columns of the simulator that came before: no feature, no filament.
SEED_COLUMNS = (
    *("time", "x_ref", "y_ref", "z_ref", "x_act", "y_act", "vx_ref", "vy_ref", "ax_ref", "jx_ref", "error_x"),
    *("error_y", "error_magnitude", "error_direction", "is_extruding", "is_travel", "layer_num"),
)


def layer_file(path: Path, n: int = 40, **changed: Any) -> Path:
    """A MATLAB 7.3 layer as the simulator before this one wrote it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values: dict[str, Any] = {name: np.arange(n) * 0.5 for name in SEED_COLUMNS}
    values |= {"time": np.arange(n) * 0.01, "is_extruding": np.ones(n)} | changed
    with h5py.File(path, "w", userblock_size=512) as file:
        group = file.create_group("simulation_data")
        for name, column in values.items():
            if column is not None:
                group[name] = np.asarray(column)[None]
        group.create_group("params")
    return path


def recording(part: str = "p", layer: int = 1, n: int = 30, answered: Any = True) -> Recording:
    samples = np.arange(4 * n, dtype=np.float32).reshape(n, 4)
    marks = np.broadcast_to(np.asarray(answered), n).copy()
    return Recording(part, layer, samples, samples[:, :2] / 10, marks)


def test_files_of_the_simulator_before_are_read_with_every_tick_a_walls(tmp_path: Path) -> None:
    layer_file(tmp_path / "benchy" / "layer07_ender3v2.mat", is_extruding=np.arange(40) % 2)
    said: list[str] = []
    (read,) = read_recordings(tmp_path, "ender3v2", 0.01, Ticks.walls, said.append)
    assert (read.part, read.layer, read.samples.shape) == ("benchy", 7, (40, 4))
    assert read.answered.tolist() == [False, True] * 20
    assert (read.errors[:, 0] == np.arange(40, dtype=np.float32) * 0.5).all()
    assert len(said) == 1
    assert "benchy" in said[0]
    (everything,) = read_recordings(tmp_path, "ender3v2", 0.01, Ticks.all)
    assert everything.answered.all()


@pytest.mark.parametrize(
    ("name", "changed", "said"),
    [
        ("layer01_other.mat", {}, "machine"),
        ("layer01_ender3v2.mat", {"time": np.arange(40) * 0.002}, "--rate 100"),
        ("layer01_ender3v2.mat", {"time": np.r_[np.arange(20), np.arange(30, 50)] * 0.01}, "without a gap"),
        ("layer01_ender3v2.mat", {"vx_ref": None}, "not a layer"),
        ("layer01_ender3v2.mat", {"error_x": np.full(40, np.nan)}, "error_x"),
        ("layer01_ender3v2.mat", {"x_ref": np.zeros(39)}, "x_ref"),
        ("layerXX_ender3v2.mat", {}, "layer07_ender3v2.mat"),
    ],
)
def test_a_bad_layer_is_refused_by_name(tmp_path: Path, name: str, changed: dict[str, Any], said: str) -> None:
    layer_file(tmp_path / "part" / name, **changed)
    with pytest.raises(ValueError, match=said) as caught:
        read_recordings(tmp_path, "ender3v2", 0.01, Ticks.walls)
    assert name in str(caught.value)


def test_a_folder_without_layers_says_what_belongs_there(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="learn-data printer writes them"):
        read_recordings(tmp_path, "ender3v2", 0.01, Ticks.walls)


def test_blocks_of_layers_and_a_whole_part_are_held_out() -> None:
    everything = [recording("big", k, 60) for k in range(1, 101)] + [recording("small", k) for k in range(1, 31)]
    sides = split_layers(everything, LayerSplit(block=10), seed=3)
    said = describe(sides)
    assert said["part"] == {"small": "1-30"}
    assert set(said["train"]) == set(said["test"]) == set(said["validation"]) == {"big"}
    layers = {side: {r.layer for r in sides[side]} for side in ("train", "validation", "test")}
    assert len(layers["test"]) == len(layers["validation"]) == 10
    for side in ("validation", "test"):  # contiguous, and no neighbour of a held-out layer is learned from
        assert max(layers[side]) - min(layers[side]) == 9
        assert not {k + d for k in layers[side] for d in (-1, 0, 1)} & layers["train"]
    assert not layers["test"] & layers["validation"]
    assert describe(split_layers(everything, LayerSplit(block=10), seed=3)) == said
    assert {r.layer for r in select(everything, said["test"], "data")} == layers["test"]


def test_named_parts_are_held_out_and_others_are_an_error() -> None:
    everything = [recording(part, k) for part in "abc" for k in range(1, 13)]
    sides = split_layers(everything, LayerSplit(block=2, parts=["b", "c"]), seed=0)
    assert {r.part for r in sides["part"]} == {"b", "c"}
    with pytest.raises(ValueError, match="'d' is not in the data"):
        split_layers(everything, LayerSplit(parts=["d"]), seed=0)
    with pytest.raises(ValueError, match=r"split\.block"):
        split_layers(everything, LayerSplit(block=12, parts=["b"]), seed=0)
    with pytest.raises(ValueError, match="data: the held-out part z"):
        select(everything, {"z": "1"}, "data")


def test_windows_stay_inside_their_recording_and_end_where_something_is_answered() -> None:
    marks = np.arange(30) % 3 == 0
    data = Windows([recording(n=30, answered=marks), recording(n=5), recording(n=12)], window=10, ahead=0)
    assert data.ends.tolist() == [9, 12, 15, 18, 21, 24, 27, 35 + 9, 35 + 10, 35 + 11]
    assert torch.equal(data.raw(torch.tensor([12]))[0], data.samples[3:13])
    first_of_third = data.raw(torch.tensor([44]))[0]
    assert torch.equal(first_of_third, torch.arange(40.0).reshape(10, 4))


def test_looking_ahead_takes_the_target_of_a_later_tick() -> None:
    marks = np.arange(30) >= 20
    data = Windows([recording(n=30, answered=marks)], window=10, ahead=2)
    assert data.ends.tolist() == list(range(18, 28))
    source = recording(n=30)
    assert torch.equal(data.targets[data.ends], torch.from_numpy(source.errors[20:30]))


@pytest.mark.parametrize(("answers", "stride"), [(1, 1), (1, 4), (5, 1), (5, 2)])
def test_passes_tile_every_recording_and_shift_each_time(answers: int, stride: int) -> None:
    data = Windows([recording(n=200), recording(n=8), recording(n=90)], window=10, ahead=0)
    generator = torch.Generator().manual_seed(1)
    met = torch.zeros(len(data.samples), dtype=torch.long)
    for _ in range(60):
        ends = data.passes(answers, stride, generator)
        newest = data.ticks(ends, answers).flatten()
        assert len(newest.unique()) == len(newest)
        assert (data.room[data.ticks(ends, 10 + answers - 1)[:, 0]] >= 0).all()
        assert (data.room[newest] >= 9).all()
        met[newest] += 1
    assert (met[data.ends] > 0).all()
    assert met.sum() == met[data.ends].sum()
    assert met[data.ends].float().mean() * stride == pytest.approx(60, rel=0.12)


def sample(path: Path, **changed: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    contents = {"input_features": torch.randn(8, 4) * 9 + 50, "targets": torch.randn(2), "metadata": {"layer": 1}}
    torch.save({k: v for k, v in (contents | changed).items() if v is not None}, path)


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    for side, n in (("train", 5), ("val", 3), ("test", 4)):
        for i in range(n):
            sample(tmp_path / side / f"sample_{i:05d}.pt")
    return tmp_path


def test_prepared_samples_are_windows_of_which_the_last_tick_is_answered(prepared: Path) -> None:
    assert is_prepared(prepared)
    sides = read_prepared(prepared, 8)
    assert {side: len(found) for side, found in sides.items()} == {"train": 5, "validation": 3, "test": 4}
    data = Windows(sides["test"], 8, 0)
    assert data.ends.tolist() == [7, 15, 23, 31]
    stored = torch.load(prepared / "test" / "sample_00002.pt", weights_only=True)
    assert torch.equal(data.raw(data.ends)[2], stored["input_features"])
    assert torch.equal(data.targets[data.ends][2], stored["targets"])


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"input_features": torch.zeros(9, 4)}, "net.window=9"),
        ({"input_features": torch.zeros(8, 5)}, r"\(8, 4\)"),
        ({"input_features": torch.full((8, 4), torch.nan)}, "finite"),
        ({"input_features": None}, "must hold"),
        ({"targets": torch.zeros(3)}, r"\(2,\)"),
        ({"targets": "no"}, "tensor of floats"),
    ],
)
def test_a_bad_prepared_sample_is_refused_by_name(prepared: Path, changed: dict[str, Any], said: str) -> None:
    sample(prepared / "val" / "sample_00001.pt", **changed)
    with pytest.raises(ValueError, match=said) as caught:
        read_prepared(prepared, 8)
    assert "sample_00001.pt" in str(caught.value)


def test_a_prepared_sample_that_is_code_is_refused(prepared: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
            return (Path.touch, (prepared / "evil",))

    torch.save({"input_features": Evil(), "targets": torch.zeros(2)}, prepared / "train" / "sample_00000.pt")
    with pytest.raises(ValueError, match="sample_00000"):
        read_prepared(prepared, 8)
    assert not (prepared / "evil").exists()


def test_samples_that_are_standard_scores_already_are_refused(prepared: Path) -> None:
    for i in range(5):
        sample(prepared / "train" / f"sample_{i:05d}.pt", input_features=torch.randn(8, 4) * 0 + _scores(i))
    with pytest.raises(ValueError, match="standard scores"):
        read_prepared(prepared, 8)


def _scores(i: int) -> torch.Tensor:
    column = torch.linspace(-1.7, 1.7, 40)[i::5]
    return column[:, None].expand(8, 4)


def test_the_ceiling_is_what_the_best_predictor_reaches(tmp_path: Path) -> None:
    """Against predictors that know the plant exactly: its errors are simulated once more without the effects."""
    source = Path(__file__).parents[3] / "examples" / "star.gcode"
    options = Options(ENDER, rate_hz=100, plant="linear", planner="rest", effects=True, seed=5, layers="1-2")
    simulate_part(source, tmp_path / "effects" / "star", options)
    simulate_part(source, tmp_path / "none" / "star", replace(options, effects=False))
    recordings = read_recordings(tmp_path / "effects", "ender3v2", 0.01, Ticks.all)
    plain = read_recordings(tmp_path / "none", "ender3v2", 0.01, Ticks.all)
    found = ceiling(tmp_path / "effects", recordings, 0)
    assert found is not None
    path = np.concatenate([r.samples for r in recordings]).astype(float)
    errors, plant = (np.concatenate([r.errors for r in rs]).astype(float) for rs in (recordings, plain))

    def effects(seed: int, phases: Any = None) -> Any:
        return FirmwareEffects(ENDER, seed, phases).error_at(path[:, :2], path[:, 2:])

    own = np.mean([effects(100 + k, FirmwareEffects(ENDER, 5).phases) for k in range(50)], 0)
    knowing = 1 - np.square(errors - plant - own).mean() / errors.var()
    assert 0.8 < (1 - knowing) / (1 - found["r2"]) < 3  # what is left is 1e-8: float32's positions are seen in it
    others = np.stack([plant + effects(200 + k) for k in range(100)])
    blind = 1 - np.square(others - plant).mean() / others.var()
    assert found["new_phases_r2"] == pytest.approx(blind, abs=0.03)
    assert 0 < found["new_phases_r2"] < 0.5 < 0.999 < found["r2"] < 1
    assert ceiling(tmp_path / "none", plain, 0) is None


def test_nobody_knows_the_ceiling_of_what_was_not_simulated_here(tmp_path: Path) -> None:
    layer_file(tmp_path / "part" / "layer01_ender3v2.mat")
    assert ceiling(tmp_path, read_recordings(tmp_path, "ender3v2", 0.01, Ticks.all), 0) is None


def test_figures_have_percentiles_of_what_is_left() -> None:
    targets = torch.linspace(-1, 1, 101)[:, None].expand(101, 2).clone()
    predicted = targets.clone()
    predicted[:, 1] += torch.arange(101) / 1e3  # 0 to 100 um too much
    found = figures(predicted, targets, ("x", "y"))
    assert found["outputs"]["x"]["r2"] == pytest.approx(1)
    assert found["outputs"]["y"]["percentiles_um"]["p90"] == pytest.approx(90, abs=0.01)
    assert found["outputs"]["y"]["percentiles_um"]["max"] == pytest.approx(100, abs=0.01)
    assert found["percentiles_um"]["p50"] == pytest.approx(0, abs=0.01)
    assert found["outputs"]["x"]["planned_rms_um"] == pytest.approx(583, abs=1)
