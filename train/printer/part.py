"""Simulate one part into a folder of layers with a manifest, moved into place when it is whole.

Public: `simulate_part(file, folder, options) -> manifest`, `Options`, `parse_layers(text)`.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from learn_rt.train.printer.firmware import FirmwareEffects
from learn_rt.train.printer.gcode import GcodeReader
from learn_rt.train.printer.layers import LayerWriter
from learn_rt.train.printer.machine import Machine
from learn_rt.train.printer.planner import Style, plan_pieces
from learn_rt.train.printer.plant import LINEAR, NONLINEAR
from learn_rt.train.printer.stream import run

MANIFEST = "manifest.json"
PLANTS = {"linear": LINEAR, "nonlinear": NONLINEAR}


@dataclass(frozen=True, slots=True)
class Options:
    """How parts are simulated."""

    machine: Machine
    rate_hz: float = 500.0
    plant: str = "nonlinear"
    planner: str = "lookahead"
    effects: bool = False
    seed: int = 0
    layers: str = "all"
    skip_bad: bool = False
    file_limits: bool = True


def parse_layers(text: str) -> Callable[[int], bool]:
    """Return the predicate of `all`, `sampled:5` (every fifth), or a list such as `1,3,10-40,50-240:10` (with a step).

    Raises: ValueError: another form.
    """
    if text == "all":
        return lambda _: True
    if sampled := re.fullmatch(r"sampled:([1-9]\d{0,5})", text):
        return lambda layer: layer > 0 and (layer - 1) % int(sampled[1]) == 0
    ranges = []
    for item in text.split(","):
        found = re.fullmatch(r"(\d{1,6})(?:-(\d{1,6})(?::([1-9]\d{0,5}))?)?", item.strip())
        if not found:
            raise ValueError(f"expected layers as all, sampled:5, or 1,3,10-40,50-240:10, got {text!r}")
        first = int(found[1])
        ranges.append(range(first, int(found[2] or first) + 1, int(found[3] or 1)))
    return lambda layer: any(layer in r for r in ranges)


def simulate_part(
    source: Path,
    folder: Path,
    options: Options,
    *,
    force: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> dict[str, Any]:
    """Write `folder` with one file a layer and manifest.json, and return the manifest.

    `progress` is called with the number of characters read so far. Nothing is left behind when it fails.
    Raises: ValueError: a bad file or option, a folder that is there already (unless `force`), no layer written.
        OSError: what cannot be written.
    """
    wanted = parse_layers(options.layers)
    if folder.exists() and not force:
        raise ValueError(f"{folder} is there already: remove it, give --force, or another --out")
    folder.parent.mkdir(parents=True, exist_ok=True)
    staged = Path(tempfile.mkdtemp(prefix=f".tmp-{folder.name}-", dir=folder.parent))
    try:
        manifest = _write(source, staged, options, wanted, progress)
        staged.chmod(0o777 & ~_umask())
        _replace(staged, folder)
    except BaseException as error:
        shutil.rmtree(staged, ignore_errors=True)
        if isinstance(error, OSError) and not error.filename:
            raise OSError(error.errno, error.strerror, str(folder)) from None
        raise
    return manifest


def _write(
    source: Path, staged: Path, options: Options, wanted: Callable[[int], bool], progress: Callable[[int], None]
) -> dict[str, Any]:
    machine = options.machine
    reader = GcodeReader(machine, skip_bad=options.skip_bad, file_limits=options.file_limits)
    effects = FirmwareEffects(machine, options.seed) if options.effects else None
    pieces = plan_pieces(reader.read(source), Style(options.planner))
    settings: dict[str, str | float] = {
        "machine": machine.name,
        "plant": options.plant,
        "planner": options.planner,
        "effects": float(options.effects),
        "seed": float(options.seed),
    }
    for name, axis in (("x", machine.x), ("y", machine.y)):
        settings |= {f"{key}_{name}": value for key, value in asdict(axis).items()}
    squares, extruding, moves = 0.0, 0, False
    with LayerWriter(staged, machine.name, options.rate_hz, settings) as writer:
        for block in run(pieces, machine, options.rate_hz, PLANTS[options.plant], effects):
            writer.write(block, wanted)
            error = (block.actual - block.planned.xy)[block.planned.extruding]
            squares += float((error**2).sum())
            extruding += len(error)
            moves = True
            progress(reader.consumed)
    if not moves:
        raise ValueError(f"{source}: expected moves (G0-G3), found none")
    if not writer.written:
        raise ValueError(f"{source}: no layer is among --layers {options.layers}")
    manifest = {
        "part": source.stem,
        "source": source.name,
        "source_sha256": _sha256(source),
        **{k: v for k, v in asdict(options).items() if k != "machine"},
        "machine": asdict(machine),
        "bad_lines": reader.skipped,
        "problems": reader.problems,
        "rms_um": 1e3 * float(np.sqrt(squares / extruding)) if extruding else None,
        "files": writer.written,
    }
    (staged / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    return manifest


def _replace(staged: Path, folder: Path) -> None:
    """Move `staged` to `folder`; what was there goes only when the new one stands."""
    if not folder.exists():
        staged.rename(folder)
        return
    old = Path(tempfile.mkdtemp(prefix=f".tmp-old-{folder.name}-", dir=folder.parent))
    folder.rename(old / folder.name)
    staged.rename(folder)
    shutil.rmtree(old)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
