"""A session over several versions of its model, as the server goes from one to the next inside the envelope."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from learn_rt import runtime
from learn_rt.record.incidents import SWAPPING
from learn_rt.record.sessions import Rows, SessionPart
from learn_rt.recording import Kind, Recording
from learn_rt.spec import Spec

LIMITED = 1 << 2  # Flag bit
Answered = tuple[Rows, NDArray[np.float32], NDArray[np.uint32], NDArray[np.bool_]]


def swapped_answers(recording: Recording, part: SessionPart, models: Mapping[int, Any]) -> Answered:
    """Return the rows of a part, and what its versions answer to them: values (n, n_outputs), flags (n,), known (n,).

    Each version is given all samples of the session. From the first swap on the answers pass one envelope, which goes
    on from what was given out before. An answer to a flush is one to the last sample again. Not known is a crossfade
    that the recording's end cut: how long it was to be is not told.
    """
    rows = np.sort(np.concatenate([np.concatenate([a.steps, a.flushes]) for a in part.asked]))
    table = recording.rows[rows]
    samples = _standing(table)
    fed = np.ascontiguousarray(recording.rows["inputs"][part.fed])
    whole = {}
    for version in np.unique(table["version"]).tolist():
        session = models[version].session()
        session.begin(part.rest)
        session.run(fed)
        whole[version] = session.run(samples)
    versions = table["version"]
    known = np.ones(len(rows), bool)
    changes = np.flatnonzero(np.diff(versions)) + 1
    answers, flags = whole[int(versions[0])][0].copy(), whole[int(versions[0])][1].copy()
    for begin, end in zip(changes, [*changes[1:], len(rows)], strict=True):
        old, new = int(versions[begin - 1]), int(versions[begin])
        answers[begin:end], flags[begin:end] = whole[new][0][begin:end], whole[new][1][begin:end]
        n = _fading(table["flags"][begin:end])
        known[begin:end] = n < end - begin or end < len(rows)
        mixed = slice(begin, begin + n)
        share = (np.arange(1, n + 1, dtype=np.float32) / np.float32(n + 1))[:, None]
        before = whole[old][0][mixed]
        answers[mixed] = before + share * (whole[new][0][mixed] - before)
        flags[mixed] = whole[old][1][mixed] | whole[new][1][mixed] | SWAPPING
        # What was given out is taken as recorded: one wrong answer is one difference, and not all that follow.
        given = table["outputs"][max(0, begin - 2) : begin]
        _limit(recording.spec, given, answers[begin:end], flags[begin:end])
    return rows, answers, flags, known


def _standing(table: NDArray[np.void]) -> NDArray[np.float32]:
    """Return each row's sample (n, n_features); of a flush, the last one before."""
    last = np.maximum.accumulate(np.where(table["kind"] == Kind.STEP, np.arange(len(table)), 0))
    return np.ascontiguousarray(table["inputs"][last])


def _fading(flags: NDArray[np.uint32]) -> int:
    """Return how many answers at the beginning are between those of two versions."""
    plain = np.flatnonzero(flags & SWAPPING == 0)
    return int(plain[0]) if len(plain) else len(flags)


def _limit(spec: Spec, given: NDArray[np.float32], answers: NDArray[np.float32], flags: NDArray[np.uint32]) -> None:
    """Bring answers into the envelope that goes on from the last two given."""
    column = 0
    for signal in spec.outputs:
        for _ in range(signal.size):
            if signal.envelope is not None:
                limiter = runtime.EnvelopeLimiter(signal.envelope, spec.dt_s)
                limiter.resume(float(given[0, column]), float(given[-1, column]))
                wanted = np.ascontiguousarray(answers[:, column])
                answers[:, column] = limiter.limit(wanted)
                flags[answers[:, column] != wanted] |= LIMITED
            column += 1
