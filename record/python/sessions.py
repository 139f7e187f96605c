"""A recording's rows as what a session was asked, one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from learn_rt.recording import BEGINS, Kind, Recording
from learn_rt.spec import Kind as ModelKind

Rows = NDArray[np.intp]  # places in Recording.rows
FOR_EVER = 1 << 62


@dataclass(frozen=True)
class Asked:
    """Samples that followed one another in one session, and the flushes right after them."""

    steps: Rows
    flushes: Rows


@dataclass(frozen=True)
class SessionPart:
    """One session's part of a recording."""

    versions: tuple[int, ...]  # of the model, in turn; 0: not known
    rest: NDArray[np.float32] | None  # what stood before it began
    fed: Rows  # samples of the time before, that a client fed to it first, or to the one whose state it goes on from
    unknown: int  # samples more until its answers are known: its beginning, or what it was fed, is not all recorded
    asked: tuple[Asked, ...]


def session_parts(recording: Recording) -> Iterator[SessionPart]:
    """Yield the sessions of a recording in turn. Those without an answer are left out."""
    kinds = recording.rows["kind"]
    begins = np.flatnonzero(np.isin(kinds, BEGINS)).tolist()
    history = _History(recording)
    edges = [*begins, len(kinds)]
    if not begins or begins[0] > 0:
        edges.insert(0, 0)
    rest, since = None, 0  # what stood before the first of the sessions that one goes on from, and what it began with
    for begin, end in pairwise(edges):
        row = recording.rows[begin]
        if kinds[begin] in (Kind.BEGIN, Kind.BEGIN_AT_REST):
            rest = np.array(row["inputs"]) if row["kind"] == Kind.BEGIN_AT_REST else None
            since = int(row["sequence"])
        places = np.arange(begin, end)
        answered = places[np.isin(kinds[begin:end], (Kind.STEP, Kind.FLUSH))]
        if not len(answered):
            continue
        fed, unknown = answered[:0], history.full
        if kinds[begin] in BEGINS:
            fed, unknown = history.before(begin, since, kinds[begin] == Kind.GOES_ON)
        versions = tuple(dict.fromkeys(recording.rows["version"][answered].tolist()))
        yield SessionPart(versions, rest, fed, unknown, tuple(_asked(answered, kinds)))


def _asked(answered: Rows, kinds: NDArray[np.uint32]) -> Iterator[Asked]:
    flush = kinds[answered] == Kind.FLUSH
    for run in np.split(answered, np.flatnonzero(flush[:-1] & ~flush[1:]) + 1):
        yield Asked(run[kinds[run] == Kind.STEP], run[kinds[run] == Kind.FLUSH])


class _History:
    """The samples that a client holds: what it feeds to a new session before what is owed."""

    def __init__(self, recording: Recording) -> None:
        self._of_client = recording.side == "client"
        self._samples = np.flatnonzero(np.isin(recording.rows["kind"], (Kind.STEP, Kind.UNANSWERED)))
        self._sequences = recording.rows["sequence"][self._samples]
        forgets = recording.spec.kind is not ModelKind.STATEFUL or recording.spec.forgetting is not None
        self.full = recording.history if forgets else FOR_EVER

    def before(self, place: int, sequence: int, goes_on: bool) -> tuple[Rows, int]:
        """Return the samples from `sequence` on that come before a place, and how many more make answers known."""
        n = int(np.searchsorted(self._samples, place)) if self._of_client else 0
        if not n:
            # A client's first session begins at 0; one that began before the recording does was fed what is lost.
            return self._samples[:0], self.full if goes_on or (self._of_client and sequence) else 0
        fed = self._samples[:n][self._sequences[:n] >= sequence]
        wanted = int(self._sequences[n - 1]) + 1 - sequence
        return fed, 0 if len(fed) >= wanted else max(0, self.full - len(fed))
