"""A cable that is pulled: neither end is told, both notice, and the stream goes on when it is back."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

HERE, THERE = "10.77.77.1", "10.77.77.2"

LOOP = """
import json, sys, time
import numpy as np
from learn_rt.client import connect

address, samples = sys.argv[1], np.load(sys.argv[2])
with connect(address, "printer", rest=samples[0], connect_timeout_s=1.0) as client:
    print(json.dumps({"connected": True}), flush=True)
    k, was_up = 1, True
    while True:
        prediction = client.predict(samples[k % len(samples)], deadline_us=20_000)
        up = not prediction.by_policy
        if up != was_up:
            print(json.dumps({"up": up, "error": client.last_error, "reconnects": client.stats.reconnects}), flush=True)
            was_up = up
        k += 1
        time.sleep(0.002)
"""


def ip(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)


@pytest.fixture
def cable() -> Iterator[tuple[str, str]]:
    """Two network namespaces, and a cable between them: the device `cable` in each."""
    if shutil.which("ip") is None or os.geteuid() != 0:
        pytest.skip("needs root and the command ip, for network namespaces")
    names = (f"learn-rt-{os.getpid()}-a", f"learn-rt-{os.getpid()}-b")
    made = [ip("netns", "add", name) for name in names]
    try:
        if any(done.returncode for done in made):
            pytest.skip(f"may not make network namespaces: {made[0].stderr.strip()}")
        ends = ("link", "add", "cable", "netns", names[0], "type", "veth", "peer", "name", "cable", "netns", names[1])
        if (done := ip(*ends)).returncode:
            pytest.skip(f"may not lay a cable between them: {done.stderr.strip()}")
        for name, address in zip(names, (HERE, THERE), strict=True):
            ip("-n", name, "address", "add", f"{address}/24", "dev", "cable")
            ip("-n", name, "link", "set", "lo", "up")
            ip("-n", name, "link", "set", "cable", "up")
        yield names
    finally:
        for name in names:
            ip("netns", "delete", name)


class Line:
    """What a process says, line by line, as JSON."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self._out = process.stdout

    def next(self, within_s: float = 60.0) -> dict[str, Any]:
        """Wait for the next line."""
        assert select.select([self._out], [], [], within_s)[0], "it says nothing"
        line = self._out.readline()
        assert line, "it ended"
        return dict(json.loads(line))


def test_both_ends_notice_and_the_stream_goes_on_when_the_cable_is_back(
    cable: tuple[str, str], served: Any, tmp_path: Path
) -> None:
    import numpy as np

    there, here = cable
    np.save(tmp_path / "samples.npy", served.path(500))
    serve = ["-m", "learn_rt.serve.cli", str(served.repository), "--listen", f"grpc://{HERE}:0", "--insecure", "--json"]
    started: list[subprocess.Popen[str]] = []

    def start(name: str, *arguments: str) -> subprocess.Popen[str]:
        command = ["ip", "netns", "exec", name, sys.executable, *arguments]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return started[-1]

    try:
        server = start(there, *serve, "--log-format", "json")
        (address,) = Line(server).next()["listen"]
        client = Line(start(here, "-c", LOOP, address, str(tmp_path / "samples.npy")))
        assert client.next() == {"connected": True}

        ip("-n", there, "link", "set", "cable", "down")
        assert client.next()["up"] is False  # the policy's, at once
        closed = _logged(server, "stream_closed", within_s=60.0)  # nobody told the server
        assert closed["answers"] > 0

        ip("-n", there, "link", "set", "cable", "up")
        back = client.next()
        assert back["up"] is True
        assert back["reconnects"] >= 1
        assert back["error"] == ""
        server.terminate()
        assert server.wait(30) == 0
    finally:
        for process in started:
            if process.poll() is None:
                process.kill()
            process.communicate()


def _logged(server: subprocess.Popen[str], event: str, within_s: float) -> dict[str, Any]:
    assert server.stderr is not None
    while True:
        assert select.select([server.stderr], [], [], within_s)[0], f"no {event}"
        said = json.loads(server.stderr.readline())
        if said["event"] == event:
            return dict(said)
