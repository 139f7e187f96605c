"""A real server for the time of a measurement: `learn-serve` on a temporary socket and a free port."""

from __future__ import annotations

import json
import os
import secrets
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

START_S = 60.0  # loading replays golden samples; a loaded machine takes its time
STOP_S = 10.0


@contextmanager
def serving(repository: Path, socket: Path, cpus: frozenset[int] | None) -> Iterator[dict[str, str]]:
    """Serve `repository` on these CPUs; yield the addresses by transport: {"unix": ..., "grpc": ..., "shm": ...}.

    Raises: RuntimeError: the server did not come up (with what it said).
    """
    with server_process(repository, socket, cpus) as served:
        yield served.addresses


@dataclass(frozen=True)
class Served:
    """A server that runs: its process's id, and its addresses by transport."""

    pid: int
    addresses: dict[str, str]


@contextmanager
def server_process(repository: Path, socket: Path, cpus: frozenset[int] | None, spin: bool = False) -> Iterator[Served]:
    """As `serving`, with the server's process; `spin`: and a Unix socket, "spin", that a thread polls.

    That thread has the last of the CPUs.
    """
    command = [sys.executable, "-m", "learn_rt.serve.cli", str(repository), "--json", "--drain-s", "0"]
    for address in (f"unix:{socket}", "grpc://127.0.0.1:0", f"shm:bench-{secrets.token_hex(8)}"):
        command += ["--listen", address]
    if cpus is not None:
        command += ["--pin", ",".join(map(str, sorted(cpus)))]
    if spin:
        command += ["--spin", f"unix:{socket.with_suffix('.spin')}"]
        if cpus is not None:
            command += ["--spin-cpu", str(max(cpus))]
    # A file and not a pipe: nobody reads the server's log while it is measured.
    with socket.with_suffix(".log").open("w+") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log)
        try:
            ready = _ready_line(process)
            if ready is None:
                log.seek(0)
                raise RuntimeError(f"learn-serve did not come up: {log.read().strip() or 'it said nothing'}")
            said = json.loads(ready)
            addresses = {a.partition(":")[0]: a for a in said["listen"]}
            if spin:
                (addresses["spin"],) = said["spin"]
            yield Served(process.pid, addresses)
        finally:
            _stop(process)


def _ready_line(process: subprocess.Popen[bytes]) -> bytes | None:
    """Return the line that says where the server listens, or None when it ends or takes too long."""
    assert process.stdout is not None
    said, deadline = b"", time.monotonic() + START_S
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while b"\n" not in said:
            if not selector.select(max(deadline - time.monotonic(), 0.0)):
                return None
            chunk = os.read(process.stdout.fileno(), 65536)
            if not chunk:
                return None
            said += chunk
    return said.partition(b"\n")[0]


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    assert process.stdout is not None
    process.stdout.close()
