"""learn-export: a checkpoint becomes a model folder."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from learn_rt.export.command_line import add_target, ended, parse, show, table

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
    add_target(parser, "the spec's")
    parser.add_argument(
        "--weights",
        choices=("fp32", "bf16", "int16", "int8", "mixed"),
        default="fp32",
        help="how the native engine keeps the matrices; the files stay float32. mixed: each in as few bits as the "
        "limit lets it (default: fp32)",
    )
    parser.add_argument(
        "--weights-limit",
        type=float,
        default=0.01,
        metavar="SHARE",
        help="what that may lose, of an output's standard deviation over the held-out samples (default: %(default)s)",
    )
    parser.add_argument(
        "--linear-path",
        action="store_true",
        help="write only the fitted filter inside the model, as NAME-linear: a client's fallback_model",
    )
    parser.add_argument("--json", action="store_true", help="print the table as JSON")
    options = parse(parser, argv)
    return ended("learn-export", lambda: _export(options))


def _export(options: argparse.Namespace) -> int:
    # On use: --help and a mistyped option do not wait seconds for torch.
    from rich.console import Console

    from learn_rt.export.formats import ALL
    from learn_rt.export.linear_path import linear_path
    from learn_rt.export.pipeline import ParityError, export
    from learn_rt.train.core.checkpoint import load_servable

    log = Console(stderr=True)
    try:
        with log.status("reading the checkpoint") as status:
            module, spec, held_out = load_servable(options.checkpoint)
            if options.linear_path:
                module, spec, held_out = linear_path(module, spec, held_out)
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
    lines = []
    if lost := report.weights:
        kept = ", ".join(f"{n} x {form}" for form, n in lost["matrices"].items())
        lines.append(
            f"{lost['form']} weights ({kept}) lose at most {lost['rms']:.3%} of an output's standard deviation "
            f"({lost['output']}; limit {lost['limit']:.3%}), {lost['largest']:.2e} at a single sample"
        )
    show(report, spec, options.json, lines, "export")
    return 0
