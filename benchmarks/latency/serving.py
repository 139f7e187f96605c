"""A real server for the time of a measurement: `learn-serve` on a temporary socket and a free port."""

from __future__ import annotations

import os
import re
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

START_S = 30.0  # loading replays golden samples; a loaded machine takes its time
STOP_S = 10.0


@contextmanager
def serving(repository: Path, socket: Path, cpus: frozenset[int] | None) -> Iterator[dict[str, str]]:
    """Serve `repository`; yield the addresses by transport: {"unix": ..., "grpc": ...}.

    Raises: RuntimeError: the server did not come up (with what it said).
    """
    command = [sys.executable, "-c", "from learn_rt.serve.cli import main; raise SystemExit(main())", str(repository)]
    command += ["--listen", f"unix:{socket}", "--listen", "grpc://127.0.0.1:0"]
    pin = None if cpus is None else lambda: os.sched_setaffinity(0, cpus)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, preexec_fn=pin)
    try:
        yield {"unix": f"unix:{socket}", "grpc": _address(process)}
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert process.stdout is not None
        process.stdout.close()


def _address(process: subprocess.Popen[bytes]) -> str:
    """Return the TCP address that the start-up line tells, once the server listens."""
    assert process.stdout is not None
    said, deadline = b"", time.monotonic() + START_S
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while time.monotonic() < deadline:
            if not selector.select(deadline - time.monotonic()):
                break
            chunk = os.read(process.stdout.fileno(), 65536)
            said += chunk
            if found := re.search(rb"grpc://127\.0\.0\.1:[1-9]\d*", said):
                return found.group().decode()
            if not chunk:
                break
    raise RuntimeError(f"learn-serve did not come up: {said.decode(errors='replace').strip() or 'it said nothing'}")
