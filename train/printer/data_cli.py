"""`learn-data printer FILE.gcode... --out DIR`: simulate prints, one folder a part, one HDF5 file a layer."""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from learn_rt.train.printer.machine import load_machine, machine_names
from learn_rt.train.printer.part import PLANTS, Options, parse_layers, simulate_part
from learn_rt.train.printer.planner import Style

EXAMPLE = """example:
  learn-data printer examples/boat.gcode examples/star.gcode --out data/printer
  learn-data printer benchy.gcode --out data --rate 100 --plant linear --planner rest --effects --layers sampled:5
"""


def main(argv: list[str]) -> None:
    """Run the command. Raises: SystemExit: 1 failed, 2 usage."""
    parser = _parser()
    given = parser.parse_args(argv)
    try:
        options = _options(given)
        folders = _folders(given.files, given.out)
    except ValueError as error:
        parser.error(str(error))
    log = Console(stderr=True)
    try:
        manifests = _simulate(given.files, folders, options, given.force, log)
    except (ValueError, OSError) as error:
        print(f"learn-data: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        print("learn-data: interrupted; the part in work is not written", file=sys.stderr)
        raise SystemExit(1) from None
    if given.json:
        print(json.dumps([{"folder": str(f), **m} for f, m in zip(folders, manifests, strict=True)]))
    else:
        _report(folders, manifests)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="learn-data printer",
        description="Plan G-code as firmware does, run it through a simulated printer, write one HDF5 file a layer.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE.gcode")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="a folder a part goes in here")
    parser.add_argument(
        "--machine", default="ender3v2", help=f"{', '.join(machine_names())}, or a TOML file (default: %(default)s)"
    )
    parser.add_argument(
        "--rate", type=float, default=500.0, metavar="HZ", help="samples a second (default: %(default)g)"
    )
    parser.add_argument("--plant", choices=list(PLANTS), default="nonlinear", help="default: %(default)s")
    parser.add_argument(
        "--planner",
        choices=[s.value for s in Style],
        default="lookahead",
        help="rest: stop after every line (default: %(default)s)",
    )
    parser.add_argument(
        "--effects", action=argparse.BooleanOptionalAction, default=False, help="stepper resonance and timer jitter"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the effects (default: %(default)s)")
    parser.add_argument("--layers", default="all", help="all, sampled:5, or 1,3,10-40,50-240:10 (default: %(default)s)")
    parser.add_argument(
        "--limits",
        choices=["file", "machine"],
        default="file",
        help="whether M201-M205 in the file count (default: %(default)s)",
    )
    parser.add_argument("--skip-bad", action="store_true", help="pass over lines that cannot be read, and count them")
    parser.add_argument("--force", action="store_true", help="replace folders of parts that are there already")
    parser.add_argument("--json", action="store_true", help="print the manifests as JSON")
    return parser


def _options(given: argparse.Namespace) -> Options:
    if not (math.isfinite(given.rate) and 10 <= given.rate <= 20_000):
        raise ValueError(f"--rate must be from 10 to 20,000 Hz, got {given.rate:g}")
    if given.seed < 0:
        raise ValueError(f"--seed must not be below 0, got {given.seed}")
    parse_layers(given.layers)
    return Options(
        machine=load_machine(given.machine),
        rate_hz=given.rate,
        plant=given.plant,
        planner=given.planner,
        effects=given.effects,
        seed=given.seed,
        layers=given.layers,
        skip_bad=given.skip_bad,
        file_limits=given.limits == "file",
    )


def _folders(files: list[Path], out: Path) -> list[Path]:
    folders = [out / file.stem for file in files]
    for i, folder in enumerate(folders):
        if files[i].stem.startswith("."):
            raise ValueError(f"{files[i]}: a part is named as its file, which must not begin with a dot")
        if folder in folders[:i]:
            raise ValueError(f"two files are named {folder.name}: their parts would share a folder")
    return folders


def _simulate(
    files: list[Path], folders: list[Path], options: Options, force: bool, log: Console
) -> list[dict[str, Any]]:
    manifests = []
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f}%"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=log, disable=not log.is_terminal) as bar:
        for file, folder in zip(files, folders, strict=True):
            size = file.stat().st_size if file.is_file() else 0
            task = bar.add_task(file.name, total=max(size, 1))

            def read(n: int, task: TaskID = task) -> None:
                bar.update(task, completed=n)

            manifest = simulate_part(file, folder, options, force=force, progress=read)
            bar.update(task, completed=max(size, 1))
            for problem in manifest["problems"]:
                log.print(f"skipped: {problem}", markup=False, highlight=False, soft_wrap=True)
            manifests.append(manifest)
    return manifests


def _report(folders: list[Path], manifests: list[dict[str, Any]]) -> None:
    width = max(len("part"), *(len(m["part"]) for m in manifests))
    print(f"{'part':{width}}  layers   samples  minutes  RMS error  bad lines  folder")
    for folder, m in zip(folders, manifests, strict=True):
        samples = sum(f["samples"] for f in m["files"])
        rms = "-" if m["rms_um"] is None else f"{m['rms_um']:.1f} um"
        minutes = samples / m["rate_hz"] / 60
        counts = f"{len(m['files']):6}  {samples:8}  {minutes:7.1f}  {rms:>9}  {m['bad_lines']:9}"
        print(f"{m['part']:{width}}  {counts}  {folder}")
