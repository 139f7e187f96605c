"""`learn-bench print`: the long table. Two machines, linear and not, as tuned for and otherwise, under every method."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from learn_rt.benchmarks.printing.entrants import enter
from learn_rt.benchmarks.printing.loop import Served
from learn_rt.benchmarks.printing.parts import choose_layers, read_part
from learn_rt.benchmarks.printing.picture import TITLES
from learn_rt.benchmarks.printing.show import micrometres
from learn_rt.benchmarks.printing.stages import Failed, Stages
from learn_rt.benchmarks.printing.variations import Case, run_case, winners
from learn_rt.benchmarks.printing.workshop import ALWAYS_UNSEEN, Recipe, Workshop, unseen_of
from learn_rt.spec import Spec
from learn_rt.train.printer.machine import load_machine, machine_names
from learn_rt.train.printer.offset import PLANTS

EXAMPLE = """examples:
  learn-bench print
  learn-bench print --machine fast --plant nonlinear --json
"""
WIDTH = 104  # what a row needs
NAMES = TITLES | {"friction": "inverse and friction"}


def main(argv: Sequence[str] | None = None) -> None:
    """Make the table. Raises: SystemExit: 1 failed, 2 usage."""
    args = _parse(argv)
    log = Console(stderr=True, highlight=False)
    try:
        cases = _measure(args, log)
    except (Failed, ValueError, OSError, RuntimeError) as error:
        print(f"learn-bench print: {' '.join(str(error).split())}", file=sys.stderr)
        raise SystemExit(1) from None
    made = [_plain(recipe, case) for recipe, case in cases]
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "print.json").write_text(json.dumps(made, indent=2, allow_nan=False) + "\n")
    if args.json:
        print(json.dumps(made))
    console = Console(highlight=False, quiet=args.json)
    console.width = max(console.width, WIDTH)
    with (args.out / "print.txt").open("w", encoding="utf-8") as file:
        for out in (console, Console(file=file, highlight=False, width=WIDTH)):
            for recipe, case in cases:
                _show(out, recipe, case)
    log.print(f"{args.out / 'print.txt'}, {args.out / 'print.json'}")


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="learn-bench print",
        description="Print an unseen part on simulated printers under every method, as tuned for and otherwise.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    known = machine_names()
    parser.add_argument("--machine", action="append", choices=known, help="may repeat (default: all)")
    parser.add_argument("--plant", action="append", choices=list(PLANTS), help="may repeat (default: both)")
    parser.add_argument("--gcode", type=Path, help="the part to print (default: PARTS/bearing.gcode)")
    parser.add_argument("--layers", default="some", help="as for the demo (default: %(default)s)")
    parser.add_argument(
        "--parts", type=Path, default=Path("examples"), help="G-code to train on (default: %(default)s)"
    )
    parser.add_argument(
        "--work", type=Path, default=Path("build/demo"), help="where models are, or are trained (default: %(default)s)"
    )
    parser.add_argument("--out", type=Path, default=Path("build/bench"), help="default: %(default)s")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a key of learn-train")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    args = parser.parse_args(argv)
    args.machine = args.machine or known
    args.plant = args.plant or list(PLANTS)
    args.gcode = args.gcode or args.parts / f"{ALWAYS_UNSEEN}.gcode"
    return args


def _measure(args: argparse.Namespace, log: Console) -> list[tuple[Recipe, Case]]:
    recipes = [Recipe(machine, plant) for machine in args.machine for plant in args.plant]
    stages = Stages(log, 2 * len(recipes), args.work / "memory.json", args.work / "logs")
    unseen = unseen_of(sorted(args.parts.glob("*.gcode")), args.gcode)
    shop = Workshop(args.work, stages, args.parts, unseen, settings=args.set)
    cases = []
    for recipe in recipes:
        with stages.stage(f"train {recipe.name}", f"a model for the {recipe.plant} {recipe.machine}") as notes:
            train = shop.train(recipe)
            folder, _ = shop.export(recipe)
            notes += ["reused"] if train.reused else []
        with stages.stage(f"print {recipe.name}", "tuned, mistuned, re-tuned, with motor errors") as notes:
            machine = load_machine(recipe.machine)
            part = read_part(args.gcode, machine, file_limits=recipe.file_limits)
            layers = [part.stretch(layer) for layer in choose_layers(part, args.layers)]
            spec = Spec.from_json((folder / "spec.json").read_text())
            served = Served.at(f"inproc:{shop.models}", recipe.name)
            contender, tuning = enter(recipe, spec, shop.data(recipe), shop.parts, served, friction=True)
            start = time.perf_counter()
            cases.append((recipe, run_case(contender, layers, tuning, lambda text: None)))
            notes.append(f"{part.name}, {len(layers)} layers, {time.perf_counter() - start:.0f} s")
    return cases


def _plain(recipe: Recipe, case: Case) -> dict[str, Any]:
    return {"machine": recipe.machine, "plant": recipe.plant, **asdict(case), "winners": winners(case)}


def _show(console: Console, recipe: Recipe, case: Case) -> None:
    best = winners(case)
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1))
    table.add_column("µm, extruding", no_wrap=True, min_width=22)
    for column in ("contour", "p99", "in time", "mistuned", "by", "re-tuned", "motors"):
        table.add_column(column, justify="left" if column == "by" else "right", no_wrap=True)
    for method, f in case.nominal.items():
        mistuned, retuned = case.worst(method), case.worst(method, retuned=True)
        assert mistuned is not None

        def mark(text: str, column: str, method: str = method) -> str:
            return f"[bold green]{text}[/bold green]" if best[column] == method else text

        table.add_row(
            NAMES[method],
            mark(micrometres(f.contour_rms_um), "as tuned"),
            micrometres(f.contour_p99_um),
            micrometres(f.rms_um),
            mark(micrometres(mistuned[1]), "worst mismatch"),
            mistuned[0],
            mark(micrometres(retuned[1]), "worst mismatch, re-tuned") if retuned else "",
            mark(micrometres(case.effects[method].contour_rms_um), "motor errors"),
        )
    console.print(
        f"[bold]{recipe.machine}, {recipe.plant}[/bold]: contour error, RMS, except p99 and the RMS error in time"
    )
    console.print(table)
    for column, method in best.items():
        console.print(f" {column}: {NAMES[method]} is best", style="" if method == "ours" else "yellow")
    console.print()
