"""The wall clock jumps by days, forwards and back: streams, deadlines and the end take no notice."""

from __future__ import annotations

import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
DAY = 86_400
JUMPS = (DAY, -DAY, 40 * DAY, 0)  # [s] from the true time

# A client of its own process, that says what became of each jump.
LOOP = """
import json, sys, time
import numpy as np
from learn_rt.client import connect

address, rest, deadline_s = sys.argv[1], json.loads(sys.argv[2]), float(sys.argv[3])
with connect(address, "printer", rest=rest) as client:
    for line in sys.stdin:  # a word for each jump, after it
        waited = 0.0
        for _ in range(50):
            start = time.monotonic()
            client.predict(rest, deadline_s)
            waited = max(waited, time.monotonic() - start)
            time.sleep(0.001)
        s = client.stats
        print(json.dumps({"clock": time.time(), "missed": s.missed, "reconnects": s.reconnects,
                          "waited": waited, "error": client.last_error}), flush=True)
"""


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library to preload."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("needs a C compiler, for a clock that jumps")
    library = tmp_path_factory.mktemp("shim") / "clock_shim.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", library, HERE / "clock_shim.c"], check=True)
    return library


class Clock:
    """The offset that preloaded processes see."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.jump(0)

    def jump(self, seconds: int) -> None:
        """Set the wall clock off by so many seconds."""
        with self._path.open("r+b" if self._path.exists() else "wb") as file:
            file.write(struct.pack("<q", seconds))


@pytest.mark.parametrize("over", ["unix", "grpc", "shm"])
def test_a_clock_that_jumps_changes_no_answer_and_no_deadline(
    launch: Any, served: Any, shim: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, over: str
) -> None:
    monkeypatch.setenv("LEARN_RT_CLOCK", str(tmp_path / "clock"))
    monkeypatch.setenv("LD_PRELOAD", str(shim))
    clock = Clock(tmp_path / "clock")
    where = {"unix": f"unix:{tmp_path}/s", "grpc": "grpc://127.0.0.1:0", "shm": f"shm:test-clock-{os.getpid()}"}[over]
    with launch(served.repository, "--listen", where, "--json", "--log-format", "json", "--drain-s", "0") as serving:
        command = [sys.executable, "-c", LOOP, serving.addresses[0], json.dumps(served.path(1)[0].tolist()), "30"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client:
            assert client.stdin is not None
            assert client.stdout is not None
            for jump in (0, *JUMPS):
                clock.jump(jump)
                client.stdin.write("go\n")
                client.stdin.flush()
                said = json.loads(client.stdout.readline())
                assert abs(said.pop("clock") - time.time() - jump) < DAY / 2  # it did jump, for this process
                assert (said["missed"], said["reconnects"], said["error"]) == (0, 0, "")
            client.stdin.close()
            assert client.wait(30) == 0
        clock.jump(-DAY)
        status, logged = serving.stop()  # its last waits too
    assert status == 0
    counts = [line for line in map(json.loads, logged.splitlines()) if "sessions_open" in line]
    assert counts[-1]["sessions_open"] == 0


def test_predict_returns_by_its_deadline_while_the_clock_is_set_back(
    launch: Any, served: Any, shim: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEARN_RT_CLOCK", str(tmp_path / "clock"))
    monkeypatch.setenv("LD_PRELOAD", str(shim))
    clock = Clock(tmp_path / "clock")
    with launch(served.repository, "--listen", f"unix:{tmp_path}/s", "--json", "--drain-s", "0") as serving:
        command = [sys.executable, "-c", LOOP, f"unix:{tmp_path}/s", json.dumps(served.path(1)[0].tolist()), "0.002"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client:
            assert client.stdin is not None
            assert client.stdout is not None
            client.stdin.write("go\n")
            client.stdin.flush()
            client.stdout.readline()
            serving.process.send_signal(signal.SIGSTOP)
            try:
                for jump in JUMPS:
                    clock.jump(jump)
                    client.stdin.write("go\n")
                    client.stdin.flush()
                    said = json.loads(client.stdout.readline())
                    assert said["waited"] < DAY / 1000  # not by how much the clock was set back
                assert said["missed"] > 0
            finally:
                serving.process.send_signal(signal.SIGCONT)
            client.stdin.close()
            assert client.wait(30) == 0
        assert serving.stop()[0] == 0
