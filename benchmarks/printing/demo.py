"""`make demo`: from G-code to a better print, through a model served over gRPC.

Simulate parts, train a model for each of two printers, evaluate, export, serve; then print a part that training never
saw, every tick's offset asked from the server, beside what printer users have today.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

from rich.console import Console

from learn_rt.benchmarks.latency import pinning
from learn_rt.benchmarks.latency.serving import serving
from learn_rt.benchmarks.printing.contest import Contender, contest
from learn_rt.benchmarks.printing.entrants import enter
from learn_rt.benchmarks.printing.hard_minute import SECONDS, hard_minute
from learn_rt.benchmarks.printing.hard_picture import draw as draw_minute
from learn_rt.benchmarks.printing.loop import Served
from learn_rt.benchmarks.printing.pace import pace
from learn_rt.benchmarks.printing.parts import choose_layers, read_part
from learn_rt.benchmarks.printing.picture import draw
from learn_rt.benchmarks.printing.report import Accuracy, ClosedLoop, Methods, Parity, Report, Train
from learn_rt.benchmarks.printing.show import PLANTS, PLANTS_TOLD, show_latency, show_print
from learn_rt.benchmarks.printing.stages import Failed, Stages
from learn_rt.benchmarks.printing.workshop import Recipe, Workshop, unseen_of
from learn_rt.spec import Spec
from learn_rt.train.printer.machine import load_machine

EXAMPLE = """examples:
  python -m learn_rt.benchmarks.printing.demo
  python -m learn_rt.benchmarks.printing.demo --gcode benchy.gcode --layers 30,120,200
"""
T = TypeVar("T")
RECIPES = {plant: Recipe(plant=plant) for plant in PLANTS}
N_STAGES = 10
PACED_S = 9.0  # of all transports together


def main(argv: Sequence[str] | None = None) -> int:
    """Run the demo. Return 0 done, 1 failed; a usage error exits 2."""
    args = _parse(argv)
    try:
        _run(args, Console(highlight=False, emoji=False))
    except (Failed, ValueError, OSError, RuntimeError, ImportError) as error:
        print(f"demo: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    return 0


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m learn_rt.benchmarks.printing.demo",
        description="Print a part through a served model on simulated printers, beside what printers do today.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--gcode", type=Path, help="the part to print, never trained on (default: PARTS/bearing.gcode)")
    parser.add_argument(
        "--layers",
        default="some",
        help='"some": drawn by a seed, about 90 s of printing (default); "all"; "sampled:5"; a list such as 3,10-12',
    )
    parser.add_argument(
        "--parts", type=Path, default=Path("examples"), help="G-code to train on (default: %(default)s)"
    )
    parser.add_argument("--out", type=Path, default=Path("build/demo"), help="default: %(default)s")
    parser.add_argument("--skip-bad", action="store_true", help="pass over lines of the G-code that cannot be read")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a key of learn-train's configuration; may repeat",
    )
    parser.add_argument(
        "--hard-s",
        type=float,
        default=SECONDS,
        metavar="S",
        help="print so long in real time, the server killed halfway (default: %(default)g; 0: not at all)",
    )
    parser.add_argument("--fresh", action="store_true", help="train anew, even if nothing changed")
    args = parser.parse_args(argv)
    args.gcode = args.gcode or args.parts / "bearing.gcode"
    return args


def _run(args: argparse.Namespace, console: Console) -> None:
    start = time.perf_counter()
    part = read_part(args.gcode, load_machine(RECIPES["nonlinear"].machine), skip_bad=args.skip_bad)
    layers = choose_layers(part, args.layers)
    printed_s = sum(part.seconds(layer) for layer in layers)
    printed = f"{part.name}, {len(layers)} of {len(part.layers)} layers, {printed_s:.0f} s of printing"
    console.print(f"[bold]learn-rt[/bold]: {printed}; no model is trained on it\n", soft_wrap=True)
    stages = Stages(console, N_STAGES if args.hard_s > 0 else N_STAGES - 1, args.out / "memory.json", args.out / "logs")
    unseen = unseen_of(sorted(args.parts.glob("*.gcode")), args.gcode)
    shop = Workshop(args.out, stages, args.parts, unseen, settings=args.set, fresh=args.fresh)

    made = _make(shop, stages)
    shown = f"layer {max(layers, key=part.seconds)}"
    with ExitStack() as stack:
        with stages.stage("serve", f"learn-serve {shop.models}") as notes:
            sockets = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="learn-demo-")))
            pins = pinning.apart()
            addresses = stack.enter_context(serving(shop.models, sockets / "learn.sock", pins.server))
            notes += addresses.values()
        served = {plant: Served.at(addresses["grpc"], recipe.name) for plant, recipe in RECIPES.items()}
        with stages.stage("tune", "input shapers, linear inverse and linear filter, on training parts"):
            entered = _each(lambda plant: _enter(plant, shop, made, served[plant]))
        with stages.stage("print", "two printers, seven methods") as notes:
            outcome = contest(entered, (part.stretch(layer) for layer in layers), show=shown)
            notes.append(f"{sum(of.flags['answers'] for of in served.values()):,} answers over gRPC")
        with stages.stage("pace", f"one prediction at the control rate, for {PACED_S:.0f} s") as notes:
            samples = part.stretch(layers[0]).samples
            latency, hiccup = pace(made.folders["nonlinear"], RECIPES["nonlinear"].name, addresses, samples, PACED_S)
            notes.append(f"p50 {latency.grpc.p50:.0f} µs over gRPC")

    minute = None
    if args.hard_s > 0:
        with stages.stage("survive", "a print in real time, its server killed halfway") as notes:
            contender = entered["nonlinear"]
            stretch = part.first_seconds(args.hard_s)
            minute = hard_minute(shop.models, RECIPES["nonlinear"].name, stretch, contender.printer, args.out)
            notes += [
                f"away for {minute.away_s:.1f} s",
                f"{minute.outside} values outside the envelope",
                f"{minute.answers:,} answers replayed, {minute.different} of other bits",
            ]
            draw_minute(minute, f"{part.name}, {stretch.name}", args.out / "hard-minute.png")

    report = Report(
        source=str(args.gcode),
        train=made.train["nonlinear"],
        accuracy=made.accuracy,
        closed_loop=ClosedLoop(**{plant: Methods(**of) for plant, of in outcome.figures.items()}),
        parity=made.parity,
        latency_us=latency,
        hiccup_us=hiccup,
        seconds_total=round(time.perf_counter() - start, 2),
        details={
            "layers": layers,
            "layers_of_part": len(part.layers),
            "printed_s": round(printed_s, 2),
            "kept_out_of_training": sorted({shop.unseen, part.name}),
            "train_linear": asdict(made.train["linear"]),
            "constants": {plant: contender.baselines.constants() for plant, contender in entered.items()},
            "flags": {plant: dict(of.flags) for plant, of in served.items()},
            "pinning": str(pins),
            "stages_s": stages.seconds,
            "hard_minute": minute.told() if minute is not None else None,
        },
    )
    report.write(args.out / "report.json")
    console.print()
    show_print(console, report.closed_loop)
    show_latency(console, report, str(pins))
    for plant in PLANTS:
        path = args.out / f"print-{plant}.png"
        by_method = {name: f.contour_rms_um for name, f in outcome.figures[plant].items()}
        draw(outcome.shown[plant], by_method, f"{part.name}, {shown}, on {PLANTS_TOLD[plant].lower()}", path)
        console.print(f"picture  {path}")
    if minute is not None:
        console.print(f"picture  {args.out / 'hard-minute.png'}")
    console.print(
        f"models   {shop.models}\nreport   {args.out / 'report.json'}\n{time.perf_counter() - start:.0f} s in all"
    )


@dataclass(frozen=True)
class Made:
    """What was trained and exported; accuracy and parity are those of the non-linear printer's model."""

    data: Path
    train: dict[str, Train]
    accuracy: Accuracy
    folders: dict[str, Path]
    parity: Parity


