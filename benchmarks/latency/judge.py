"""The decision: does a model's latency keep its budget, and is the machine fit to tell?

Written for people in docs/latency.md; this file is what it says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from learn_rt.benchmarks.latency.histogram import PERCENTILES, Blocks

DEFAULT_BUDGET_US = {"p50": 1000.0, "p99": 1000.0}
RESAMPLES = 2000
CONFIDENCE = 0.95
# Below this many durations beyond a percentile it is the luck of single ticks.
MIN_BEYOND = 10


class Verdict(StrEnum):
    """What a gate says. Not judged is no pass: the machine could not tell."""

    PASS = "pass"
    FAIL = "fail"
    NOT_JUDGED = "not judged"


@dataclass(frozen=True)
class Estimate:
    """A value with its 95% interval [us]."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.4g} [{self.low:.4g}, {self.high:.4g}]"


@dataclass(frozen=True)
class Judgement:
    """What one percentile says of the model, the empty model in turn with it, what the model adds, and the machine."""

    percentile: str
    budget_us: float
    verdict: Verdict
    reason: str
    model: Estimate
    empty: Estimate
    added: Estimate
    hiccup_us: float

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return asdict(self)


def judge(
    model: Blocks, empty: Blocks, hiccup: Blocks, budget_us: Mapping[str, float], sleeper_us: float = 0.0
) -> list[Judgement]:
    """Return one judgement for each percentile that has a budget.

    Args: model, empty: as many blocks of each, taken in turn. hiccup: how late a sleeper woke in the same run.
        sleeper_us: what a sleeper may be late where that is more than the budget, since the loop itself does not sleep.
    Raises: ValueError: unequal or fewer than two blocks, or a percentile that is not known.
    """
    pairs = (len(model.counts), len(empty.counts))
    if pairs[0] != pairs[1] or pairs[0] < 2:
        raise ValueError(f"as many blocks of both are needed, and at least 2, got {pairs}")
    if not budget_us or set(budget_us) - set(PERCENTILES):
        raise ValueError(f"budgets are for {', '.join(PERCENTILES)}, got {dict(budget_us)}")
    return [_judge_one(name, budget, model, empty, hiccup, sleeper_us) for name, budget in budget_us.items()]


def overall(judgements: list[Judgement]) -> Verdict:
    """Return fail when any percentile fails, else not judged when any could not be judged, else pass."""
    verdicts = {j.verdict for j in judgements}
    return next(v for v in (Verdict.FAIL, Verdict.NOT_JUDGED, Verdict.PASS) if v in verdicts)


def resamples(n_blocks: int) -> NDArray[np.int64]:
    """Return (RESAMPLES, n_blocks): how often each block was drawn, with replacement. The same draws every time."""
    rng = np.random.default_rng(0)
    return rng.multinomial(n_blocks, np.full(n_blocks, 1.0 / n_blocks), RESAMPLES)


def interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the 95% interval of resampled values."""
    low, high = np.quantile(values, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def _judge_one(name: str, budget: float, model: Blocks, empty: Blocks, hiccup: Blocks, sleeper_us: float) -> Judgement:
    q = PERCENTILES[name]
    # Neighbouring blocks of both are drawn together: what disturbs the machine for a while disturbs both.
    weights = resamples(len(model.counts))
    of_model, of_empty = model.percentile_us(q, weights), empty.percentile_us(q, weights)
    m, e = float(model.percentile_us(q)[0]), float(empty.percentile_us(q)[0])
    estimates = (
        Estimate(m, *interval(of_model)),
        Estimate(e, *interval(of_empty)),
        Estimate(m - e, *interval(of_model - of_empty)),
    )
    late = float(hiccup.percentile_us(q)[0])
    n = min(model.n, empty.n)
    allowed = max(budget, sleeper_us)
    verdict, reason = _decide(name, budget, *estimates, late, allowed, n)
    return Judgement(name, budget, verdict, reason, *estimates, late)


def _decide(
    name: str, budget: float, model: Estimate, empty: Estimate, added: Estimate, late: float, allowed: float, n: int
) -> tuple[Verdict, str]:
    needed = int(np.ceil(MIN_BEYOND / (1 - PERCENTILES[name])))
    if n < needed:
        return Verdict.NOT_JUDGED, f"{name} needs {needed} samples, got {n}: measure longer"
    too_late = "the machine is too late itself"
    if late > allowed:
        return Verdict.NOT_JUDGED, f"{too_late}: {name} of a sleeper is {late:.0f} us of {allowed:.0f}"
    if empty.high > budget:
        return Verdict.NOT_JUDGED, f"{too_late}: {name} without a model is {empty} us of {budget:g}"
    if model.high <= budget:
        return Verdict.PASS, f"{name} {model} us keeps {budget:g}"
    if model.low <= budget:
        return Verdict.NOT_JUDGED, f"too noisy to tell: {name} {model} us straddles {budget:g}"
    if added.low <= 0:
        return Verdict.NOT_JUDGED, f"too noisy to tell: the model adds {added} us to {name}"
    return Verdict.FAIL, f"{name} {model} us passes {budget:g}; the model adds {added}"
