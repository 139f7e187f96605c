"""learn-export: a checkpoint becomes a model folder."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from learn_rt.export.names import check_name, check_version

if TYPE_CHECKING:
    from rich.table import Table

    from learn_rt.export.pipeline import Row
    from learn_rt.spec import Spec

EPILOG = "example: learn-export runs/printer/best.ckpt --format all --out models/"


def main(argv: Sequence[str] | None = None) -> int:
    """Run learn-export; return 0 done, 1 failed."""
    parser = argparse.ArgumentParser(prog="learn-export", description=__doc__, epilog=EPILOG)
    parser.add_argument("checkpoint", metavar="CKPT", help="a checkpoint of learn-train")
    choices = ("onnx", "torchscript", "pt2", "aoti", "all")
    parser.add_argument(
        "--format",
        choices=choices,
        default="all",
        help="all: onnx and torchscript (default); pt2: torch.export; aoti: that, compiled",
    )
    parser.add_argument("--out", default="models", metavar="DIR", help="the model repository (default: models)")
    parser.add_argument("--name", help="the model's name (default: the spec's)")
    parser.add_argument("--version", type=int, metavar="N", help="the version's number (default: the next)")
    parser.add_argument(
        "--weights",
        choices=("fp32", "bf16", "int8"),
        default="fp32",
        help="how the native engine keeps the matrices; the files stay float32 (default: fp32)",
    )
    parser.add_argument(
        "--weights-limit",
        type=float,
        default=0.01,
        metavar="SHARE",
        help="what that may lose, of an output's standard deviation over the held-out samples (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print the table as JSON")
    options = parser.parse_args(argv)
    try:
        if options.name is not None:
            check_name(options.name)
        if options.version is not None:
            check_version(options.version)
    except ValueError as error:
        parser.error(str(error))

    try:
        return _export(options)
    except ModuleNotFoundError as error:
        print(f"learn-export: needs {error.name}: pip install 'learn-rt[train,export]'", file=sys.stderr)
    except (ValueError, OSError, RuntimeError) as error:
        print(f"learn-export: {next(iter(str(error).strip().splitlines()), repr(error))}", file=sys.stderr)
    except KeyboardInterrupt:
        print("learn-export: interrupted", file=sys.stderr)
    return 1


def _export(options: argparse.Namespace) -> int:
    # On use: --help and a mistyped option do not wait seconds for torch.
    from rich.console import Console

    from learn_rt.export.formats import ALL
    from learn_rt.export.pipeline import ParityError, export
    from learn_rt.train.core.checkpoint import load_servable

    log = Console(stderr=True)
    try:
        with log.status("reading the checkpoint") as status:
            module, spec, held_out = load_servable(options.checkpoint)
            report = export(
                module,
                spec,
                held_out,
                options.out,
                name=options.name,
                version=options.version,
                formats=ALL if options.format == "all" else (options.format,),
                weights=options.weights,
                weights_limit=options.weights_limit,
                say=status.update,
            )
    except ParityError as error:
        log.print(table(error.rows, spec))
        raise
    for note in report.notes:
        print(f"learn-export: note: {note}", file=sys.stderr)
    if options.json:
        print(json.dumps(report.to_dict(), indent=2))
        return 0
    Console().print(table(report.rows, spec))
    if lost := report.weights:
        print(
            f"{lost['form']} weights lose at most {lost['rms']:.3%} of an output's standard deviation "
            f"({lost['output']}; limit {lost['limit']:.3%}), {lost['largest']:.2e} at a single sample"
        )
    added = ", ".join(report.added) if report.added else "nothing new: this very export is there"
    print(f"{report.folder}: {added}")
    return 0


def table(rows: Sequence[Row], spec: Spec | None = None) -> Table:
    """Return the rows as a table; errors in the outputs' unit, where it is one."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    units = {s.unit if (s.scale, s.offset) == (1.0, 0.0) else "" for s in spec.outputs} if spec else set()
    unit = f" {units.pop()}".rstrip() if len(units) == 1 else ""
    table.add_column("format", no_wrap=True)
    table.add_column("file", no_wrap=True)
    for heading in ("bytes", f"max error{unit}", f"bound{unit}", "p50 us", "p99 us"):
        table.add_column(Text(heading), justify="right", no_wrap=True)
    for r in rows:
        took = f"{r.latency_us['p50']:.1f}", f"{r.latency_us['p99']:.1f}"
        table.add_row(r.format, r.file, str(r.bytes), f"{r.max_error:.2e}", f"{r.bound:.2e}", *took)
    return table
