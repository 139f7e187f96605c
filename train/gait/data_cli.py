"""`learn-data gait`: a synthetic corpus, recordings refined into one, or published weights turned into a checkpoint."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

from learn_rt.train.gait import synthetic
from learn_rt.train.gait.corpus import Corpus, Source, source_of
from learn_rt.train.gait.npz import members
from learn_rt.train.gait.parameters import FILE, Parameters, read_parameters
from learn_rt.train.gait.refine import MIN_FRAMES, N_FRAMES, Refused, Writer, refine_file, write_npz

EXAMPLE = """examples:
  learn-data gait synthetic --out data/gait --sequences 4000
  learn-data gait refine recordings/*.npz --parameters parameters.csv --out data/gait
  learn-data gait import weights.npz --parameters parameters.csv --samples Sim_Healthy.npz --out runs/published.ckpt
"""
MAKES = 250  # bodies at once
SHOWN = 5  # recordings that gave nothing, before the rest is only counted


def main(argv: list[str]) -> None:
    """Run the command. Raises: SystemExit: 1 failed, 2 usage."""
    given = _parser().parse_args(argv)
    try:
        result: dict[str, Any] = given.run(given)
    except (ValueError, OSError) as error:
        print(f"learn-data: {' '.join(str(error).split())}", file=sys.stderr)
        raise SystemExit(1) from None
    print(json.dumps(result) if given.json else result["said"])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="learn-data gait",
        description=__doc__,
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    made = commands.add_parser("synthetic", help="make plausible gait cycles")
    made.add_argument("--out", type=Path, required=True, metavar="DIR")
    made.add_argument("--sequences", type=int, default=4000, help="default: %(default)s")
    made.add_argument("--raw", action="store_true", help="make raw recordings, which `refine` takes")
    made.add_argument("--frames", type=int, default=180, help="of a raw recording (default: %(default)s, 6 s)")
    made.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    made.set_defaults(run=_synthetic)

    refined = commands.add_parser(
        "refine", help="turn raw recordings into sequences of 60 frames; repack refined files"
    )
    refined.add_argument("files", nargs="+", type=Path, metavar="FILE.npz", help="files, or folders of them")
    refined.add_argument("--out", type=Path, required=True, metavar="DIR")
    refined.add_argument(
        "--parameters",
        type=Path,
        metavar="CSV",
        help="names and ranges (default: parameters.csv beside the first file)",
    )
    refined.add_argument("--min-frames", type=int, default=MIN_FRAMES, help="shorter ones are left out (%(default)s)")
    refined.set_defaults(run=_refine)

    for command in (made, refined):
        command.add_argument("--name", default="refined_data", help="of the files (default: %(default)s)")
        command.add_argument("--per-file", type=int, default=4096, help="sequences of a file (default: %(default)s)")
        command.add_argument("--force", action="store_true", help="replace .npz files that are there already")

    imported = commands.add_parser("import", help="make a checkpoint of published weights")
    imported.add_argument("weights", type=Path, metavar="WEIGHTS.npz", help="fc.0.weight, fc.0.bias, fc.2.weight, ...")
    imported.add_argument("--parameters", type=Path, required=True, metavar="CSV", help="names and ranges")
    imported.add_argument("--out", type=Path, required=True, metavar="CKPT")
    imported.add_argument(
        "--samples", type=Path, nargs="+", default=[], metavar="FILE.npz", help="refined files to check the export with"
    )
    imported.add_argument(
        "--rate", type=float, default=30.0, metavar="HZ", help="ticks a second (default: %(default)g)"
    )
    imported.set_defaults(run=_import)

    for command in (made, refined, imported):
        command.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _synthetic(given: argparse.Namespace) -> dict[str, Any]:
    for name, least in (("sequences", 1), ("frames", N_FRAMES), ("seed", 0), ("per_file", 1)):
        if getattr(given, name) < least:
            raise ValueError(f"--{name.replace('_', '-')} must be at least {least}, got {getattr(given, name)}")
    folder = _folder(given)
    rng = np.random.default_rng(given.seed)
    writer = Writer(folder, given.name, given.per_file)
    n_files, kept = 0, 0
    blocks = [min(MAKES, given.sequences - start) for start in range(0, given.sequences, MAKES)]
    for n in _shown(blocks, "bodies"):
        values = synthetic.draw_parameters(n, rng)
        if given.raw:
            motions = synthetic.raw(values, given.frames, rng)
            write_npz(
                folder / f"{given.name}_{n_files:04d}.npz",
                params=values.astype(np.float32),
                motions=np.concatenate(motions).astype(np.float32),
                lengths=np.array([len(m) for m in motions]),
            )
            n_files, kept = n_files + 1, kept + n
            continue
        for params, motion in zip(values.astype(np.float32), synthetic.refined(values), strict=True):
            writer.add(params, motion)
    writer.flush()
    parameters = synthetic.synthetic_parameters()
    (folder / FILE).write_text(parameters.to_csv())
    return _done(folder, parameters, "recordings" if given.raw else "sequences", writer, n_files, kept)


def _refine(given: argparse.Namespace) -> dict[str, Any]:
    if given.per_file < 1 or given.min_frames < 1:
        raise ValueError("--per-file and --min-frames must be at least 1")
    files = [f for path in given.files for f in (sorted(path.glob("*.npz")) if path.is_dir() else [path])]
    if not files:
        raise ValueError("no .npz files among what was given")
    if given.out.resolve() in {file.parent.resolve() for file in files}:
        raise ValueError(f"--out {given.out} holds the recordings: give another folder")
    parameters = read_parameters(given.parameters or files[0].parent / FILE)
    for file in files:
        members(file)  # a file that is none must not cost the corpus that is there
    folder = _folder(given)
    writer, refused = Writer(folder, given.name, given.per_file), list[Refused]()
    for file in _shown(files, "files"):
        for params, motion in _sequences(file, parameters, refused, given.min_frames):
            writer.add(params, motion)
    writer.flush()
    for row in refused[:SHOWN]:
        print(f"learn-data: {row.file}, recording {row.number}: {row.cause}", file=sys.stderr)
    if len(refused) > SHOWN:
        print(f"learn-data: ... {len(refused)} recordings in all gave no sequence", file=sys.stderr)
    if not writer.written:
        raise ValueError("no recording gave a sequence: nothing was written")
    (folder / FILE).write_text(parameters.to_csv())
    return _done(folder, parameters, "sequences", writer) | {"refused": len(refused)}


def _sequences(
    file: Path, parameters: Parameters, refused: list[Refused], min_frames: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    if "lengths" in members(file):
        yield from refine_file(file, len(parameters), refused, min_frames)
        return
    source: Source = source_of(file)
    params, motions = source.params.read(), source.motions.read()
    if params.shape[1] != len(parameters):
        raise ValueError(f"{file}: params must have {len(parameters)} columns, got {params.shape[1]}")
    for row, motion in zip(params, motions, strict=True):
        yield row.astype(np.float32), motion.reshape(N_FRAMES, -1).astype(np.float32)


def _import(given: argparse.Namespace) -> dict[str, Any]:
    # On use: the other commands do not wait for torch.
    from learn_rt.train.gait.published import import_weights

    parameters = read_parameters(given.parameters)
    bodies = None
    if given.samples:
        corpora = [Corpus(path, str(given.parameters)) for path in given.samples]
        bodies = np.concatenate([corpus.load(corpus.runs(64))[0] for corpus in corpora])
    if not 1 <= given.rate <= 10_000:
        raise ValueError(f"--rate must be from 1 to 10,000 Hz, got {given.rate:g}")
    import_weights(given.weights, parameters, given.out, bodies, given.rate)
    return {"checkpoint": str(given.out), "parameters": len(parameters), "said": str(given.out)}


def _folder(given: argparse.Namespace) -> Path:
    folder: Path = given.out
    if Path(given.name).name != given.name or given.name.startswith("."):
        raise ValueError(f"--name must be a file's name, got {given.name!r}")
    folder.mkdir(parents=True, exist_ok=True)
    there = sorted(folder.glob("*.npz"))
    if there and not given.force:
        raise ValueError(f"{folder} holds {there[0].name} already: give --force or another --out")
    for path in there:
        path.unlink()
    return folder


def _shown(items: list[Any], what: str) -> Iterator[Any]:
    log = Console(stderr=True)
    yield from track(items, what, console=log, disable=not log.is_terminal, transient=True)


def _done(
    folder: Path, parameters: Parameters, what: str, writer: Writer, n_files: int = 0, kept: int = 0
) -> dict[str, Any]:
    n_files, kept = n_files or len(writer.written), kept or sum(n for _, n in writer.written)
    said = f"{kept:,} {what} of {len(parameters)} parameters in {n_files} files: {folder}"
    return {"folder": str(folder), what: kept, "files": n_files, "parameters": len(parameters), "said": said}
