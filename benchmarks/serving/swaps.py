"""Versions swapped under many streams at 1 kHz: every answer held to its own version, beside blocks without a swap."""

from __future__ import annotations

import json
import shutil
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from learn_rt.benchmarks.engine import models
from learn_rt.benchmarks.latency import pinning
from learn_rt.benchmarks.latency.histogram import Blocks
from learn_rt.benchmarks.latency.measure import Measured
from learn_rt.benchmarks.latency.streams import allowed, run_onnx, windows_ending_at_each
from learn_rt.benchmarks.serving.compare import difference, ratio
from learn_rt.benchmarks.serving.load import at_once
from learn_rt.benchmarks.serving.many_streams import merged
from learn_rt.benchmarks.serving.place import MODEL, SAMPLE_S, Place
from learn_rt.benchmarks.serving.result import Result
from learn_rt.spec import Spec

CROSSFADE_S = 0.02
FADE_EVERY = 4  # one stream in so many fades, the others go on between two samples
FOLLOWS_S = 60.0  # a swap that did not reach every stream within this is an error
SHORT_S = 0.05


def swaps(place: Place, seconds: float, n: int, times: int) -> Result:
    """Measure `n` streams over `times` swaps between two versions, in turn with as many blocks without one.

    Raises: RuntimeError: a stream did not go on with a version, or the server refused to load it.
    """
    from learn_rt._latency import Hiccup, SwapArm, Turn

    folders = two_versions(place)
    specs = [Spec.from_json((folder / "spec.json").read_bytes()) for folder in folders]
    windows = windows_ending_at_each(place.stream.samples, place.spec)
    answers = [run_onnx(folder / "model.onnx", windows).ravel().tolist() for folder in folders]
    tolerance = max(allowed(spec) for spec in specs)
    blocks: dict[str, list[list[dict[str, Any]]]] = {"swap": [], "none": []}
    lost: list[str] = []
    took_s: list[float] = []
    control = place.pinning.control
    with place.server(repository=folders[0].parent.parent) as served:
        address = served.addresses["unix"]
        fades = [CROSSFADE_S if i % FADE_EVERY == 0 else 0.0 for i in range(n)]
        with pinning.on(control):
            arms = [SwapArm(address, MODEL, fade, *place.sizes, answers, tolerance) for fade in fades]
            turns = [Turn(arm, place.stream.samples) for arm in arms]
        hiccup = Hiccup(round(1e9 * SAMPLE_S))  # on any CPU: the streams' own load is not the machine's
        with pinning.on(control):
            lost += at_once(turns, SHORT_S)[1]
            for k in range(times):
                wanted = 1 + k % 2  # it serves the newest, 2, at first
                loading = _Loading(address, wanted)
                recorded, failed = at_once(turns, seconds / (2 * times))
                lost += failed
                took_s.append(loading.wait())
                until = time.monotonic() + FOLLOWS_S
                while not lost and any(arm.version != wanted for arm in arms):
                    if time.monotonic() > until:
                        raise RuntimeError(f"a stream stayed on its version {FOLLOWS_S:g} s after {wanted} was loaded")
                    more, failed = at_once(turns, SHORT_S)
                    recorded, lost = recorded + more, lost + failed
                blocks["swap"].append(recorded)
                recorded, failed = at_once(turns, seconds / (2 * times))
                blocks["none"].append(recorded)
                lost += failed
        lateness = hiccup.stop()
    measured = {name: Measured.read([b for block in of for b in block]) for name, of in blocks.items()}
    by_block = {name: Blocks.read([merged(block) for block in of]) for name, of in blocks.items()}
    counts = {name: sum(getattr(arm, name) for arm in arms) for name in ("swaps", "unversioned", "faded", "limited")}
    return Result(
        case=f"swaps-{times}",
        setting=f"{place.pinning}; {n} connections at 1 kHz, Unix socket, phases spread; echo: blocks without a swap",
        ours_us=measured["swap"].latency.figures(),
        echo_us=measured["none"].latency.figures(),
        difference_us=difference(by_block["swap"], by_block["none"], "p50"),
        p99_ratio=ratio(by_block["swap"], by_block["none"], "p99"),
        hiccup_us=Blocks.read([lateness], lateness["missed"]).figures(),
        lost=len(lost),
        wrong=sum(arm.wrong for arm in arms) + counts["unversioned"],
        compared=sum(arm.compared + arm.faded for arm in arms),
        more=counts | {"load_ms": 1e3 * float(np.median(took_s))} | ({"failed": lost[:3]} if lost else {}),
    )


def two_versions(place: Place) -> list[Path]:
    """Return the folders of versions 1 and 2 of the model, of one contract and envelope and other weights."""
    repository = place.folder / "swaps"
    if not repository.exists():
        from learn_rt.export import export_servable

        shutil.copytree(place.version_folder.parent, repository / MODEL)
        module, spec, held_out = models.printer(56, 20, seed=models.SEED + 1)
        export_servable(module, spec, held_out, repository, MODEL, formats=("onnx",))
    return [repository / MODEL / str(version) for version in (1, 2)]


class _Loading:
    """A load of one version, under way on a thread of its own."""

    def __init__(self, address: str, version: int) -> None:
        self._address, self._version = address, version
        self._failed: Exception | None = None
        self._took_s = 0.0
        self._thread = threading.Thread(target=self._load)
        self._thread.start()

    def wait(self) -> float:
        """Return how long it took [s]. Raises: RuntimeError: the server refused."""
        self._thread.join()
        if self._failed is not None:
            raise RuntimeError(f"version {self._version} was not loaded: {self._failed}") from self._failed
        return self._took_s

    def _load(self) -> None:
        begin = time.monotonic()
        try:
            import tritonclient.grpc as triton

            with triton.InferenceServerClient(self._address) as client:
                specific = {"version_policy": {"specific": {"versions": [self._version]}}}
                client.load_model(MODEL, config=json.dumps(specific))
        except Exception as error:  # of the server, of the way to it, or no tritonclient: told by wait()
            self._failed = error
        self._took_s = time.monotonic() - begin
