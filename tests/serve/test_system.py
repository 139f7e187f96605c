"""What `learn-serve` tells systemd and asks of the system."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from learn_rt.serve.notify import notify

UNIT = Path(__file__).parents[2] / "deploy" / "learn-serve.service"


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A socket such as systemd's, named in the environment."""
    name = str(tmp_path / "notify") if request.param == "path" else f"@learn-rt-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(name.replace("@", "\0", 1))
        listening.settimeout(30)
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        yield listening


def test_systemd_is_told_when_it_is_ready_and_when_it_stops(systemd: socket.socket, launch: Any, served: Any) -> None:
    with launch(served.repository, "--listen", "grpc://127.0.0.1:0", "--json") as serving:
        assert systemd.recv(1000).decode() == f"READY=1\nSTATUS=serving on {serving.addresses[0]}"
        assert serving.stop()[0] == 0
    assert systemd.recv(1000).decode() == "STOPPING=1\nSTATUS=draining 0 streams"


@pytest.mark.parametrize("name", ["", "no/path", "/no/such/socket", "@learn-rt-nobody-listens", "/" + "x" * 200])
def test_nobody_who_listens_is_no_error(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", name)
    assert notify("READY=1") is False


def policies(pid: int) -> dict[str, set[int]]:
    """Return the scheduling policies of a process's threads, by the thread's name."""
    found: dict[str, set[int]] = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        name = (task / "comm").read_text().strip()
        found.setdefault(name, set()).add(os.sched_getscheduler(int(task.name)))
    return found


def test_locked_memory_and_real_time_are_had_or_missed_aloud(launch: Any, served: Any) -> None:
    listen = ("--listen", "grpc://127.0.0.1:0", "--metrics", "127.0.0.1:0")
    with launch(served.repository, *listen, "--lock-memory", "--realtime", "3") as serving:
        status = Path(f"/proc/{serving.process.pid}/status").read_text()
        locked_kb = int(status.partition("VmLck:")[2].split()[0])
        threads = policies(serving.process.pid)
        of_main = os.sched_getscheduler(serving.process.pid)
        code, logged = serving.stop()
    assert code == 0
    assert (locked_kb > 0) == ("memory is not locked" not in logged), logged
    fifo = {name for name, found in threads.items() if found == {os.SCHED_FIFO}}
    if "no real-time priority 3" in logged:
        assert "RLIMIT_RTPRIO" in logged
        assert not fifo
    else:
        assert any("grpc" in name or "nexting" in name or "event_engine" in name for name in fifo)
        assert of_main == os.SCHED_OTHER  # this thread, the log and the metrics stay where they were


def test_without_permission_it_says_which_limit_to_raise(served: Any) -> None:
    prlimit, setpriv = shutil.which("prlimit"), shutil.which("setpriv")
    if prlimit is None or setpriv is None or os.geteuid() != 0:
        pytest.skip("needs root, prlimit and setpriv to give permissions up")
    import sys

    program = "from learn_rt._serve import *; print(lock_memory()); print(run_realtime(3))"
    drop = [setpriv, "--bounding-set=-sys_nice,-ipc_lock", "--inh-caps=-all"]
    limits = [prlimit, "--memlock=65536", "--rtprio=0"]
    # The second thread is what run_realtime is for.
    threaded = f"import threading; threading.Thread(target=threading.Event().wait, daemon=True).start(); {program}"
    command = [*limits, *drop, sys.executable, "-c", threaded]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    memory, realtime = done.stdout.splitlines()
    assert memory.startswith("memory is not locked: ")
    assert "RLIMIT_MEMLOCK is 65536 bytes" in memory
    assert realtime.startswith("no real-time priority 3: Operation not permitted; RLIMIT_RTPRIO is 0")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not there")
def test_the_unit_is_one_that_systemd_understands(tmp_path: Path) -> None:
    program = tmp_path / "learn-serve"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    text = UNIT.read_text().replace("/opt/learn-rt/bin/learn-serve", str(program))
    (tmp_path / "learn-serve.service").write_text(text)
    command = ["systemd-analyze", "verify", "--man=no", str(tmp_path / "learn-serve.service")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    said = [line for line in (done.stdout + done.stderr).splitlines() if "learn-serve" in line]
    assert (done.returncode, said) == (0, [])


def test_the_units_command_line_is_one_that_we_understand() -> None:
    from learn_rt.serve.cli import _parse

    (line,) = [row for row in UNIT.read_text().splitlines() if row.startswith("ExecStart=")]
    args = _parse(line.split()[1:])
    assert args.metrics == ("127.0.0.1", 9101)
    assert args.log_format == "json"
