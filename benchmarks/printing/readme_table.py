"""The README's table of a print: `python -m learn_rt.benchmarks.printing.readme_table report.json README.md`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from learn_rt.benchmarks.printing.contour import Figures
from learn_rt.benchmarks.printing.picture import TITLES
from learn_rt.benchmarks.printing.report import METHODS, Report
from learn_rt.benchmarks.printing.show import PLANTS, PLANTS_TOLD, micrometres
from learn_rt.benchmarks.readme import replace_between

BEGIN, END = "<!-- print: made by `make demo`, do not edit -->", "<!-- /print -->"
FIGURES: dict[str, Callable[[Figures], float]] = {
    "contour RMS": lambda f: f.contour_rms_um,
    "contour p99": lambda f: f.contour_p99_um,
    "contour max": lambda f: f.contour_max_um,
    "RMS in time": lambda f: f.rms_um,
}


def markdown(report: Report) -> str:
    """Return the table: a row for each printer and figure, a column for each method, in micrometres."""
    rows = [f"| µm | | {' | '.join(TITLES[m] for m in METHODS)} |", f"|---|---|{'---:|' * len(METHODS)}"]
    for plant in PLANTS:
        methods = getattr(report.closed_loop, plant)
        for name, figure in FIGURES.items():
            cells = " | ".join(micrometres(figure(methods[m])) for m in METHODS)
            rows.append(f"| {PLANTS_TOLD[plant]} | {name} | {cells} |")
    windows, seconds = f"{report.train.windows:,}", f"{report.train.seconds:.0f}"
    note = f"Extruding moves of a part that training never saw; {windows} windows learned in {seconds} s on two cores."
    return "\n".join([*rows, "", note])


def main(argv: Sequence[str] | None = None) -> int:
    """Update a README; return 0 done, 1 failed, 2 usage."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if len(arguments) != 2:
        print("usage: python -m learn_rt.benchmarks.printing.readme_table REPORT.json README.md", file=sys.stderr)
        return 2
    source, readme = map(Path, arguments)
    try:
        table = markdown(Report.from_json(source.read_text()))
        readme.write_text(replace_between(readme.read_text(), BEGIN, END, table))
    except (OSError, ValueError) as error:
        print(f"readme_table: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
