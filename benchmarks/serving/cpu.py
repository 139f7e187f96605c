"""What a process has used so far."""

from __future__ import annotations

import os
from pathlib import Path

from learn_rt.benchmarks.latency.measure import Mode, Turn
from learn_rt.benchmarks.serving.place import SAMPLE_S

ALONE_S = 2.0


def cpu_share(turn: Turn, server: int, mode: Mode, seconds: float) -> dict[str, float]:
    """Return the processor time of both sides, in cores, while one stream runs alone for two seconds at most.

    Args: turn: the stream, of this process. server: the other side's process id. seconds: of the whole case.
    """
    wall = min(ALONE_S, seconds)
    before = cpu_seconds(os.getpid()), cpu_seconds(server)
    turn.run(round(1e9 * wall), round(1e9 * SAMPLE_S), mode.paced, mode.cold, 0, mode.spin)
    after = cpu_seconds(os.getpid()), cpu_seconds(server)
    client, served = ((b - a) / wall for a, b in zip(before, after, strict=True))
    return {"client": client, "server": served}


def cpu_seconds(pid: int) -> float:
    """Return the processor time of all threads of a process [s], user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    """Return the resident memory of a process [MB]."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
