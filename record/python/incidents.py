"""What happened in a recording beside plain answers: sessions that began, gaps, refusals, and what stood in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from learn_rt.recording import BEGINS, Kind, Recording

# Flag bits
REFUSED, LATE, DISCONNECTED, SWAPPING = 1 << 3, 1 << 4, 1 << 5, 1 << 8
FAULT, UNFIT, REPLACED = 1 << 16, 1 << 17, 1 << 18  # a client's alone
# What was handed out is the policy's; the first that holds says why.
BY_POLICY = {
    DISCONNECTED: "no stream",
    FAULT: "a fault is latched",
    UNFIT: "the sample was not fit",
    LATE: "too late",
}


@dataclass(frozen=True)
class Incident:
    """`n` ticks of one thing."""

    seconds: float  # after the first row of the file
    what: str
    sequence: int  # of the first sample that it is about
    n: int = 1
    text: str = ""


def incidents(recording: Recording) -> list[Incident]:
    """Return what happened, in order of time."""
    rows = recording.rows
    if not len(rows):
        return []
    start = int(rows["at_ns"][0])
    found: list[Incident] = []

    def add(table: NDArray[np.void], what: str, mask: NDArray[np.bool_]) -> None:
        for first, n in _runs(mask):
            row = table[first]
            found.append(Incident((int(row["at_ns"]) - start) * 1e-9, what, int(row["sequence"]), n))

    kinds = rows["kind"]
    ways = ("a session began cold", "a session began at rest", "a session went on from a state")
    for kind, what in zip(BEGINS, ways, strict=True):
        for place in np.flatnonzero(kinds == kind).tolist():
            found.append(Incident((int(rows["at_ns"][place]) - start) * 1e-9, what, int(rows["sequence"][place])))
    add(rows, "samples without an answer", kinds == Kind.UNANSWERED)
    turns = np.flatnonzero((np.diff(rows["version"]) != 0) & (kinds[1:] == Kind.STEP) & (kinds[:-1] == Kind.STEP)) + 1
    for place in turns.tolist():
        seconds, what = (int(rows["at_ns"][place]) - start) * 1e-9, f"version {rows['version'][place]} took over"
        found.append(Incident(seconds, what, int(rows["sequence"][place])))
    add(rows, "answers between two versions", (kinds == Kind.STEP) & (rows["flags"] & SWAPPING != 0))
    add(rows, "samples refused", (kinds == Kind.STEP) & (rows["flags"] & REFUSED != 0))
    found += _gaps(rows, start)
    if recording.handed_out is not None:
        handed = recording.handed_out.rows
        told = np.zeros(len(handed), bool)
        for flag, why in BY_POLICY.items():
            mask = (handed["flags"] & flag != 0) & ~told
            told |= mask
            add(handed, f"the policy's answers, {why}", mask)
        add(handed, "another value stood in for one of the sample's", (handed["flags"] & REPLACED != 0) & ~told)
    found += [Incident((e.at_ns - start) * 1e-9, e.event, -1, text=e.text) for e in recording.events]
    return sorted(found, key=lambda incident: incident.seconds)


def _gaps(rows: NDArray[np.void], start: int) -> list[Incident]:
    """Return where the sender's count jumps between two samples of one session."""
    steps = np.flatnonzero(rows["kind"] == Kind.STEP)
    counts = rows["sequence"][steps].astype(np.int64)
    begins = np.flatnonzero(np.isin(rows["kind"], BEGINS))
    session = np.searchsorted(begins, steps)
    jumps = np.flatnonzero((np.diff(counts) > 1) & (np.diff(session) == 0))
    return [
        Incident(
            (int(rows["at_ns"][steps[i + 1]]) - start) * 1e-9,
            "samples never came",
            int(counts[i]) + 1,
            int(counts[i + 1] - counts[i]) - 1,
        )
        for i in jumps.tolist()
    ]


def _runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return (first, n) of each run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [(int(a), int(b - a)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
