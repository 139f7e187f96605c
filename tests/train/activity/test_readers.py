"""Both layouts are read as they are written: one clock, right labels, and what is wrong is named."""

from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from learn_rt.train.activity import mmfit, pretend, utd
from learn_rt.train.activity.clock import at, covered, stretches
from learn_rt.train.activity.recordings import check_all, read_dataset, write_dataset


@pytest.fixture(scope="module")
def utd_raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("utd")
    pretend.write_utd(folder, seed=1, subjects=2, actions=3, trials=2)
    return folder


def write_workout(folder: Path, acc: np.ndarray, pose: np.ndarray, labels: str) -> Path:
    place = folder / "mm-fit" / "w03"
    place.mkdir(parents=True, exist_ok=True)
    np.save(place / "w03_sw_l_acc.npy", acc)
    np.save(place / "w03_pose_3d.npy", pose)
    (place / "w03_labels.csv").write_text(labels)
    return folder


def straight(n: int = 300, gap_at: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """A sensor whose x is the time [s], and joints whose x is it too; a second passes at `gap_at`."""
    seconds = np.arange(n) / 100.0
    if gap_at is not None:
        seconds[gap_at:] += 1.0
    acc = np.column_stack([np.floor(seconds * 30), 1.6e12 + seconds * 1e3, seconds, 0 * seconds, 0 * seconds + 9.8])
    frames = np.arange(int(seconds[-1] * 30) + 1, dtype=float)
    pose = np.zeros((3, len(frames), 18))
    pose[:, :, 0] = frames
    # A frame's time is the middle of the samples that carry its number.
    middles = [seconds[acc[:, 0] == f].mean() if (acc[:, 0] == f).any() else np.nan for f in frames]
    pose[0, :, 1:] = np.interp(frames, frames[~np.isnan(middles)], np.array(middles)[~np.isnan(middles)])[:, None]
    return acc, pose


def test_interpolation_between_clocks_is_exact_on_a_line() -> None:
    known = np.array([0.0, 1.0, 1.5, 4.0])
    values = np.stack([2 * known + 1, -known], 1)
    times = np.array([-1.0, 0.25, 1.2, 3.9, 9.0])
    inside = np.clip(times, 0, 4)
    assert at(times, known, values) == pytest.approx(np.stack([2 * inside + 1, -inside], 1))
    assert covered(times, known, 1.0).tolist() == [False, True, True, False, False]
    assert stretches(known, 0.75) == [slice(0, 1), slice(1, 3), slice(3, 4)]


def test_a_workouts_sensor_and_pose_come_on_one_clock(tmp_path: Path) -> None:
    acc, pose = straight()
    root = write_workout(tmp_path, acc, pose, "30,59,10,squats\n60,74,5,pushups\n")
    description, made = mmfit.read_mmfit(root)
    w = made["w03"]
    assert w.imu[:, 0] == pytest.approx(np.arange(300) / 100, abs=1e-4)
    seen = w.posed
    assert seen.mean() > 0.95
    assert w.pose[seen, 2, 0] == pytest.approx(w.imu[seen, 0], abs=1e-4)
    names = [description.classes[i] for i in w.label]
    frame = np.floor(np.arange(300) / 100 * 30 + 1e-6)
    assert [n == "squats" for n in names] == ((frame >= 30) & (frame <= 59)).tolist()
    assert names.count("pushups") == np.count_nonzero((frame >= 60) & (frame <= 74))
    assert names[0] == names[-1] == "non_activity"


def test_a_workout_is_read_to_its_end_and_cut_at_gaps(tmp_path: Path) -> None:
    acc, pose = straight(2500, gap_at=700)
    w = mmfit.read_mmfit(write_workout(tmp_path, acc, pose, ""))[1]["w03"]
    assert w.offsets.tolist() == [0, 700, 2500]
    assert w.imu[-1, 0] == pytest.approx(25.99, abs=1e-3)


def test_samples_sent_twice_count_once(tmp_path: Path) -> None:
    acc, pose = straight()
    w = mmfit.read_mmfit(write_workout(tmp_path, np.repeat(acc, 2, 0), pose, ""))[1]["w03"]
    assert w.imu[:, 0] == pytest.approx(np.arange(300) / 100, abs=1e-4)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ("30,20,1,squats\n", "line 1"),
        ("0,20,1,squats\n5,9,1,flying\n", "line 2"),
        ("0,20\n", "line 1"),
    ],
)
def test_a_wrong_label_names_its_line(tmp_path: Path, labels: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        mmfit.read_mmfit(write_workout(tmp_path, *straight(), labels))


def test_a_file_of_another_shape_is_named(tmp_path: Path) -> None:
    acc, pose = straight()
    with pytest.raises(ValueError, match=r"w03_sw_l_acc.npy must have shape \(n, 5\)"):
        mmfit.read_mmfit(write_workout(tmp_path, acc[:, :4], pose, ""))
    with pytest.raises(ValueError, match=r"w03_pose_3d.npy must have shape \(3, n, 18\)"):
        mmfit.read_mmfit(write_workout(tmp_path, acc, pose[:2], ""))
    acc[5, 3] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        mmfit.read_mmfit(write_workout(tmp_path, acc, pose, ""))


def test_matlab_clips_are_read_by_subject(utd_raw: Path) -> None:
    description, made = utd.read_utd(utd_raw)
    assert sorted(made) == ["s1", "s2"]
    assert [c.unit for c in description.channels] == ["g"] * 3 + ["deg/s"] * 3
    first = loadmat(utd_raw / "Inertial" / "a1_s2_t1_inertial.mat")["d_iner"]
    s2 = made["s2"]
    assert s2.imu[: len(first)] == pytest.approx(first, rel=1e-6)
    assert s2.label[: len(first)].tolist() == [0] * len(first)
    assert len(s2.offsets) == 1 + 3 * 2
    check_all(description, made)


def test_the_cameras_frames_span_the_clip(tmp_path: Path) -> None:
    for name in ("Inertial", "Skeleton"):
        (tmp_path / name).mkdir()
    savemat(tmp_path / "Inertial" / "a1_s1_t1_inertial.mat", {"d_iner": np.zeros((101, 6))})
    ramp = np.broadcast_to(np.linspace(0.0, 1.0, 38), (20, 3, 38))
    savemat(tmp_path / "Skeleton" / "a1_s1_t1_skeleton.mat", {"d_skel": ramp})
    read = utd.read_utd(tmp_path)[1]["s1"]
    truth = np.linspace(0.0, 1.0, 101)
    assert read.pose == pytest.approx(np.broadcast_to(truth[:, None, None], (101, 3, 3)), abs=1e-6)
    assert read.origin == pytest.approx(np.broadcast_to(truth[:, None], (101, 3)), abs=1e-6)
    assert read.posed.all()


def test_the_packed_clips_say_the_same_as_the_matlab_files(utd_raw: Path, tmp_path: Path) -> None:
    arrays: dict[str, list[np.ndarray]] = {"inertial": [], "skeleton": []}
    which = []
    for action in (1, 2, 3):
        for subject in (1, 2):
            for trial in (1, 2):
                name = f"a{action}_s{subject}_t{trial}"
                arrays["inertial"].append(loadmat(utd_raw / "Inertial" / f"{name}_inertial.mat")["d_iner"])
                body = loadmat(utd_raw / "Skeleton" / f"{name}_skeleton.mat")["d_skel"]
                arrays["skeleton"].append(body.transpose(2, 0, 1))
                which.append((action, subject, trial))
    packed = {key: np.concatenate(parts) for key, parts in arrays.items()}
    packed |= {f"{key}_offsets": np.cumsum([0, *map(len, parts)]) for key, parts in arrays.items()}
    np.savez(tmp_path / "clips.npz", **packed, action_subject_trial=np.array(which))
    one, other = utd.read_utd(utd_raw)[1], utd.read_utd(tmp_path / "clips.npz")[1]
    for subject in ("s1", "s2"):
        for key in ("imu", "pose", "origin", "posed", "label", "offsets"):
            assert np.array_equal(getattr(one[subject], key), getattr(other[subject], key)), key


def test_a_missing_skeleton_is_named(utd_raw: Path, tmp_path: Path) -> None:
    (tmp_path / "Inertial").mkdir()
    savemat(tmp_path / "Inertial" / "a1_s1_t1_inertial.mat", {"d_iner": np.zeros((100, 6))})
    with pytest.raises(ValueError, match=r"a1_s1_t1_skeleton\.mat is missing"):
        utd.read_utd(tmp_path)


def test_a_dataset_comes_back_as_it_was_written_and_damage_is_noticed(utd_raw: Path, tmp_path: Path) -> None:
    description, made = utd.read_utd(utd_raw)
    write_dataset(tmp_path / "d", description, made)
    again, found, sha = read_dataset(tmp_path / "d")
    assert again == description
    assert np.array_equal(found["s1"].imu, made["s1"].imu)
    assert read_dataset(tmp_path / "d", ["s2"])[2] == sha
    path = tmp_path / "d" / "s1.npz"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"s1.npz is not the file"):
        read_dataset(tmp_path / "d")


def test_a_folder_with_other_things_is_left_alone(utd_raw: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.npz").write_text("mine")
    with pytest.raises(ValueError, match="something other"):
        write_dataset(tmp_path, *utd.read_utd(utd_raw))
    assert (tmp_path / "thesis.npz").read_text() == "mine"
