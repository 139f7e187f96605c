"""A server that dies in the middle and comes back: nothing is lost, and the answers are those of an unbroken stream."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from learn_rt import runtime
from learn_rt.client import connect


@pytest.mark.parametrize("transport", ["unix", "shm"])
def test_a_killed_server_is_found_again_and_answers_are_exact(
    transport: str,
    repository: Path,
    serve: Callable[[list[str]], tuple[subprocess.Popen[str], list[str]]],
    path: Callable[[int], np.ndarray],
    tmp_path: Path,
) -> None:
    samples = path(12_000)
    session = runtime.load(repository / "printer" / "1").session()
    session.begin(samples[0])
    want, _ = session.run(samples)
    address = {"unix": f"unix:{tmp_path / 'learn.sock'}", "shm": f"shm:test-reconnect-{os.getpid()}"}[transport]
    first, _ = serve([address])
    with connect(address, "printer", rest=samples[0]) as client:
        # one at a time, so that the stream is in use when it breaks
        for k in range(200):
            np.testing.assert_array_equal(client.predict(samples[k], 10.0).values, want[k])
        first.send_signal(signal.SIGKILL)
        first.wait()
        while not client.last_error:
            time.sleep(0.001)
        assert client.predict(samples[200], 10.0).disconnected
        assert client.last_error.startswith("UNAVAILABLE" if transport == "unix" else "the server ")

        second = threading.Thread(target=serve, args=([address],))
        second.start()
        # pushed while nobody is there: the answers come when somebody is
        answers, _ = client.run(samples[201:], timeout_s=60.0)
        second.join()
        assert client.last_error == ""
        assert client.stats.reconnects >= 1
    # the client's envelope comes back from the held value within this many ticks
    back = 300
    np.testing.assert_array_equal(answers[back:], want[201 + back :])
