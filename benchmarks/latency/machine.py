"""The machine that figures were taken on, said beside them."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any


def describe() -> dict[str, Any]:
    """Return what a reader needs to judge the figures, as it is at the time of asking."""
    return {
        "cpu": _cpu(),
        "cpus": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "virtual": "hypervisor" in _cpuinfo("flags").split(),
        "load": round(os.getloadavg()[0], 2),
        "scheduler": _scheduler(),
    }


def one_line(machine: dict[str, Any]) -> str:
    """Return the machine for people."""
    kind = "virtual machine" if machine["virtual"] else "machine"
    return (
        f"{machine['cpu']}, {kind} with {machine['cpus']} CPUs, Linux {machine['kernel']}, {machine['scheduler']}, "
        f"load {machine['load']:.1f} before the run"
    )


def _scheduler() -> str:
    """Return the policy that both ends inherit: `chrt -f 50 learn-bench latency` runs them before everything else."""
    policies = {os.SCHED_OTHER: "SCHED_OTHER", os.SCHED_FIFO: "SCHED_FIFO", os.SCHED_RR: "SCHED_RR"}
    policy, priority = os.sched_getscheduler(0), os.sched_getparam(0).sched_priority
    return f"{policies.get(policy, f'policy {policy}')}{f' {priority}' if priority else ''}"


def _cpu() -> str:
    return _cpuinfo("model name") or platform.machine()


def _cpuinfo(key: str) -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return ""
