"""What is wrong with recordings, said so that one knows what to do: missing values, constants, units mixed up."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from learn_rt.train.table.recording import Array, Recording
from learn_rt.train.table.resample import Segment

# Factors between units that are mixed up in practice, and what they are; those that are too near to tell are one.
FACTORS = {
    1000.0: "a change between m and mm, or s and ms",
    1e6: "a change between m and um, or s and us",
    100.0: "a change between m and cm",
    10.0: "a change between cm and mm, g and m/s2, or rpm and rad/s",
    25.4: "a change between inch and mm",
    58.0: "a change between degrees and radians, or min and s",
    3.6: "a change between km/h and m/s",
}
NEAR = 1.3  # how far from such a factor, as a factor, a ratio may be
LIVELY, BIG = 5.0, 20.0  # ratios of scales that are named where they are near such a factor, and refused
JUMP = 30.0  # one that is named even where it is no known factor
QUANTILES = (0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98)


def refuse_missing(recordings: Sequence[Recording]) -> None:
    """Raise ValueError where a value is missing: the file, the columns, how many and where first."""
    for recording in recordings:
        found = []
        for name, signal in recording.signals.items():
            gone = ~np.isfinite(signal.v)
            if gone.all():
                raise ValueError(f"{recording.name}: {name} has no value at all: leave the file or the column out")
            if gone.any():
                found.append(f"{name} in {gone.sum():,} of {len(gone):,} rows, first row {int(np.argmax(gone)) + 1}")
        if found:
            raise ValueError(
                f"{recording.name}: values are missing: {'; '.join(found)}. Set missing=drop to leave out the windows "
                "that hold them, or missing=interpolate to fill short gaps"
            )


def constants(segments: Sequence[Segment], inputs: Sequence[str], outputs: Sequence[str]) -> list[str]:
    """Return warnings on inputs that never change.

    Raises: ValueError: an output never changes.
    """
    x, y = (np.concatenate([getattr(s, side) for s in segments]) for side in ("x", "y"))
    for j, name in enumerate(outputs):
        if np.ptp(y[:, j]) <= 1e-9 * max(1e-300, float(np.abs(y[:, j]).max())):
            raise ValueError(
                f"output {name} is {y[0, j]:g} in all training data: there is nothing to learn; give other files, "
                "or leave it out of outputs="
            )
    return [
        f"input {name} is {x[0, i]:g} in all training data: it says nothing, and another value will be new to the "
        "model; leave it out of inputs="
        for i, name in enumerate(inputs)
        if np.ptp(x[:, i]) <= 1e-9 * max(1e-300, float(np.abs(x[:, i]).max()))
    ]


def other_rates(recordings: Sequence[Recording]) -> list[str]:
    """Return warnings on files in which a column was sampled at another rate than in the rest.

    Raises: ValueError: some files have times and some have none.
    """
    if untimed := [r.name for r in recordings if not r.timed]:
        if len(untimed) < len(recordings):
            raise ValueError(
                f"{', '.join(untimed[:5])}: no time column, where other files have one: give them one, leave them out, "
                "or set time=none dt_s= for all"
            )
        return []
    warnings: list[str] = []
    for name in recordings[0].signals:
        intervals = {r.name: r.signals[name].interval_s for r in recordings}
        usual = float(np.median(list(intervals.values())))
        warnings += [
            f"{file}: {name} has {1 / interval:.4g} samples a second, in the other files {1 / usual:.4g}"
            for file, interval in intervals.items()
            if interval > 0 and usual > 0 and not 1 / 1.1 < interval / usual < 1.1
        ]
    return warnings


def scale_jumps(recordings: Sequence[Recording]) -> tuple[list[str], list[str]]:
    """Return (errors, warnings) on columns whose scale in one file is another than in the rest.

    An error: the file's values, divided by the factor between two units, are spread like the others', and nothing else
    explains it. A warning: the scale differs a lot (an idle recording, perhaps).
    """
    errors: list[str] = []
    warnings: list[str] = []
    if len(recordings) < 2:
        return errors, warnings
    for name in recordings[0].signals:
        spread = {r.name: np.quantile(_known(r.signals[name].v), QUANTILES) for r in recordings}
        sizes = {file: float(np.abs(q).mean()) for file, q in spread.items()}
        usual = float(np.median(list(sizes.values())))
        for file, size in sizes.items():
            ratio = size / usual if usual > 0 else 1.0
            if ratio == 0 or 1 / 2.5 < ratio < 2.5:
                continue
            others = np.median([q for f, q in spread.items() if f != file and sizes[f] > 0], axis=0)
            unit, far = _unit_change(spread[file], others, ratio), max(ratio, 1 / ratio)
            said = f"{file}: {name} is {ratio:.3g} times as large as in the other files"
            # A signal about zero may just be livelier in one file; one about a level, as a temperature, is not.
            about_level = abs(others[len(others) // 2]) > 0.5 * (others[-1] - others[0])
            if unit and (about_level or far > BIG):
                errors.append(
                    f"{said}: that looks like {unit}. Convert the file, leave it out, or set unit_check=false if it "
                    "is right"
                )
            elif unit and far > LIVELY:
                warnings.append(f"{said}: is it livelier, or is it {unit}?")
            elif far > JUMP:
                warnings.append(f"{said}: is it right?")
    return errors, warnings


def _known(values: Array) -> Array:
    there = values[np.isfinite(values)]
    return there if len(there) else np.zeros(1)


def _unit_change(q: Array, others: Array, ratio: float) -> str | None:
    """Return what a factor means where it turns one distribution into the other."""
    near: dict[float, str] = {}
    for factor, meaning in FACTORS.items():
        for f in (factor, 1 / factor):
            alike = float(np.abs(q / f - others).max()) <= 0.5 * float(np.abs(others).max())
            if alike:
                near[abs(np.log(ratio / f))] = meaning
    return near[min(near)] if near and min(near) < np.log(NEAR) else None
