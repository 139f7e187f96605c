"""One gate: a model over one transport in one mode, measured, verified and judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from learn_rt.benchmarks.latency import pinning
from learn_rt.benchmarks.latency.bench import Bench
from learn_rt.benchmarks.latency.histogram import Figures
from learn_rt.benchmarks.latency.judge import DEFAULT_BUDGET_US, MIN_BEYOND, Judgement, Verdict, judge, overall
from learn_rt.benchmarks.latency.measure import MODES, STAGES, Measured, Mode, in_turn
from learn_rt.benchmarks.latency.text import TRANSPORTS
from learn_rt.spec import Kind, Spec

COLD_TICK_S = 0.006  # a cold tick takes as long as reading more than all caches hold
MAX_AUTO_S = {"closed": 60.0, "paced": 60.0, "cold": 15.0}


class WrongAnswer(AssertionError):
    """An arm answered what the model does not say, so that its latency means nothing."""


@dataclass(frozen=True)
class Case:
    """What is to be measured."""

    model: str
    transport: str
    mode: str

    @property
    def name(self) -> str:
        """The gate's name in every table: model-transport-mode."""
        return f"{self.model}-{self.transport}-{self.mode}"


@dataclass(frozen=True)
class Report:
    """What a gate found: raw figures always, whatever the verdict."""

    case: Case
    what: str  # the backend or the address
    pinned: str
    period_us: float
    model: Measured
    empty: Measured
    hiccup: Figures
    judgements: tuple[Judgement, ...]

    @property
    def verdict(self) -> Verdict:
        """The gate's verdict."""
        return overall(list(self.judgements))

    @property
    def reason(self) -> str:
        """Why, in one line: the reasons of what decided."""
        return "; ".join(j.reason for j in self.judgements if j.verdict is self.verdict)

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON has it; every latency in the one schema."""
        return {
            "model": self.case.model,
            "transport": self.case.transport,
            "mode": self.case.mode,
            "what": self.what,
            "pinning": self.pinned,
            "period_us": self.period_us,
            "verdict": self.verdict.value,
            "reason": self.reason,
            "latency_us": self.model.latency.figures().as_dict(),
            "empty_us": self.empty.latency.figures().as_dict(),
            "hiccup_us": self.hiccup.as_dict(),
            "settle_us": self.model.settle.figures().as_dict(),
            "stages_us": {name: self.model.stages[name].figures().as_dict() for name in STAGES},
            "empty_stages_us": {name: self.empty.stages[name].figures().as_dict() for name in STAGES},
            "judgements": [j.as_dict() for j in self.judgements],
            "verified": {"answers": self.model.compared, "limited": self.model.limited, "worst": self.model.worst},
        }


def cases(models: list[str], transports: list[str]) -> list[Case]:
    """Return the gates of each model: closed and paced over every transport, cold where caches are ours to evict.

    Raises: ValueError: a transport that is not known.
    """
    if unknown := set(transports) - set(TRANSPORTS):
        raise ValueError(f"transports are {', '.join(TRANSPORTS)}, got {', '.join(sorted(unknown))}")
    modes = {t: ["closed", "paced", "cold"] if t == "inproc" else ["closed", "paced"] for t in transports}
    return [Case(model, t, mode) for model in models for t in transports for mode in modes[t]]


def budget_of(spec: Spec, budget_us: float | None) -> dict[str, float]:
    """Return the budgets [us] of p50 and p99: the option's, else the spec's provenance.latency_budget_us, else 1 ms.

    A rollout's default is its own period: a plan is there before the next one is due.

    Raises: ValueError: the spec's is neither a number above 0 nor an object with p50 and p99.
    """
    stated: Any = budget_us if budget_us is not None else spec.provenance.get("latency_budget_us")
    if stated is None:
        return (
            dict.fromkeys(DEFAULT_BUDGET_US, 1e6 * spec.dt_s) if spec.kind is Kind.ROLLOUT else dict(DEFAULT_BUDGET_US)
        )
    budget = dict.fromkeys(DEFAULT_BUDGET_US, stated) if not isinstance(stated, dict) else dict(stated)
    numbers = [isinstance(b, int | float) and not isinstance(b, bool) and b > 0 for b in budget.values()]
    if not (set(budget) <= set(DEFAULT_BUDGET_US) and budget and all(numbers)):
        raise ValueError(
            f"{spec.name}: latency_budget_us must be a number above 0 or an object of p50 and p99 [us], got {stated!r}"
        )
    return {name: float(b) for name, b in budget.items()}


def auto_seconds(mode: Mode, period_s: float) -> float:
    """Return how long a gate measures unless told: until p99 of both arms has its samples, within reason."""
    # Asked one after the other, an answer takes less than half a period wherever the budget can be kept.
    tick_s = max(period_s, COLD_TICK_S) if mode.cold else period_s if mode.paced else period_s / 2
    ticks = 2.4 * MIN_BEYOND / 0.01  # both arms, and a fifth for what is not recorded
    return min(max(4.0, ticks * tick_s), MAX_AUTO_S[mode.name])


def run(
    bench: Bench, case: Case, budget_us: float | None = None, rate_hz: float | None = None, seconds: float | None = None
) -> Report:
    """Measure one gate.

    Raises: WrongAnswer: an answer is not what model.onnx says; ValueError, RuntimeError: it cannot be measured.
    """
    subject, mode = bench.subject(case.model), MODES[case.mode]
    period_s = 1.0 / rate_hz if rate_hz else subject.spec.dt_s
    budget = budget_of(subject.spec, budget_us)
    cpus = bench.pinning.control
    with pinning.on(cpus):  # a client's I/O thread too
        *turns, what = bench.open(case.model, case.transport)
    (model, empty), hiccup = in_turn(turns, mode, seconds or auto_seconds(mode, period_s), period_s, cpus)
    verify(f"{case.model} over {what}", model, subject.stream.tolerance)
    verify(f"the empty model over {what}", empty, subject.empty_stream.tolerance)
    # A closed loop never sleeps to a schedule: its machine is unfit only when sleepers miss whole control periods.
    period_us = period_s * 1e6
    sleeper_us = 0.0 if mode.paced else period_us
    judgements = tuple(judge(model.latency, empty.latency, hiccup, budget, sleeper_us))
    return Report(case, what, str(bench.pinning), period_us, model, empty, hiccup.figures(), judgements)


def verify(who: str, arm: Measured, tolerance: float) -> None:
    """Raise WrongAnswer unless every answer that could be compared was right, and some could be."""
    if arm.compared == 0:
        raise WrongAnswer(f"{who}: no answer could be compared; the envelope limited {arm.limited}")
    if not arm.worst <= tolerance:
        raise WrongAnswer(f"{who}: an answer is {arm.worst:.2e} away from model.onnx, the tolerance is {tolerance:.2e}")