def _make(shop: Workshop, stages: Stages) -> Made:
    with stages.stage("simulate", f"{len(shop.parts)} parts, {shop.unseen} kept out of training") as notes:
        data = shop.data(RECIPES["nonlinear"])
        notes += ["reused"] if shop.reused else []
    train = {}
    for plant, recipe in RECIPES.items():
        with stages.stage("train" if plant == "nonlinear" else "train too", f"{recipe.name}, {plant}") as notes:
            t = train[plant] = shop.train(recipe)
            notes += [f"{t.windows:,} windows", f"{t.epochs} epochs", *(["reused"] if t.reused else [])]
    with stages.stage("evaluate", f"on {shop.unseen}, which training never saw") as notes:
        accuracy = shop.accuracy(RECIPES["nonlinear"])
        notes.append(f"R² {accuracy.r2:.4f}, MAE {accuracy.mae_um:.2f} µm of offset")
    with stages.stage("export", "ONNX, step graph, TorchScript, golden samples") as notes:
        exported = _each(lambda plant: shop.export(RECIPES[plant]))
        parity = exported["nonlinear"][1]
        notes.append(f"largest error {max(parity.onnx, parity.torchscript, parity.step):.1e} mm")
        notes += ["reused"] if f"export {RECIPES['nonlinear'].name}" in shop.reused else []
    return Made(data, train, accuracy, {plant: folder for plant, (folder, _) in exported.items()}, parity)


def _enter(plant: str, shop: Workshop, made: Made, served: Served) -> Contender:
    spec = Spec.from_json((made.folders[plant] / "spec.json").read_text())
    return enter(RECIPES[plant], spec, made.data, shop.parts, served)[0]


def _each(work: Callable[[str], T]) -> dict[str, T]:
    """Return the work done for each plant, side by side."""
    with ThreadPoolExecutor(len(PLANTS)) as pool:
        return dict(zip(PLANTS, pool.map(work, PLANTS), strict=True))


if __name__ == "__main__":
    sys.exit(main())
