"""Our own client over swaps of versions: each answer tells its version, and both recordings replay to the bit."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from versioned import SWAPPING, Versions, eventually, only

from learn_rt.client import Client, connect
from learn_rt.record import read, replay
from learn_rt.record.given import given

AMPLE_S = 20.0
TRANSPORTS = ("unix", "shm")


@dataclass
class Taken:
    """What a client was given, sample by sample."""

    client: Client
    values: list[NDArray[np.float32]] = field(default_factory=list)
    flags: list[int] = field(default_factory=list)
    versions: list[int] = field(default_factory=list)
    samples: list[NDArray[np.float32]] = field(default_factory=list)

    def take(self, sample: NDArray[np.float32]) -> int:
        """Ask for one answer; return its version."""
        answer = self.client.predict(sample, AMPLE_S)
        assert not answer.by_policy
        self.samples.append(sample)
        self.values.append(answer.values)
        self.flags.append(answer.flags)
        self.versions.append(answer.version)
        return answer.version


def addresses(versions: Versions) -> dict[str, str]:
    return {"unix": versions.address, "shm": f"shm:test-following-{os.getpid()}"}


def listen(versions: Versions, tmp_path: Path) -> list[str | Path]:
    options: list[str | Path] = ["--drain-s", "0", "--backend", "native", "--record", tmp_path / "server"]
    for address in addresses(versions).values():
        options += ["--listen", address]
    return options


@pytest.mark.parametrize("swap", ["now", "at_rest", "crossfade"])
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_client_follows_there_and_back_and_every_answer_is_its_versions(
    transport: str, swap: Any, versions: Versions, launch: Any, tmp_path: Path
) -> None:
    path = versions.served.path(20_000)
    versions.add(2)
    with launch(versions.repository, *listen(versions, tmp_path), "--model", "printer/1") as serving:
        address = addresses(versions)[transport]
        with (
            versions.client() as control,
            connect(address, "printer", swap=swap, crossfade_s=0.05, record=str(tmp_path / "client")) as client,
        ):
            taken = Taken(client)
            for wanted in (2, 1):
                for sample in path[len(taken.samples) : len(taken.samples) + 250]:
                    taken.take(sample)
                control.load_model("printer", config=only(wanted))
                while taken.take(path[len(taken.samples)] if swap != "at_rest" else path[249]) != wanted:
                    assert len(taken.samples) < 19_000
            for sample in path[len(taken.samples) : len(taken.samples) + 250]:
                taken.take(sample)
            seen = read(client.dump())
        serving.process.send_signal(signal.SIGUSR1)
        eventually(lambda: len(list((tmp_path / "server").glob("*.lrec"))) == 1)
        assert serving.stop()[0] == 0
    assert list(dict.fromkeys(taken.versions)) == [1, 2]
    assert np.count_nonzero(np.diff(taken.versions)) == 2
    assert versions.check(taken, np.array(taken.samples)) > 300
    assert any(f & SWAPPING for f in taken.flags) == (swap == "crossfade")
    for recording in (seen, *map(read, (tmp_path / "server").glob("*.lrec"))):
        done = replay(recording, versions.repository)
        assert done.identical, done.first
        assert (done.versions, done.answers, done.unchecked) == ([1, 2], len(taken.samples), 0)
    told = given(seen)
    assert told is not None
    assert (told.unchanged, told.wrong, told.outside) == (len(taken.samples), 0, 0)
    assert seen.handed_out is not None
    np.testing.assert_array_equal(seen.handed_out.rows["version"], taken.versions)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_killed_servers_successor_of_a_newer_version_takes_a_following_stream_and_refuses_a_pinned_one(
    transport: str, versions: Versions, launch: Any, tmp_path: Path
) -> None:
    path, address = versions.served.path(3000), addresses(versions)[transport]
    with launch(versions.repository, *listen(versions, tmp_path)) as first:
        following = connect(address, "printer", swap="now", record=str(tmp_path / "client"), connect_timeout_s=60.0)
        pinned = connect(address, "printer", connect_timeout_s=60.0)
        with following, pinned:
            for sample in path[:300]:
                assert following.predict(sample, AMPLE_S).version == 1
                assert pinned.predict(sample, AMPLE_S).version == 1
            first.process.kill()
            first.process.wait()
            versions.add(2)
            with launch(versions.repository, *listen(versions, tmp_path)) as second:
                answers, flags = following.run(path[300:900], timeout_s=60.0)
                assert following.predict(path[900], AMPLE_S).version == 2
                eventually(lambda: pinned.latest() is not None and "no version '1'" in pinned.last_error)
                assert "pinned to version 1, with which it began" in pinned.last_error
                refused = pinned.predict(path[300], 0.001)
                assert refused.disconnected
                assert refused.version == 0
                with versions.client() as control:
                    control.load_model("printer", config=only(1, 2))
                eventually(lambda: pinned.latest() is not None and pinned.last_error == "")
                assert pinned.predict(path[300], AMPLE_S).version == 1
                seen = read(following.dump())
                assert second.stop()[0] == 0
    done = replay(seen, versions.repository)
    assert done.identical, done.first
    assert (done.versions, done.sessions, done.unchecked) == ([1, 2], 2, 0)
    # Version 2 answers what it says itself: the outage has faded from the envelope.
    windows = versions.served.sliding(path[300:900])
    free = np.flatnonzero(flags == 0)
    free = free[free >= 400]
    import onnxruntime

    session = onnxruntime.InferenceSession(versions.sources[2] / "model.onnx", providers=["CPUExecutionProvider"])
    truth = session.run(["y"], {"x": windows[free - (versions.window - 1)]})[0]
    assert len(free) > 100
    assert np.abs(answers[free] - truth).max() <= 2 * versions.spec.tolerance
