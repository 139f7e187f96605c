"""A recording, replayed: the same bits, or where they differ."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from learn_rt.client import connect
from learn_rt.record import read, replay
from learn_rt.record.given import given
from learn_rt.record.incidents import incidents
from learn_rt.record.replay_cli import main
from learn_rt.recording import Kind


def test_a_clients_recording_replays_bit_for_bit(made: Any, repository: Path) -> None:
    recording = read(made.path)
    done = replay(recording, repository)
    assert (recording.side, recording.reason, recording.model) == ("client", "a test", "printer")
    assert done.identical
    assert done.same_spec
    assert (done.answers, done.unchecked, done.versions, done.sessions) == (
        made.pushed + 1,
        0,
        [1],
        1,
    )  # the rest sample


def test_what_was_handed_out_is_judged_by_the_clients_promise(made: Any) -> None:
    told = given(read(made.path))
    assert told is not None
    assert told.values == made.pushed
    assert told.policy == 1
    assert told.wrong == told.outside == told.not_recorded == 0
    assert told.unchanged + told.limited == made.pushed - 1


def test_it_is_told_what_happened(made: Any) -> None:
    told = [(i.what, i.sequence, i.n) for i in incidents(read(made.path))]
    assert told == [
        ("a session began at rest", 0, 1),
        ("samples refused", 151, 1),
        ("the policy's answers, too late", made.late[0] + 1, 1),
    ]


def test_another_backend_is_within_tolerance_and_says_so(recorded: Path, repository: Path) -> None:
    done = replay(read(recorded), repository, "onnxruntime")
    assert done.backend == "onnxruntime"
    assert not done.identical
    assert done.within_tolerance
    assert max(done.largest.values()) > 0.0


def flip(recorded: Path, to: Path, row: int, column: int) -> Path:
    """Copy a recording with the last bit of one answer changed, as a sound file."""
    recording = read(recorded)
    data = bytearray(recorded.read_bytes())
    begin = 16 + int.from_bytes(data[12:16], "little")
    data[begin + row * recording.rows.itemsize + 48 + 4 * (5 + column)] ^= 1
    data[-64:] = hashlib.sha256(data[:-64]).hexdigest().encode()
    to.write_bytes(data)
    return to


def test_the_first_different_answer_is_named(recorded: Path, repository: Path, tmp_path: Path, capsys: object) -> None:
    changed = flip(recorded, tmp_path / "changed.lrec", 41, 1)
    done = replay(read(changed), repository)
    assert (done.different, done.different_flags) == (1, 0)
    assert done.first is not None
    assert (done.first.row, done.first.sequence, done.first.output) == (41, 40, "offset_y")
    assert done.first.recorded != done.first.replayed
    assert main([str(changed), "--models", str(repository)]) == 1


def test_the_command_says_all_of_it_as_json(
    made: Any, recorded: Path, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(recorded), "--models", str(repository), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["identical"] is True
    assert told["answers"] == made.pushed + 1
    assert told["first"] is None
    assert told["incidents"][1]["what"] == "samples refused"
    assert main([str(recorded), "--models", str(repository)]) == 0
    assert f"all {made.pushed + 1} answers in 1 sessions are the recorded ones, bit for bit" in capsys.readouterr().out


def test_a_model_of_other_weights_is_caught(recorded: Path, repository: Path, tmp_path: Path) -> None:
    spec = json.loads((repository / "printer" / "1" / "spec.json").read_text())
    shutil.copytree(repository, tmp_path / "models")
    folder = tmp_path / "models" / "printer" / "1"
    spec["provenance"]["note"] = "exported anew"
    (folder / "spec.json").write_text(json.dumps(spec))
    sums = [line for line in (folder / "SHA256SUMS").read_text().splitlines() if not line.endswith("spec.json")]
    digest = hashlib.sha256((folder / "spec.json").read_bytes()).hexdigest()
    (folder / "SHA256SUMS").write_text("\n".join([*sums, f"{digest}  spec.json"]) + "\n")
    done = replay(read(recorded), tmp_path / "models")
    assert done.identical  # the weights are the same here
    assert not done.same_spec


def test_a_missing_model_is_one_line(recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(recorded), "--models", str(tmp_path)]) == 1
    assert "no such folder, and printer/1 was recorded: give its --models" in capsys.readouterr().err


def test_a_recording_whose_beginning_was_written_over_replays_from_where_it_is_known(
    repository: Path, tmp_path: Path
) -> None:
    t = np.arange(4000)[:, None] * 0.002
    samples = np.concatenate([5 * np.sin(t * [3, 4]), 0 * t + 0.2, 5 * np.cos(t * [3, 4]) * [3, 4]], 1).astype("f4")
    with connect(f"inproc:{repository}", "printer", rest=samples[0], record=str(tmp_path), record_s=1.0) as client:
        client.run(samples)
        recording = read(client.dump())
    assert recording.table.first > 0
    assert recording.rows["kind"][0] == Kind.STEP
    done = replay(recording, repository)
    assert done.identical
    assert done.unchecked == recording.history
    assert done.answers >= 500


def test_a_client_that_records_nothing_says_so(repository: Path) -> None:
    with pytest.raises(RuntimeError, match="record="), connect(f"inproc:{repository}", "printer") as client:
        client.dump()
