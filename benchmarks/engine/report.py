"""What was measured as JSON and as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Table

from learn_rt.benchmarks.engine.measure import Measured, Timed, ratio
from learn_rt.benchmarks.latency.histogram import Blocks
from learn_rt.spec import Weights

# Floors of fp32, and of other weights where they are held to one: answer beside a step, beside the whole, sustained.
FLOORS: dict[tuple[str, str], tuple[float | None, float | None, float | None]] = {
    ("printer-56x2-w20", "fp32"): (10.0, 40.0, 2.2),
    ("printer-96x2-w50", "fp32"): (8.0, 100.0, 1.9),
    ("dynamics-gru128-h11", "fp32"): (8.0, 40.0, 2.0),
    ("dynamics-rollout-h9-k1", "fp32"): (None, 6.0, None),
    ("dynamics-rollout-h9-k256", "fp32"): (None, 2.2, None),
    ("dynamics-rollout-h75-k64", "fp32"): (None, 2.0, None),
    ("dynamics-rollout-h75-k128", "fp32"): (None, 2.0, None),
    ("gait-mlp-15", "fp32"): (None, 1.3, None),
    ("gait-mlp-15", "bf16"): (None, 2.0, None),
    ("gait-mlp-15", "int8"): (None, 5.0, None),
    ("gait-mlp-281", "fp32"): (None, 1.2, None),
    ("gait-mlp-281", "bf16"): (None, 1.9, None),
    ("gait-mlp-281", "int8"): (None, 5.0, None),
    ("cost-mlp", "fp32"): (None, 10.0, None),
    ("activity-w256", "fp32"): (None, 1.0, None),
}


def as_json(measured: Measured) -> list[dict[str, Any]]:
    """Return one object for each form of weights; ratios are a baseline's p50 over ours."""
    return [_json_row(measured, form) for form in measured.row.folders]


def _json_row(measured: Measured, form: Weights) -> dict[str, Any]:
    arms, ours = measured.arms, measured.arms[form.value]
    step, whole = arms.get("onnxruntime_step"), arms["onnxruntime"]
    return {
        "model": measured.row.model,
        "weights": form.value,
        "answer_us": _figures(ours.answer),
        "sustained_us": _figures(ours.sustained),
        "onnxruntime_step_us": _figures(step.answer) if step else None,
        "onnxruntime_us": _figures(whole.answer),
        "torchscript_us": _figures(arms["torchscript"].answer),
        "step_ratio": _ratio(ours, step),
        "answer_ratio": _ratio(ours, whole),
        "sustained_ratio": round(ratio(ours.sustained, whole.answer).value, 3),
        "bound_us": _spread(measured.bounds_us[form]),
    }


def _figures(blocks: Blocks) -> dict[str, float | int]:
    figures = blocks.figures().as_dict()
    del figures["missed"]  # nothing is due here
    return figures


def _ratio(ours: Timed, theirs: Timed | None) -> float | None:
    return None if theirs is None else round(ratio(ours.answer, theirs.answer).value, 3)


def _spread(values: np.ndarray) -> dict[str, float | int]:
    """Return a bound's figures: it is probed anew in each round."""
    p50, p99, p999 = (round(float(q), 4) for q in np.percentile(values, [50, 99, 99.9]))
    return {"p50": p50, "p99": p99, "p999": p999, "max": round(float(values.max()), 4), "n": len(values)}


def table(all_measured: Sequence[Measured]) -> RenderableType:
    """Return the rows for people: medians [us], ratios with their 95% intervals, and what the bound leaves."""
    shown = Table(box=None, pad_edge=False)
    shown.add_column("model", no_wrap=True)
    shown.add_column("weights", no_wrap=True)
    for heading in (
        "answer p50/p99",
        "sustained",
        "bound",
        "of it",
        "x step",
        "x whole",
        "x sustained",
        "x torch",
        "cold",
    ):
        shown.add_column(heading, justify="right", no_wrap=True)
    shown.add_column("floors")
    for measured in all_measured:
        for form in measured.row.folders:
            shown.add_row(*_cells(measured, form))
    return Group(shown)


def _cells(measured: Measured, form: Weights) -> list[str]:
    arms, ours = measured.arms, measured.arms[form.value]
    step, whole, torch = arms.get("onnxruntime_step"), arms["onnxruntime"], arms["torchscript"]
    answer, bound = ours.answer.figures(), float(np.median(measured.bounds_us[form]))
    ratios = [
        ratio(ours.answer, step.answer) if step else None,
        ratio(ours.answer, whole.answer),
        ratio(ours.sustained, whole.answer),
    ]
    threads = measured.row.threads
    return [
        measured.row.model + (f" ({threads} threads)" if threads > 1 else ""),
        form.value,
        f"{answer.p50:.3g}/{answer.p99:.3g}",
        f"{ours.sustained.figures().p50:.3g}",
        f"{bound:.3g}",
        f"{bound / answer.p50:.0%}",
        *(f"{r.value:.3g} [{r.low:.3g}, {r.high:.3g}]" if r else "" for r in ratios),
        f"{ratio(ours.answer, torch.answer).value:.3g}",
        f"{measured.cold[form].figures().p50:.3g}",
        judged(measured.row.model, form.value, [r.value if r else None for r in ratios]),
    ]


def judged(model: str, weights: str, ratios: Sequence[float | None]) -> str:
    """Return whether each floor of a row is met: "met", or what is below it."""
    floors = FLOORS.get((model, weights))
    if floors is None:
        return ""
    below = [
        f"{name} {value:.3g} < {floor:g}"
        for name, value, floor in zip(("step", "whole", "sustained"), ratios, floors, strict=True)
        if floor is not None and value is not None and value < floor
    ]
    return ", ".join(below) or "met"
