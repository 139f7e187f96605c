"""Many streams at once, each a control loop with a thread of its own that Python does not hold up."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any

from learn_rt.benchmarks.latency.measure import PACED, Turn
from learn_rt.benchmarks.serving.place import SAMPLE_S


def at_once(turns: Sequence[Turn], seconds: float) -> tuple[list[dict[str, Any]], list[str]]:
    """Run a block on every turn at the same time, their phases spread over the period.

    Returns: what the blocks recorded, and why streams failed.
    """
    blocks: list[dict[str, Any]] = []
    failed: list[str] = []
    start = time.monotonic() + 0.05

    def one(turn: Turn, phase_s: float) -> None:
        time.sleep(max(0.0, start + phase_s - time.monotonic()))
        try:
            blocks.append(turn.run(round(1e9 * seconds), round(1e9 * SAMPLE_S), True, False, PACED.warm_up))
        except RuntimeError as error:
            failed.append(str(error))

    threads = [
        threading.Thread(target=one, args=(turn, SAMPLE_S * i / len(turns)), daemon=True)
        for i, turn in enumerate(turns)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return blocks, failed
