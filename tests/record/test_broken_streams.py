"""Streams that are cut at random: whatever happens, both ends' recordings replay to the bit."""

from __future__ import annotations

import json
import random
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as triton
from smooth_path import path_of

from learn_rt.client import connect
from learn_rt.record import read, replay
from learn_rt.record.given import given

BYTES = 1 << 16


class Between:
    """Passes bytes on from one Unix socket to another, until it is told to cut every connection."""

    def __init__(self, front: Path, back: Path) -> None:
        self._back = back
        self._front = socket.socket(socket.AF_UNIX)
        self._front.bind(str(front))
        self._front.listen()
        self._pairs: dict[socket.socket, socket.socket] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._front, selectors.EVENT_READ)
        self._cut, self._over = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def cut(self) -> None:
        """End all connections that there are."""
        self._cut.set()

    def close(self) -> None:
        """End it."""
        self._over.set()
        self._thread.join()
        self._front.close()
        self._selector.close()

    def _run(self) -> None:
        while not self._over.is_set():
            for key, _ in self._selector.select(0.001):
                if key.fileobj is self._front:
                    self._accept()
                elif isinstance(key.fileobj, socket.socket) and key.fileobj in self._pairs:
                    self._pass_on(key.fileobj)
            if self._cut.is_set():
                self._cut.clear()
                for end in list(self._pairs):
                    self._drop(end)
        for end in list(self._pairs):
            self._drop(end)

    def _accept(self) -> None:
        one, _ = self._front.accept()
        other = socket.socket(socket.AF_UNIX)
        other.connect(str(self._back))
        for end, peer in ((one, other), (other, one)):
            self._pairs[end] = peer
            self._selector.register(end, selectors.EVENT_READ)

    def _pass_on(self, end: socket.socket) -> None:
        try:
            data = end.recv(BYTES)
            self._pairs[end].sendall(data)
        except OSError:
            data = b""
        if not data:
            self._drop(end)

    def _drop(self, end: socket.socket) -> None:
        for one in (end, self._pairs.pop(end, end)):
            self._pairs.pop(one, None)
            with suppress(KeyError, ValueError):
                self._selector.unregister(one)
            one.close()


@pytest.fixture
def two_versions(repository: Path, second: Path, tmp_path: Path) -> Path:
    """A repository of one's own, with versions 1 and 2 of the printer's model."""
    for version, source in ((1, repository / "printer" / "1"), (2, second)):
        shutil.copytree(source, tmp_path / "models" / "printer" / str(version))
    return tmp_path / "models"


@pytest.fixture
def between(two_versions: Path, tmp_path: Path) -> Iterator[tuple[Between, subprocess.Popen[str]]]:
    """A server that records into `server`, and something that can cut the way to it, at `front`."""
    command = [sys.executable, "-m", "learn_rt.serve.cli", str(two_versions), "--listen", f"unix:{tmp_path / 'back'}"]
    command += ["--json", "--record", str(tmp_path / "server"), "--drain-s", "0", "--backend", "native"]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["ready"]
    way = Between(tmp_path / "front", tmp_path / "back")
    yield way, process
    way.close()
    process.kill()
    process.communicate()


@pytest.mark.parametrize("swap", ["pinned", "now", "at_rest", "crossfade"])
@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_to_a_stream_both_recordings_replay_to_the_bit(
    seed: int,
    swap: Any,
    two_versions: Path,
    between: tuple[Between, subprocess.Popen[str]],
    soon: Callable[[Callable[[], bool]], None],
    tmp_path: Path,
) -> None:
    way, process = between
    draw = random.Random(seed)
    samples = path_of(1800)
    rest = samples[0] if draw.random() < 0.5 else None
    address = f"unix:{tmp_path / 'front'}"
    options = {"swap": swap, "crossfade_s": 0.05, "record": str(tmp_path / "client"), "connect_timeout_s": 20.0}
    with (
        connect(address, "printer", rest=rest, **options) as client,
        triton.InferenceServerClient(f"unix:{tmp_path / 'back'}") as control,
    ):
        k = stable = 0
        while k < len(samples) - 400:
            event = draw.choice(["ask", "ask", "push", "late", "refused", "cut", "load", "rest"]) if k else "ask"
            if k and not client.stats.reconnects:
                event = "cut"
            n = draw.randrange(1, 80)
            if event == "ask":
                for sample in samples[k : k + n]:
                    client.predict(sample, 10.0)
            elif event == "push":
                client.run(samples[k : k + n], timeout_s=60.0)
            elif event == "late":
                for sample in samples[k : k + n]:
                    client.predict(sample, 0.0)
            elif event == "refused":
                client.predict(np.full(5, np.nan, np.float32), 10.0)
            elif event == "rest":
                for _ in range(20):
                    client.predict(samples[k], 10.0)
            elif event == "load":
                stable = 1 + stable % 2  # 2 is the stable one at first
                control.load_model(
                    "printer", config=json.dumps({"version_policy": {"specific": {"versions": [stable]}}})
                )
            else:
                way.cut()
            k += n if event in ("ask", "push", "late") else 0
        client.run(samples[k:], timeout_s=60.0)
        assert client.stats.reconnects > 0
        seen = read(client.dump())
    process.send_signal(signal.SIGUSR1)
    servers = tmp_path / "server"
    soon(lambda: "recorded" in (tmp_path / "log").read_text())

    done = replay(seen, two_versions)
    assert done.identical, done.first
    assert done.unchecked == 0 or swap == "crossfade"  # how long one that was cut would have been is not told
    told = given(seen)
    assert told is not None
    assert told.wrong == told.outside == told.not_recorded == 0
    for path in servers.glob("*.lrec"):
        assert replay(read(path), two_versions).identical, path
