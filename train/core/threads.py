"""How many threads torch may use."""

from __future__ import annotations

import os

import torch


def use_threads(threads: int, processes: int = 1) -> None:
    """Let torch use so many threads in each of its processes; 0: what the process may use, shared."""
    torch.set_num_threads(threads or max(1, len(os.sched_getaffinity(0)) // processes))
