"""What the control loop was given, judged by what a client promises."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from learn_rt.record.incidents import BY_POLICY
from learn_rt.recording import Kind, Recording

LIMITED = 1 << 2


@dataclass(frozen=True)
class Given:
    """Values handed out, counted; `outside`: those that left the envelope in value, rate or second difference."""

    values: int
    unchanged: int  # the model's answer, bit for bit
    limited: int  # the model's answer, brought into the envelope on the way back from a policy's
    policy: int  # late, disconnected, of a sample that was not fit, or after a fault latched
    not_recorded: int  # answers that the file no longer holds
    wrong: int  # said to be the model's unchanged answer, and not it
    outside: int


def given(recording: Recording) -> Given | None:
    """Return the count of a client's recording, or None of a server's."""
    if recording.handed_out is None:
        return None
    handed = recording.handed_out.rows
    policy = handed["flags"] & sum(BY_POLICY) != 0
    steps = recording.rows[recording.rows["kind"] == Kind.STEP]
    order = np.argsort(steps["sequence"], kind="stable")
    sequences = steps["sequence"][order]
    place = np.searchsorted(sequences, handed["sequence"])
    known = np.zeros(len(handed), bool)
    if len(steps):
        place = np.minimum(place, len(steps) - 1)
        known = sequences[place] == handed["sequence"]
        same = handed["outputs"].view(np.uint32) == steps["outputs"][order][place].view(np.uint32)
    else:
        same = np.zeros((len(handed), 1), bool)
    whole = same.all(axis=1) & known & ~policy
    limited = ~policy & known & ~whole & (handed["flags"] & LIMITED != 0)
    return Given(
        values=len(handed),
        unchanged=int(whole.sum()),
        limited=int(limited.sum()),
        policy=int(policy.sum()),
        not_recorded=int((~policy & ~known).sum()),
        wrong=int((~policy & known & ~whole & ~limited).sum()),
        outside=_outside(recording),
    )


def _outside(recording: Recording) -> int:
    """Return how many ticks left the envelope: bounds as of the spec, give or take the spacing of float32."""
    assert recording.handed_out is not None
    values = recording.handed_out.rows["outputs"].astype(np.float64)
    out = np.zeros(len(values), bool)
    column = 0
    for s in recording.spec.outputs:
        for _ in range(s.size):
            y, column = values[:, column], column + 1
            if s.envelope is None:
                continue
            spacing = float(np.spacing(np.float32(s.envelope.value)))
            rate, second = s.envelope.rate * recording.spec.dt_s, s.envelope.second * recording.spec.dt_s**2
            out |= np.abs(y) > s.envelope.value + spacing
            out[1:] |= np.abs(np.diff(y)) > rate + 2 * spacing
            out[2:] |= np.abs(np.diff(y, 2)) > second + 4 * spacing
    return int(out.sum())
