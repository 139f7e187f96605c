"""The report page: one Markdown file with the figures and the pictures beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

COLUMNS = (("r2", "R2", 4), ("corr", "correlation", 4), ("mae_um", "MAE", 2), ("rmse_um", "RMSE", 2))
PERCENTILES = ("p50", "p90", "p95", "p99", "max")
PICTURES = {
    "trajectory_comparison": "A stretch of a held-out path, with its errors magnified",
    "per_axis_error": "The errors of that stretch over time",
    "error_distribution": "All errors, and what the predictions leave of them",
    "error_correlation": "Predicted against actual errors",
}


def write_report(accuracy: Mapping[str, Any], path: Path) -> None:
    """Write the page."""
    path.write_text("\n".join(_lines(accuracy)) + "\n", encoding="utf-8")


def _lines(accuracy: Mapping[str, Any]) -> Iterator[str]:
    yield "# Predicted tracking errors"
    yield ""
    yield "Of layers that training never saw; in um, the percentiles of |error - prediction|."
    yield ""
    yield from _table({**accuracy["outputs"], "both": accuracy})
    yield ""
    yield "The same by part:"
    yield ""
    yield from _table({_titled(name, row): row for name, row in accuracy["parts"].items()})
    yield ""
    if best := accuracy.get("ceiling"):
        yield (
            f"The best that any predictor can reach on these layers is R2 {best['r2']:.4f}: what remains is random. "
            f"This model reaches {best['share']:.3f} of it. On a print with new motor phases nobody can exceed "
            f"{best['new_phases_r2']:.3f}."
        )
    else:
        yield "How much of these errors is random, nobody knows: they were not simulated by learn-data with effects."
    t = accuracy["inference_us"]
    yield ""
    yield (
        f"One answer in PyTorch on one thread takes {t['p50']} us (p99 {t['p99']}, {t['missed']} of {t['n']} above "
        "1 ms). The exported model is faster: learn-bench measures it."
    )
    for name, title in PICTURES.items():
        yield ""
        yield f"![{title}]({name}.png)"


def _titled(name: str, row: Mapping[str, Any]) -> str:
    return f"{name}, held out whole" if row["held_out_whole"] else name


def _table(rows: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    yield "| | windows | planned RMS | " + " | ".join([*(title for _, title, _ in COLUMNS), *PERCENTILES]) + " |"
    yield "|---" * (3 + len(COLUMNS) + len(PERCENTILES)) + "|"
    for name, row in rows.items():
        numbers = [f"{row[key]:.{digits}f}" for key, _, digits in COLUMNS]
        numbers += [f"{row['percentiles_um'][key]:.1f}" for key in PERCENTILES]
        yield f"| {name} | {row.get('windows', '')} | {row['planned_rms_um']:.1f} | " + " | ".join(numbers) + " |"
