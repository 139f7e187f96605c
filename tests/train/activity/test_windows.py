"""Windows: where they lie, what they are called, and that none crosses a gap."""

import numpy as np
import torch

from learn_rt.train.activity.recordings import Recording
from learn_rt.train.activity.windows import Windows


def recording(label: list[int], offsets: list[int], first: float = 0.0) -> Recording:
    n = len(label)
    ramp = (first + np.arange(n, dtype=np.float32))[:, None]
    return Recording(
        imu=np.concatenate([ramp, -ramp], 1),
        pose=np.zeros((n, 1, 3), np.float32),
        origin=np.zeros((n, 3), np.float32),
        posed=np.ones(n, bool),
        label=np.array(label, np.int16),
        offsets=np.array(offsets, np.int64),
    )


def windows(parts: dict[str, Recording], length: int = 4, stride: int = 2, purity: float = 0.5) -> Windows:
    return Windows(parts, [0], length, stride, purity, 3)


def test_no_window_crosses_a_gap_or_two_recordings() -> None:
    made = windows({"a": recording([0] * 11, [0, 5, 11]), "b": recording([1] * 4, [0, 4], first=100.0)})
    imu, _, _, labels = made.take(torch.arange(len(made)))
    assert imu[:, 0, 0].tolist() == [0, 5, 7, 100]
    assert torch.equal(imu[:, :, 0] - imu[:, :1, 0], torch.arange(4.0).expand(4, 4))
    assert labels.tolist() == [0, 0, 0, 1]
    assert made.clips.tolist() == [0, 1, 1, 2]


def test_a_window_is_called_what_most_of_its_samples_are() -> None:
    made = windows({"a": recording([0, 0, 0, 1, 1, 1, 1, 2], [0, 8])}, stride=1, purity=0.7)
    assert made.starts.tolist() == [0, 2, 3, 4]
    assert made.labels.tolist() == [0, 1, 1, 1]


def test_windows_without_a_label_are_left_out() -> None:
    made = windows({"a": recording([-1, -1, -1, 0, 0, 0], [0, 6])}, stride=1)
    assert made.starts.tolist() == [1, 2]
    assert len(windows({"a": recording([-1] * 6, [0, 6])})) == 0


def test_shifted_windows_stay_in_their_stretch() -> None:
    made = windows({"a": recording([0] * 12, [0, 6, 12])}, stride=1)
    which = torch.arange(len(made))
    for shift in (-100, 100):
        first = made.take(which, torch.full((len(made),), shift))[0][:, 0, 0]
        assert first.tolist() == ([0, 0, 0, 6, 6, 6] if shift < 0 else [2, 2, 2, 8, 8, 8])
