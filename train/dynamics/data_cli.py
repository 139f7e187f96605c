"""`learn-data dynamics simulate|convert`: a folder of trajectories, from MuJoCo or from recordings."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

from learn_rt.train.core.config import within
from learn_rt.train.dynamics.folder import ABOUT, About
from learn_rt.train.dynamics.recording import Recording, read_recording, write_recording
from learn_rt.train.dynamics.resample import check_regular, resample
from learn_rt.train.dynamics.simulate import Excitation, about, load_mechanism, simulate

EXAMPLE = """examples:
  learn-data dynamics simulate --out data/cartpole --trajectories 200 --seconds 2
  learn-data dynamics convert logs/*.csv --out data/arm --angles 0,1 --resample --dt 0.01 --cut 10
"""


def main(argv: list[str]) -> None:
    """Run the command. Raises: SystemExit: 1 failed, 2 usage."""
    given = _parser().parse_args(argv)
    try:
        _check(given)
    except ValueError as error:
        print(f"learn-data: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    try:
        made = _simulate(given) if given.command == "simulate" else _convert(given)
    except ModuleNotFoundError as error:
        print(f"learn-data: {error.name} is not installed: pip install {error.name}", file=sys.stderr)
        raise SystemExit(1) from None
    except (ValueError, OSError) as error:
        print(f"learn-data: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    if given.json:
        print(json.dumps(made))
    else:
        print(f"{given.out}: {made['trajectories']} trajectories, {made['rows']:,} rows at {made['dt_s']:g} s")


def _parser() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--out", type=Path, required=True, metavar="DIR", help="gets one CSV file a trajectory")
    shared.add_argument("--force", action="store_true", help="replace what DIR holds")
    shared.add_argument("--json", action="store_true", help="print JSON")
    kind = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="learn-data dynamics",
        description="Make a folder of trajectories of a mechanism: simulate them, or convert recordings.",
        epilog=EXAMPLE,
        formatter_class=kind,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    made = commands.add_parser("simulate", parents=[shared], help="a mechanism in MuJoCo", formatter_class=kind)
    made.add_argument(
        "--mechanism", default="double_cart_pole", help="or an MJCF file of slides and hinges (default: %(default)s)"
    )
    made.add_argument("--trajectories", type=int, default=200, metavar="N", help="default: %(default)s")
    made.add_argument("--seconds", type=float, default=2.0, metavar="S", help="of each, at most (default: %(default)g)")
    made.add_argument(
        "--excitation",
        choices=[*(e.value for e in Excitation), "mixed"],
        default="mixed",
        help="random: from rest; swingup: from anywhere; balance: about a keyframe; mixed: all (default: mixed)",
    )
    made.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    taken = commands.add_parser("convert", parents=[shared], help="recordings in CSV", formatter_class=kind)
    taken.add_argument("files", nargs="+", type=Path, metavar="FILE.csv")
    taken.add_argument("--coordinates", type=_indices, default=[], metavar="I,J", help="positions that are Cartesian")
    taken.add_argument("--angles", type=_indices, default=[], metavar="I,J", help="positions that are angles [rad]")
    taken.add_argument(
        "--units", type=lambda t: t.split(","), default=[], metavar="U,V", help="of the columns, in order"
    )
    taken.add_argument("--dt", type=float, metavar="S", help="step of time (default: the first file's median step)")
    taken.add_argument("--resample", action="store_true", help="bring irregular steps to --dt (otherwise refused)")
    taken.add_argument("--cut", type=float, metavar="S", help="into trajectories of so many seconds")
    return parser


def _check(given: argparse.Namespace) -> None:
    if given.command == "simulate":
        within("--trajectories", given.trajectories, 1, 1e6)
        within("--seconds", given.seconds, 1e-3, 1e5)
        within("--seed", given.seed, 0, 2**32 - 1)
    else:
        for name in ("dt", "cut"):
            if getattr(given, name) is not None:
                within(f"--{name}", getattr(given, name), 1e-6, 1e6)


def _simulate(given: argparse.Namespace) -> dict[str, Any]:
    model = load_mechanism(given.mechanism)
    rng = np.random.default_rng(given.seed)
    n_rows = max(2, round(given.seconds / model.opt.timestep))
    mixed = [Excitation.random, Excitation.swingup, Excitation.swingup, *[Excitation.balance] * min(2, model.nkey * 2)]
    kinds = mixed if given.excitation == "mixed" else [Excitation(given.excitation)]
    recordings: dict[str, Recording] = {}
    for i in track(range(given.trajectories), "simulating", console=Console(stderr=True), transient=True):
        kind = kinds[i % len(kinds)]
        made = simulate(model, n_rows, kind, rng)
        while len(made.rows) < n_rows // 4 or len(made.rows) < 2:  # it ran into a stop at once
            made = simulate(model, n_rows, kind, rng)
        recordings[f"{kind.value}_{i:05d}"] = made
    source = f"MuJoCo, {given.mechanism}, seed {given.seed}"
    return _write(given, recordings, about(model, source))


def _convert(given: argparse.Namespace) -> dict[str, Any]:
    recordings: dict[str, Recording] = {}
    dt_s = given.dt
    for path in given.files:
        recording = read_recording(path)
        first = next(iter(recordings.values()), recording)
        if (recording.nq, recording.nv, recording.nu) != (first.nq, first.nv, first.nu):
            raise ValueError(f"{path}: other columns than {given.files[0]}")
        if wrong := [i for i in (*given.coordinates, *given.angles) if i >= recording.nq]:
            raise ValueError(f"{path}: has {recording.nq} positions, there is no index {wrong[0]}")
        dt_s = dt_s or float(f"{recording.dt_s:.6g}")
        if given.resample:
            recording = resample(recording, dt_s, path, given.angles)
        else:
            check_regular(recording, dt_s, path)
        n = max(2, round(given.cut / dt_s)) if given.cut else len(recording.rows)
        pieces = [slice(k, k + n) for k in range(0, len(recording.rows) - 1, n)]
        for number, piece in enumerate(pieces):
            name = path.stem if len(pieces) == 1 else f"{path.stem}_{number:03d}"
            if name in recordings:
                raise ValueError(f"{path}: another file has the name {path.stem} too")
            time = recording.time[piece] - recording.time[piece][0]
            recordings[name] = replace(recording, time=time, rows=recording.rows[piece])
    described = About(dt_s, given.coordinates, given.angles, given.units, f"{len(given.files)} recordings")
    return _write(given, recordings, described)


def _write(given: argparse.Namespace, recordings: dict[str, Recording], described: About) -> dict[str, Any]:
    first = next(iter(recordings.values()))
    if described.units and len(described.units) != first.rows.shape[1]:
        raise ValueError(f"--units must name {first.rows.shape[1]} units, got {len(described.units)}")
    given.out.mkdir(parents=True, exist_ok=True)
    there = [*given.out.glob("*.csv"), *given.out.glob(ABOUT)]
    if there and not given.force:
        raise ValueError(f"{given.out} holds trajectories already: give --force or another --out")
    for path in there:
        path.unlink()
    for name, recording in recordings.items():
        write_recording(given.out / f"{name}.csv", recording)
    described.write(given.out)
    rows = sum(len(recording.rows) for recording in recordings.values())
    return {"out": str(given.out), "trajectories": len(recordings), "rows": rows, "dt_s": described.dt_s}


def _indices(text: str) -> list[int]:
    if not all(part.isdecimal() for part in text.split(",")):
        raise argparse.ArgumentTypeError(f"must be indices like 0,1, got {text!r}")
    return [int(part) for part in text.split(",")]
