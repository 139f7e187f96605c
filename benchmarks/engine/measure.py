"""A row's arms turn by turn, block by block, and the machine's own limits in the same blocks."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from learn_rt.benchmarks.engine.arms import Arm, Row
from learn_rt.benchmarks.latency.histogram import Blocks
from learn_rt.benchmarks.latency.judge import Estimate, interval, resamples
from learn_rt.benchmarks.latency.pinning import apart, on
from learn_rt.spec import Weights

ROUNDS = 12
LEAST = 2  # answers of a block, however long they take
COLD_NS = 1_000_000  # 1 kHz


class WrongAnswer(AssertionError):
    """An arm answered what the model does not say, so that its time means nothing."""


@dataclass(frozen=True)
class Timed:
    """One arm: each answer's time, and the same with what settles after it."""

    answer: Blocks
    sustained: Blocks
    compared: int
    worst: float


@dataclass(frozen=True)
class Measured:
    """A row: its arms by name, cold answers by the form of weights, and the bound of an answer [us] of each round."""

    row: Row
    arms: dict[str, Timed]
    cold: dict[Weights, Blocks]
    bounds_us: dict[Weights, np.ndarray]
    limits: dict[str, float]  # of the machine: bytes_per_ns where the weights lie, multiply_adds_per_ns


def measure(row: Row, seconds: float, cold_seconds: float) -> Measured:
    """Measure all arms in turn for `seconds` together, and ours cold for `cold_seconds`.

    Raises: WrongAnswer: an arm's answers are not model.onnx's, or none could be compared.
    """
    with on(apart().control):
        for arm in row.arms:
            arm.laps.warm_up()
        duration_ns = round(seconds * 1e9 / (ROUNDS * len(row.arms)))
        laps: dict[str, list[dict[str, Any]]] = {arm.name: [] for arm in row.arms}
        rates: dict[Weights, list[tuple[float, float]]] = {form: [] for form in row.folders}
        for _ in range(ROUNDS):
            for arm in row.arms:
                laps[arm.name].append(arm.laps.run(duration_ns, LEAST))
                _yield(duration_ns)
            for form in row.folders:
                rates[form].append(_limits(row, form))
        cold = {form: _cold(row, form, cold_seconds) for form in row.folders}
    arms = {arm.name: _timed(row, arm, laps[arm.name]) for arm in row.arms}
    bounds = {form: np.array([_bound_us(row, form, *rate) for rate in of_form]) for form, of_form in rates.items()}
    read, multiplied = (float(np.median(values)) for values in zip(*rates[Weights.FP32], strict=True))
    return Measured(row, arms, cold, bounds, {"bytes_per_ns": read, "multiply_adds_per_ns": multiplied})


def ratio(ours: Blocks, theirs: Blocks) -> Estimate:
    """Return the baseline's median over ours, with its 95% interval; neighbouring blocks are drawn together."""
    weights = resamples(len(ours.counts))
    low, high = interval(theirs.percentile_us(0.5, weights) / ours.percentile_us(0.5, weights))
    return Estimate(float(theirs.percentile_us(0.5)[0] / ours.percentile_us(0.5)[0]), low, high)


def _yield(duration_ns: int) -> None:
    # Linux takes 5% of each second from a real-time thread that never sleeps: let it do so between two blocks.
    time.sleep(0.06e-9 * duration_ns)


def _timed(row: Row, arm: Arm, laps: list[dict[str, Any]]) -> Timed:
    compared, worst = sum(lap["compared"] for lap in laps), max(lap["worst"] for lap in laps)
    if arm.tolerance is not None and not (compared > 0 and worst <= arm.tolerance):
        raise WrongAnswer(
            f"{row.model}, {arm.name}: {compared} answers compared, the worst {worst:.2e} away from model.onnx, "
            f"the tolerance is {arm.tolerance:.2e}"
        )
    answer, sustained = (Blocks.read([lap[name] for lap in laps]) for name in ("answer", "sustained"))
    return Timed(answer, sustained, compared, worst)


def _cold(row: Row, form: Weights, seconds: float) -> Blocks:
    laps = next(arm.laps for arm in row.arms if arm.name == form.value)
    blocks = [laps.run(round(seconds * 1e9 / 4), LEAST, COLD_NS) for _ in range(4)]
    return Blocks.read([block["answer"] for block in blocks])


def _limits(row: Row, form: Weights) -> tuple[float, float]:
    """Return bytes and multiply-adds a nanosecond: read from where all the weights of a tick lie, and at peak."""
    import learn_rt._engine as _engine

    work = row.footprints[form]
    weights = max(work[part]["weight_bytes"] for part in ("answer", "settle")) or 4096
    if work["settle"]["weight_bytes"]:  # one after the other, they share the cache
        weights = work["answer"]["weight_bytes"] + work["settle"]["weight_bytes"]
    return _engine.bytes_per_ns(weights), _engine.multiply_adds_per_ns()


def _bound_us(row: Row, form: Weights, bytes_per_ns: float, multiply_adds_per_ns: float) -> float:
    """Return what no code can do an answer faster than [us]: reading its weights, or multiplying by them."""
    work = row.footprints[form]["answer"]
    multiplied = work["multiply_adds"] / (row.threads * multiply_adds_per_ns)
    return max(work["weight_bytes"] / bytes_per_ns, multiplied) / 1e3
