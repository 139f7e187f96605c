"""A small untrained model, and recordings of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from smooth_path import path_of

from learn_rt.client import connect

N = 300


@pytest.fixture(scope="session")
def repository(small_version: Path) -> Path:
    """A repository with the model `printer`, version 1: a window of 7 samples, 2 ticks of preview."""
    return small_version.parent.parent


@dataclass(frozen=True)
class Made:
    """A client's recording, in process: at rest first, one refused sample, then an answer of the policy."""

    path: Path
    pushed: int  # samples, the one at rest left out
    late: list[int]  # what the policy answered, by sequence


@pytest.fixture(scope="session")
def made(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """See Made."""
    samples = path_of(N)
    folder = tmp_path_factory.mktemp("boxes")
    with connect(f"inproc:{repository}", "printer", rest=samples[0], record=str(folder)) as client:
        for k, sample in enumerate(samples):
            if k == 150:
                client.predict(np.full(5, np.nan, np.float32), 10.0)
            client.predict(sample, 10.0)
        late: list[int] = []
        while not late:  # an answer may be quicker than no time at all
            given = client.predict(samples[-1], 0.0)
            late += [given.sequence] if given.late else []
        client.predict(samples[-1], 10.0)
        return Made(client.dump("a test"), client.stats.pushed, late)


@pytest.fixture(scope="session")
def recorded(made: Made) -> Path:
    """The recording of `made`."""
    return made.path


@pytest.fixture(scope="session")
def soon() -> Callable[[Callable[[], bool]], None]:
    """Waits until something holds."""

    def wait(holds: Callable[[], bool]) -> None:
        end = time.monotonic() + 60.0
        while not holds():
            assert time.monotonic() < end, "it never came"
            time.sleep(0.01)

    return wait
