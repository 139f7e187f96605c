"""The echo's process: serves until its input ends."""

from __future__ import annotations

import json
import os
import sys


def main() -> None:
    """Serve: address, outputs, settling [ns], CPUs ("" for any)."""
    address, n_outputs, settle_ns, cpus = sys.argv[1:]
    if cpus:
        os.sched_setaffinity(0, {int(cpu) for cpu in cpus.split(",")})
    from learn_rt._latency import EchoServer

    server = EchoServer(address, int(n_outputs), int(settle_ns))
    print(json.dumps({"target": server.target}), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
