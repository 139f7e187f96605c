"""Raw recordings become two cycles of 30 frames, and what cannot is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from learn_rt.train.gait import synthetic
from learn_rt.train.gait.pose import FRAME_S, INDEX, JOINTS, N_DOF
from learn_rt.train.gait.refine import Refused, phases, refine_file, refine_motion, write_npz

KNEE = JOINTS[INDEX["TibiaR"]]


def recording(n: int = 160, start: float = 0.4, a_frame: float = 1 / 33) -> np.ndarray:
    """Return a raw recording (n, 57) whose knee angle and way ahead are straight lines of the phase."""
    phase = start + np.arange(n) * a_frame
    raw = np.zeros((n, N_DOF + 1))
    raw[:, KNEE.dof] = 0.1 * phase[:, None]
    raw[:, 4] = 0.02
    raw[:, 5] = 1.3 * phase
    raw[:, N_DOF] = phase % 1.0
    return raw


def test_frames_are_evenly_spaced_in_phase_from_the_first_whole_cycle_on() -> None:
    refined = refine_motion(recording(start=0.4))
    assert refined.shape == (60, 101)
    # the first whole cycle begins where the recording's own phase first is 1
    np.testing.assert_allclose(refined[:, KNEE.pose][:, 0], 0.1 * (1.0 + phases()), atol=1e-12)
    np.testing.assert_allclose(refined[:, 7], 0.02, atol=1e-12)
    # steps stay those of a frame of 1/30 s, not of a thirtieth of the cycle
    np.testing.assert_allclose(refined[:, 8], 1.3 / 33, atol=1e-12)


def test_a_recording_that_begins_a_cycle_gives_its_second_one() -> None:
    refined = refine_motion(recording(start=0.0))
    np.testing.assert_allclose(refined[:, KNEE.pose][:, 0], 0.1 * (1.0 + phases()), atol=1e-12)


def test_synthetic_recordings_refine_to_the_synthetic_sequences() -> None:
    """Two ways to the same frames: the only difference is that poses are blended on straight lines."""
    rng = np.random.default_rng(5)
    values = synthetic.draw_parameters(6, rng)
    for raw, expected in zip(synthetic.raw(values, 170, rng), synthetic.refined(values), strict=True):
        off = refine_motion(raw) - expected
        assert np.abs(off).max() < 0.03
        assert np.sqrt(np.square(off).mean()) < 2e-3


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda raw: raw[:80], "two whole cycles are needed"),
        (lambda raw: raw * np.nan, "must be finite"),
        (lambda raw: raw + 2.0, "phases from 0 to 1"),
    ],
)
def test_a_recording_without_two_whole_cycles_is_refused(spoil: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        refine_motion(spoil(recording()))  # type: ignore[operator]


def test_a_file_gives_a_sequence_for_each_good_recording_and_a_cause_for_each_other(tmp_path: Path) -> None:
    recordings = [recording(), recording(100), recording(start=0.9), recording(150, a_frame=1 / 80)]
    params = np.arange(8.0).reshape(4, 2)
    write_npz(
        tmp_path / "raw.npz",
        params=params,
        motions=np.concatenate(recordings),
        lengths=np.array([len(r) for r in recordings]),
    )
    refused: list[Refused] = []
    made = list(refine_file(tmp_path / "raw.npz", 2, refused))
    assert [row.tolist() for row, _ in made] == [[0.0, 1.0], [4.0, 5.0]]
    assert [(r.number, r.cause.split(",")[0]) for r in refused] == [
        (1, "100 frames"),
        (3, "two whole cycles are needed"),
    ]
    np.testing.assert_allclose(made[1][1], refine_motion(recordings[2]), atol=1e-6)


def test_bodies_walk_ahead_on_feet_that_stand_and_do_not_slide() -> None:
    rng = np.random.default_rng(7)
    values = synthetic.draw_parameters(40, rng)
    made = synthetic.cycles(values)
    assert (made.speed > 0.4).all()
    assert (made.speed < 2.2).all()
    sequences = synthetic.refined(values)
    # both cycles are the same, and the step from the last frame to the first is one like the others
    np.testing.assert_allclose(sequences[:, :30], sequences[:, 30:], atol=1e-5)
    jump = np.abs(sequences[:, 0] - sequences[:, 59]).max(0)
    assert (jump <= 1.5 * np.abs(np.diff(sequences, axis=1)).max((0, 1)) + 1e-6).all()
    way = sequences[:, :30, 8].mean(1) / FRAME_S
    np.testing.assert_allclose(way, made.speed, rtol=1e-3)


def test_a_weak_muscle_shows_where_clinics_see_it() -> None:
    p = synthetic.synthetic_parameters()
    values = np.ones((4, len(p)))
    weak = ("muscle_force_L_Tibialis_Anterior", "muscle_force_R_Soleus", "muscle_force_R_Gluteus_Medius")
    for row, name in enumerate(weak, 1):
        values[row, p.index(name)] = 0.05
    dof = synthetic.cycles(values).dof
    ankle = {side: dof[:, :, JOINTS[INDEX[f"Talus{side}"]].dof][..., 0] for side in "RL"}
    swing_left, push_right = slice(9, 13), slice(17, 21)  # frames of 30
    assert (ankle["L"][1, swing_left] > ankle["L"][0, swing_left] + np.radians(10)).all()  # the foot drops
    np.testing.assert_allclose(ankle["R"][1], ankle["R"][0], atol=1e-12)  # the other does not
    assert ankle["R"][2, push_right].max() < ankle["R"][0, push_right].max() - np.radians(5)  # less push
    roll = dof[:, :, JOINTS[INDEX["Pelvis"]].dof][..., 2]
    assert roll[3, 3:9].min() < roll[0, 3:9].min() - np.radians(4)  # the pelvis drops to the left
