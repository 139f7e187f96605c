"""Processes that die or fork in the middle: the others go on, and nothing of the dead stays."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from serving import Serving

from learn_rt import runtime
from learn_rt.client import connect

ASK = """
import json, sys
from learn_rt.client import connect
with connect(sys.argv[1], "printer", rest=json.loads(sys.argv[2])) as client:
    while True:
        client.predict(json.loads(sys.argv[2]), 20.0)
        print("asked", flush=True)
"""


@pytest.fixture(scope="module")
def serving(launch_once: Any, served: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server on every transport."""
    path = tmp_path_factory.mktemp("processes") / "s"
    where = (f"unix:{path}", "grpc://127.0.0.1:0", f"shm:test-processes-{os.getpid()}")
    listen = [part for address in where for part in ("--listen", address)]
    with launch_once(served.repository, *listen, "--metrics", "127.0.0.1:0", "--json", "--drain-s", "0") as started:
        yield started
        assert started.stop()[0] == 0


@pytest.fixture(params=["unix", "grpc", "shm"])
def address(serving: Serving, request: pytest.FixtureRequest) -> Iterator[str]:
    """Where it listens; afterwards no stream is open."""
    (found,) = [a for a in serving.addresses if a.startswith(request.param)]
    yield found
    serving.until("learn_rt_streams_open", 0)
    serving.until("learn_rt_sessions_open", 0)


@pytest.fixture
def truth(served: Any) -> tuple[np.ndarray, np.ndarray]:
    """Samples (n, 5), and their answers (n, 2) from a session at rest on the first."""
    samples = served.path(400)
    session = runtime.load(served.folder).session()
    session.begin(samples[0])
    return samples, session.run(samples)[0]


def test_a_client_that_is_killed_leaves_nothing_and_disturbs_nobody(
    serving: Serving, address: str, truth: tuple[np.ndarray, np.ndarray]
) -> None:
    samples, answers = truth
    command = [sys.executable, "-c", ASK, address, json.dumps(samples[0].tolist())]
    with connect(address, "printer", rest=samples[0]) as client:
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as killed:
            assert killed.stdout is not None
            assert killed.stdout.readline() == "asked\n"
            assert serving.metric("learn_rt_streams_open") == 2
            for k in range(100):
                np.testing.assert_array_equal(client.predict(samples[k], 20.0).values, answers[k])
            killed.send_signal(signal.SIGKILL)
        serving.until("learn_rt_streams_open", 1)
        for k in range(100, 200):
            np.testing.assert_array_equal(client.predict(samples[k], 20.0).values, answers[k])
        assert client.stats.reconnects == 0


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # what is tested
def test_a_fork_leaves_the_stream_to_the_parent_and_tells_the_child(
    address: str, truth: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    samples, answers = truth
    with connect(address, "printer", rest=samples[0]) as client:
        for k in range(50):
            np.testing.assert_array_equal(client.predict(samples[k], 20.0).values, answers[k])
        child = os.fork()
        if child == 0:
            _in_the_child(client, samples[50], tmp_path / "said")
        for k in range(50, 200):
            np.testing.assert_array_equal(client.predict(samples[k], 20.0).values, answers[k])
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        for k in range(200, 300):
            np.testing.assert_array_equal(client.predict(samples[k], 20.0).values, answers[k])
        assert (client.stats.missed, client.stats.reconnects) == (0, 0)
    said = (tmp_path / "said").read_text().splitlines()
    assert len(said) == 4
    assert all(line.endswith("start processes with spawn, and connect there") for line in said)


def _in_the_child(client: Any, sample: np.ndarray, path: Path) -> None:
    """Try everything, close, and leave without what pytest does at the end."""
    said = []
    for call in (
        lambda: client.predict(sample, 0.01),
        lambda: client.try_push(sample),
        lambda: client.latest(),
        lambda: client.last_error,
    ):
        try:
            call()
        except RuntimeError as error:
            said.append(str(error))
    client.close()
    path.write_text("\n".join(said))
    os._exit(0)
