"""`learn-data from-recording FILE... --out DIR`: recordings of streams as columns, for `learn-train system=table`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from learn_rt.layout import newest_columns
from learn_rt.recording import BEGINS, Kind, Recording, read
from learn_rt.spec import Signal, Spec

UNUSABLE = (1 << 0) | (1 << 3)  # Flag bits: warming up, refused


def main(argv: list[str]) -> None:
    """Run the command. Raises: SystemExit: 1 failed, 2 usage."""
    parser = argparse.ArgumentParser(
        prog="learn-data from-recording",
        description="Turn recordings of learn-serve or of clients into columns: inputs and answers, in their "
        "units, on the model's tick. What was refused, never came or warmed up is a gap in time.",
        epilog="example: learn-data from-recording boxes/*.lrec --out data/recorded",
    )
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="recordings of one contract")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="a .npz of each file goes there")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    given = parser.parse_args(argv)
    try:
        told = convert(given.files, given.out)
    except (ValueError, OSError) as error:
        print(f"learn-data: {' '.join(str(error).split())}", file=sys.stderr)
        raise SystemExit(1) from None
    if given.json:
        print(json.dumps(told))
        return
    for row in told["files"]:
        print(f"{row['out']}: {row['ticks']:,} ticks in {row['stretches']} stretches; {row['left_out']:,} left out")
    print(f"train on it: {told['train']}")


def convert(files: list[Path], out: Path) -> dict[str, Any]:
    """Write the columns of each recording; return what was written, and the command that trains on it.

    Raises: ValueError: a file is no recording, holds no answer, or two are of different contracts or of one name.
    """
    recordings = [read(path) for path in files]
    spec = recordings[0].spec
    for recording in recordings[1:]:
        if recording.spec.contract_hash != spec.contract_hash:
            raise ValueError(f"{recording.path} is of another contract than {recordings[0].path}: convert them apart")
    names = [recording.path.stem for recording in recordings]
    if len(set(names)) < len(names):
        raise ValueError("recordings must have distinct names")
    out.mkdir(parents=True, exist_ok=True)
    rows = []
    for recording in recordings:
        table, stretches, left_out = columns(recording)
        path = out / f"{recording.path.stem}.npz"
        _write(path, table)
        rows.append({"out": str(path), "ticks": len(table["time"]), "stretches": stretches, "left_out": left_out})
    return {"files": rows, "train": _command(spec, out)}


def columns(recording: Recording) -> tuple[dict[str, NDArray[Any]], int, int]:
    """Return a recording's columns by name, time [s] among them, how many stretches they are, and answers left out.

    An answer stands beside the sample that it is for, which is `preview` ticks before the one that brought it. Raises:
    ValueError: no tick can be used.
    """
    spec = recording.spec
    sessions = np.cumsum(np.isin(recording.rows["kind"], BEGINS))
    steps = recording.rows["kind"] == Kind.STEP
    rows, sessions = recording.rows[steps], sessions[steps]
    usable = rows["flags"] & UNUSABLE == 0
    # A new session, a jump of the sender's count or an unusable row ends a stretch.
    counts = rows["sequence"].astype(np.int64)
    breaks = np.concatenate([[True], (np.diff(sessions) != 0) | (np.diff(counts) != 1)]) if len(rows) else steps[:0]
    stretch = np.cumsum(breaks | ~usable | np.concatenate([[False], ~usable[:-1]]))
    tick = np.arange(len(rows)) + stretch  # one tick is missing at least between two stretches
    ahead = np.arange(len(rows)) + spec.preview
    paired = usable & (ahead < len(rows))
    paired[paired] &= stretch[ahead[paired]] == stretch[paired]
    if not paired.any():
        raise ValueError(f"{recording.path}: holds no answer that could be trained on")
    found: dict[str, NDArray[Any]] = {"time": tick[paired] * spec.dt_s}
    samples, answers = rows["inputs"][paired], rows["outputs"][ahead[paired]]
    for signal, places in newest_columns(spec):
        found |= _in_units(signal, samples[:, places])
    begin = 0
    for signal in spec.outputs:
        found |= _in_units(signal, answers[:, begin : begin + signal.size])
        begin += signal.size
    return found, len(np.unique(stretch[paired])), int(len(rows) - paired.sum())


def _in_units(signal: Signal, values: NDArray[np.float32]) -> dict[str, NDArray[np.float64]]:
    scaled = values.astype(np.float64) * np.asarray(signal.scales) + np.asarray(signal.offsets)
    return {name: scaled[:, i] for i, name in enumerate(_names(signal))}


def _names(signal: Signal) -> list[str]:
    if signal.size == 1:
        return [signal.name]
    return [f"{signal.name}.{element}" for element in signal.elements or range(signal.size)]


def _command(spec: Spec, out: Path) -> str:
    inputs = [name for s in spec.inputs if not s.feedback_of for name in _names(s)]
    outputs = [name for s in spec.outputs for name in _names(s)]
    window = {"pointwise": "pointwise", "stateful": "carried"}.get(spec.kind.value, spec.window)
    preview = f" preview={spec.preview}" if spec.preview else ""
    return (
        f"learn-train system=table data={out} 'inputs=[{','.join(inputs)}]' 'outputs=[{','.join(outputs)}]'"
        f" window={window}{preview} name={spec.name}"
    )


def _write(path: Path, table: dict[str, NDArray[Any]]) -> None:
    staged = path.with_name(f".{path.name}.tmp")
    try:
        with staged.open("wb") as file:
            np.savez_compressed(file, **table)  # type: ignore[arg-type]
        os.replace(staged, path)  # noqa: PTH105
    finally:
        staged.unlink(missing_ok=True)
