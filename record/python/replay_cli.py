"""`learn-replay`: run a model over a recording again, and say where it answers otherwise."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from learn_rt.record.given import Given
    from learn_rt.record.incidents import Incident
    from learn_rt.record.replay import Replayed
    from learn_rt.recording import Recording

EXAMPLE = """example:
  learn-replay boxes/printer-client-20260131T235959.123Z-4711-0.lrec --models models

Exit 0: every answer that can be checked is the recorded one, bit for bit (with another backend: within the model's
tolerance). Exit 1: one is not, or the file or the model cannot be read.
"""
SHOWN = 20  # incidents in text


def main(argv: Sequence[str] | None = None) -> int:
    """Replay one file. Return 0 the same, 1 not, or failed; a usage error exits 2."""
    args = _parse(argv)
    try:
        from learn_rt.record.given import given
        from learn_rt.record.incidents import incidents
        from learn_rt.record.replay import replay
        from learn_rt.recording import read

        recording = read(args.file)
        done = replay(recording, args.models, args.backend)
        handed, happened = given(recording), incidents(recording)
    except (ValueError, OSError, RuntimeError) as error:
        print(f"learn-replay: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    same = done.identical or (args.backend != "native" and done.within_tolerance)
    told = handed is None or not (handed.wrong or handed.outside)
    if args.json:
        print(json.dumps(_as_json(recording, done, handed, happened)))
    else:
        _print(recording, done, handed, happened)
    return 0 if same and told else 1


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="learn-replay",
        description="Run the recorded model over the recorded inputs, and compare every answer bit for bit.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="a recording of learn-serve --record or of a client")
    parser.add_argument("--models", type=Path, default=Path("models"), metavar="DIR", help="default: %(default)s")
    parser.add_argument(
        "--backend",
        default="native",
        choices=("native", "onnxruntime", "torchscript", "auto"),
        help="default native: the same bits; another is held to the model's tolerance",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    return parser.parse_args(argv)


def _as_json(recording: Recording, done: Replayed, handed: Given | None, happened: list[Incident]) -> dict[str, Any]:
    return {
        "file": str(recording.path),
        "side": recording.side,
        "reason": recording.reason,
        "identical": done.identical,
        "within_tolerance": done.within_tolerance,
        **asdict(done),
        "handed_out": None if handed is None else asdict(handed),
        "overwritten": recording.table.first,
        "overtaken": recording.table.overtaken,
        "incidents": [asdict(incident) for incident in happened],
    }


def _print(recording: Recording, done: Replayed, handed: Given | None, happened: list[Incident]) -> None:
    rows = recording.rows
    seconds = (int(rows["at_ns"][-1]) - int(rows["at_ns"][0])) * 1e-9
    versions = ",".join(map(str, done.versions))
    print(f"{recording.path}: {recording.side}, {recording.model}/{versions}, {seconds:.1f} s, {recording.reason}")
    for incident in happened[:SHOWN]:
        about = f" {incident.sequence}" if incident.sequence >= 0 else ""
        many = f", {incident.n:,} of them" if incident.n > 1 else ""
        print(
            f"  {incident.seconds:9.3f} s  {incident.what}{about}{many}{': ' if incident.text else ''}{incident.text}"
        )
    if len(happened) > SHOWN:
        print(f"  ... and {len(happened) - SHOWN} more (--json has all)")
    print(f"replayed with {done.backend}: {_verdict(done)}")
    if done.unchecked:
        print(f"{done.unchecked:,} answers not compared: what came before them is not in the file")
    if not done.same_spec:
        print("the model's spec.json is not the recorded one: it was exported anew")
    if done.first is not None:
        f = done.first
        print(
            f"first difference: row {f.row}, sample {f.sequence}, {f.seconds:.3f} s, {f.output}:"
            f" recorded {f.recorded:.9g}, now {f.replayed:.9g}"
        )
    if handed is not None:
        print(
            f"handed out: {handed.values:,} values, {handed.unchanged:,} as answered, {handed.limited:,} limited on the"
            f" way back, {handed.policy:,} of the policy; {handed.outside:,} outside the envelope"
            + (f"; {handed.wrong:,} WRONG" if handed.wrong else "")
        )


def _verdict(done: Replayed) -> str:
    if done.identical:
        return f"all {done.answers:,} answers in {done.sessions} sessions are the recorded ones, bit for bit"
    largest = max(done.largest.values(), default=0.0)
    within = "within" if done.within_tolerance else "beyond"
    return (
        f"{done.different:,} of {done.answers:,} answers differ, {done.different_flags:,} in their flags; by"
        f" {largest:.3g} at most, {within} the tolerance of {done.tolerance:.3g} between backends"
    )


if __name__ == "__main__":
    sys.exit(main())
