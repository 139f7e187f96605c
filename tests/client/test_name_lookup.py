"""A host's name that nobody looks up in time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

# In namespaces of its own: a name server that never answers, where resolv.conf says.
CONNECT = """
import socket
silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
silent.bind(("127.0.0.1", 53))
from learn_rt.client import connect
for addresses in (["grpc://robot.example:8001"], ["grpc://robot.example:8001", "grpc://127.0.0.1:1"]):
    try:
        connect(addresses[0], "printer", failover=addresses[1:], connect_timeout_s=0.3)
    except ConnectionError as error:
        print(error)
assert silent.recv(512)  # it was asked
"""
IN_NAMESPACES = 'ip link set lo up && mount --bind "$1" /etc/resolv.conf && exec "$2" -c "$3"'


def test_a_silent_name_server_is_not_waited_for_longer_than_for_a_connection(tmp_path: Path) -> None:
    resolv = tmp_path / "resolv.conf"
    resolv.write_text("nameserver 127.0.0.1\noptions timeout:30 attempts:1\n")
    unshare = ("unshare", "--user", "--map-root-user", "--mount", "--net")
    if subprocess.run([*unshare, "ip", "link", "set", "lo", "up"], check=False, capture_output=True).returncode != 0:
        pytest.skip("may not make namespaces")
    command = [*unshare, "sh", "-c", IN_NAMESPACES, "sh", str(resolv), sys.executable, CONNECT]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=50)
    alone, among = done.stdout.splitlines()
    assert "UNAVAILABLE: robot.example: its name was not looked up within 300 ms: is the name server reach" in alone
    assert "robot.example: its name was not looked up" in among
    assert "grpc://127.0.0.1:1: UNAVAILABLE: " in among  # was tried next
