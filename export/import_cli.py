"""learn-import: someone's model becomes a model folder, or what is missing is said."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from learn_rt.export.command_line import add_target, ended, parse, show, table

EPILOG = """example: learn-import policy.onnx --spec spec.yaml --samples recording.npz --out models/
MODEL is an ONNX file, a TorchScript file, or package.module:Net: a torch module, or what returns one. The last runs the
package's code. Pickles are not loaded."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run learn-import; return 0 done, 1 failed."""
    parser = argparse.ArgumentParser(
        prog="learn-import", description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", metavar="MODEL", help="policy.onnx, policy.pt (TorchScript) or package.module:Net")
    parser.add_argument("--spec", type=Path, metavar="YAML", help="names, units, timing: what the model does not tell")
    parser.add_argument("--samples", type=Path, metavar="NPZ", help="recorded signals by name, or samples x, or both")
    add_target(parser, "the spec's, or the file's")
    parser.add_argument("--draft", action="store_true", help="print a spec file with `?` for what is missing, and stop")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    options = parse(parser, argv)
    return ended("learn-import", lambda: _draft(options) if options.draft else _import(options))


def _draft(options: argparse.Namespace) -> int:
    from learn_rt.export.imports.source import read_source, stem
    from learn_rt.export.imports.spec_file import draft, read_spec_file, to_yaml

    given = read_spec_file(options.spec)
    source = read_source(options.model, given)
    body, missing = draft(given, source.told, source.roles, options.name or stem(options.model))
    print(to_yaml(body), end="")
    for note in (*source.roles.notes, *source.told.notes):
        print(f"learn-import: note: {note}", file=sys.stderr)
    if missing:
        print(f"learn-import: to fill in: {'; '.join(missing)}", file=sys.stderr)
    return 0


def _import(options: argparse.Namespace) -> int:
    # On use: --help and a mistyped option do not wait seconds for torch.
    from rich.console import Console

    from learn_rt.export.imports.pipeline import import_model
    from learn_rt.export.pipeline import ParityError

    log = Console(stderr=True)
    try:
        with log.status("reading the model") as status:
            report, spec = import_model(
                options.model,
                options.out,
                spec_file=options.spec,
                samples_file=options.samples,
                name=options.name,
                version=options.version,
                say=status.update,
            )
    except ParityError as error:
        log.print(table(error.rows))
        raise
    show(report, spec, options.json, [], "import")
    return 0
