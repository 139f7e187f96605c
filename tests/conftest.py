"""One small untrained net for every part's tests, exported once: torch's exporter takes seconds each time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import numpy as np
import pytest

if TYPE_CHECKING:
    from serving import Served, Serving

    from learn_rt.spec import Spec
    from learn_rt.train.core.servable import Servable


hypothesis.settings.register_profile("busy", deadline=None)  # no test asserts a time
hypothesis.settings.load_profile("busy")

# One of pytest-xdist's workers; what a test starts, a pytest of its own perhaps, is none.
WORKER = os.environ.pop("PYTEST_XDIST_WORKER", "")
if WORKER:  # Workers share the cores: a pool of threads in each would only wait. Before torch is imported.
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@dataclass(frozen=True)
class Small:
    """A checkpoint and what is in it."""

    checkpoint: Path
    module: Servable
    spec: Spec
    held_out: np.ndarray  # (23, 7, 5) float32


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """The net before its export: a window of 7 samples, LSTM 2x8."""
    # On use: the tests of spec and runtime that need no torch do not wait for it.
    from learn_rt.train.core.checkpoint import load_servable
    from learn_rt.train.printer.model import OffsetNetConfig
    from learn_rt.train.printer.untrained import write_untrained

    checkpoint = tmp_path_factory.mktemp("checkpoint") / "best.ckpt"
    write_untrained(checkpoint, OffsetNetConfig(steps=6, preview=2, front_size=8, hidden_size=8), n_windows=23)
    return Small(checkpoint, *load_servable(checkpoint))


Once = Callable[[str, Callable[[Path], Path]], Path]


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """Makes a thing in a folder for the whole run, whichever of pytest-xdist's workers needs it first."""
    root = tmp_path_factory.getbasetemp()
    if WORKER:
        root = root.parent  # the workers' own folders lie in it

    def made(name: str, make: Callable[[Path], Path]) -> Path:
        with (root / f"{name}.lock").open("a+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # the second to come waits, then finds it
            lock.seek(0)
            if not (found := lock.read()):
                (root / name).mkdir()
                found = str(make(root / name))
                lock.write(found)
        return Path(found)

    return made


@pytest.fixture(scope="session")
def small_version(small: Small, once: Once) -> Path:
    """Its version folder <repository>/printer/1, with every format; only to be read."""
    from learn_rt.export import export_servable

    formats = ("onnx", "torchscript", "pt2")
    return once("small", lambda out: export_servable(small.module, small.spec, small.held_out, out, formats=formats))


@pytest.fixture(scope="session")
def second(once: Once) -> Path:
    """A version folder of the same contract and envelope as `small_version`, with other weights; only to be read."""
    from learn_rt.export import export_servable
    from learn_rt.train.core.checkpoint import load_servable
    from learn_rt.train.printer.model import OffsetNetConfig
    from learn_rt.train.printer.untrained import write_untrained

    def make(out: Path) -> Path:
        net = OffsetNetConfig(steps=6, preview=2, front_size=8, hidden_size=8)
        write_untrained(out / "best.ckpt", net, seed=43, n_windows=23)
        module, spec, held_out = load_servable(out / "best.ckpt")
        return export_servable(module, spec, held_out, out / "models", formats=("onnx",))

    return once("second", make)


@pytest.fixture(scope="session")
def cart_version(once: Once) -> Path:
    """The version folder <repository>/cart/1 of the small rollout net, ONNX and TorchScript; only to be read."""
    from rollout_net import Cart, cart_rows, cart_spec

    from learn_rt.export import export_servable

    spec = cart_spec()
    rows = cart_rows(30, spec.window + spec.horizon - 1)
    return once("cart", lambda out: export_servable(Cart(), spec, rows, out))


@pytest.fixture(scope="session")
def served(small: Small, small_version: Path) -> Served:
    """The small model with its oracle, to be served; its folder is only to be read."""
    from serving import Served

    from learn_rt.spec import Spec

    repository = small_version.parent.parent
    return Served(repository, Spec.from_json((small_version / "spec.json").read_bytes()), small.held_out)


@pytest.fixture
def launch() -> type[Serving]:
    """Start a server of one's own: launch(*arguments)."""
    from serving import Serving

    return Serving


@pytest.fixture(scope="session")
def launch_once() -> type[Serving]:
    """The same, for a server that a module's tests share."""
    from serving import Serving

    return Serving
