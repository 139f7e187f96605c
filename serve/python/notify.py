"""Telling systemd how far we are (sd_notify): one datagram to the socket that it names."""

from __future__ import annotations

import os
import socket


def notify(*lines: str) -> bool:
    """Send lines such as READY=1; return False when nobody asked for them ($NOTIFY_SOCKET) or they cannot be sent."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if not path.startswith(("/", "@")):
        return False
    address = "\0" + path[1:] if path.startswith("@") else path
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as to_systemd:
            to_systemd.settimeout(1.0)
            to_systemd.connect(address)
            to_systemd.sendall("\n".join(lines).encode())
    except OSError:
        return False
    return True
