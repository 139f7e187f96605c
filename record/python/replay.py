"""The model run over a recording's inputs again, and its answers beside those recorded."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from learn_rt import runtime
from learn_rt.record.sessions import Asked, Rows, SessionPart, session_parts
from learn_rt.record.swapped import swapped_answers
from learn_rt.recording import Recording
from learn_rt.spec import Spec

RELATIVE_TOLERANCE = 1e-5  # of a model that states none, as the runtime takes it for golden samples


@dataclass(frozen=True)
class Difference:
    """The first answer that came out otherwise."""

    row: int  # its number in the stream, from 0 for the first ever recorded
    sequence: int  # of the sample
    seconds: float  # after the first row of the file
    output: str  # its name; "flags" where only those differ
    recorded: float
    replayed: float


@dataclass
class Replayed:
    """What came of a replay."""

    model: str
    backend: str
    same_spec: bool = False  # spec.json of a version is the recorded one, to the byte
    versions: list[int] = field(default_factory=list)
    sessions: int = 0
    answers: int = 0  # compared
    unchecked: int = 0  # answers whose history is not in the recording
    different: int = 0  # answers of other values,
    different_flags: int = 0  # and of other flags
    largest: dict[str, float] = field(default_factory=dict)  # output -> largest difference, in its unit
    tolerance: float = 0.0  # by how much two backends may differ
    first: Difference | None = None

    @property
    def identical(self) -> bool:
        """Every answer compared is the recorded one, bit for bit, its flags too."""
        return not self.different and not self.different_flags

    @property
    def within_tolerance(self) -> bool:
        """No output differs by more than two backends may; flags may."""
        return all(v <= self.tolerance for v in self.largest.values())


def replay(recording: Recording, models: Path, backend: str = "native") -> Replayed:
    """Run the model over a recording's inputs, session by session as they were, and compare.

    Args: models: the repository that holds <model>/<version>/; backend: as of learn_rt.runtime.load.
    Raises: ValueError: no answer in the recording, no such model or version, or one of another contract; RuntimeError:
    the model cannot be loaded.
    """
    loaded: dict[int, Any] = {}
    done = Replayed(recording.model, backend)
    for part in session_parts(recording):
        for version in set(part.versions) - set(loaded):
            model = loaded[version] = _load(recording, models, version, backend)
            done.backend = model.backend
            done.same_spec = done.same_spec or model.spec_json == recording.spec_json
            done.tolerance = max(done.tolerance, _tolerance(model.spec, recording))
        done.sessions += 1
        comparison = _Comparison(recording, done)
        comparison.of(part, loaded[part.versions[0]]) if len(part.versions) == 1 else comparison.swapped(part, loaded)
    if not done.sessions:
        raise ValueError(f"{recording.path}: holds no answer to replay")
    done.versions = sorted(loaded)
    return done


def output_names(spec: Spec) -> list[str]:
    """Return a name for each element of an answer: the signal's, or name.element of one that has several."""
    names: list[str] = []
    for s in spec.outputs:
        names += [s.name] if s.size == 1 else [f"{s.name}.{e}" for e in s.elements or range(s.size)]
    return names


def _load(recording: Recording, models: Path, version: int, backend: str) -> Any:
    folder = models / recording.model / str(version)
    if not folder.is_dir():
        raise ValueError(f"{folder}: no such folder, and {recording.model}/{version} was recorded: give its --models")
    model = runtime.load(folder, backend)
    if model.spec.contract_hash != recording.spec.contract_hash:
        raise ValueError(f"{folder} has another contract than the model that was recorded")
    return model


def _tolerance(spec: Spec, recording: Recording) -> float:
    """Return what two backends that both pass the golden samples may differ by, in the outputs' units."""
    answers = recording.rows["outputs"]
    scale = float(np.abs(answers).max()) if answers.size else 0.0
    return 2 * max(spec.weights_tolerance or 0.0, spec.tolerance or RELATIVE_TOLERANCE * scale)


class _Comparison:
    def __init__(self, recording: Recording, done: Replayed) -> None:
        self._recording, self._done = recording, done
        self._names = output_names(recording.spec)

    def of(self, part: SessionPart, model: Any) -> None:
        """Replay one session."""
        session = model.session()
        session.begin(part.rest)
        session.run(self._samples(part.fed))
        unknown = part.unknown
        for asked in part.asked:
            answers, flags = session.run(self._samples(asked.steps))
            skipped = min(unknown, len(asked.steps))
            unknown -= skipped
            self._done.unchecked += skipped
            self._compare(asked.steps[skipped:], answers[skipped:], flags[skipped:])
            self._flush(session, asked, unknown > 0)

    def swapped(self, part: SessionPart, models: dict[int, Any]) -> None:
        """Replay one session over several versions of the model."""
        rows, answers, flags, known = swapped_answers(self._recording, part, models)
        known[: part.unknown] = False
        self._done.unchecked += int((~known).sum())
        self._compare(rows[known], answers[known], flags[known])

    def _samples(self, rows: Rows) -> NDArray[np.float32]:
        return np.ascontiguousarray(self._recording.rows["inputs"][rows])

    def _flush(self, session: Any, asked: Asked, unknown: bool) -> None:
        n = max(1, self._recording.spec.preview)
        for begin in range(0, len(asked.flushes), n):
            rows = asked.flushes[begin : begin + n]
            answers, flags = session.flush()
            if unknown or len(rows) < len(answers):  # one that the recording's beginning or end cut
                self._done.unchecked += len(rows)
            else:
                self._compare(rows, answers, flags)

    def _compare(self, rows: Rows, answers: NDArray[np.float32], flags: NDArray[np.uint32]) -> None:
        done = self._done
        done.answers += len(rows)
        if not len(rows):
            return
        recorded = np.ascontiguousarray(self._recording.rows["outputs"][rows])
        unequal = recorded.view(np.uint32) != answers.view(np.uint32)
        other_flags = self._recording.rows["flags"][rows] != flags
        done.different += int(unequal.any(axis=1).sum())
        done.different_flags += int(other_flags.sum())
        gaps = np.abs(recorded.astype(np.float64) - answers).max(axis=0)
        for name, gap in zip(self._names, gaps.tolist(), strict=True):
            done.largest[name] = max(done.largest.get(name, 0.0), gap)
        wrong = np.flatnonzero(unequal.any(axis=1) | other_flags)
        if done.first is None and len(wrong):
            i = int(wrong[0])
            columns = np.flatnonzero(unequal[i])
            if len(columns):
                k = int(columns[0])
                told = (self._names[k], float(recorded[i, k]), float(answers[i, k]))
            else:
                told = ("flags", float(self._recording.rows["flags"][rows[i]]), float(flags[i]))
            done.first = self._difference(int(rows[i]), *told)

    def _difference(self, place: int, output: str, recorded: float, replayed: float) -> Difference:
        row = self._recording.rows[place]
        seconds = float(int(row["at_ns"]) - int(self._recording.rows["at_ns"][0])) * 1e-9
        number = self._recording.table.first + place
        return Difference(number, int(row["sequence"]), seconds, output, recorded, replayed)
