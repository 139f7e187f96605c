"""`learn-data activity`: read MM-Fit or UTD-MHAD, or make recordings up, check them and write what training reads."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from learn_rt.train.activity import mmfit, pretend, utd
from learn_rt.train.activity.recordings import check_all, write_dataset

EXAMPLE = """examples:
  learn-data activity --synthetic utd --raw data/utd-made --out data/activity
  learn-data activity utd UTD-MHAD/ --out data/utd
  learn-data activity mmfit /data --device sw_l --out data/mmfit
  learn-data activity utd UTD-MHAD/ --check
"""
LAYOUTS = ("utd", "mmfit")


def main(argv: list[str]) -> None:
    """Run the command. Raises: SystemExit: 1 failed, 2 usage."""
    parser = _parser()
    given = parser.parse_args(argv)
    if bool(given.synthetic) == bool(given.layout):
        parser.error("give a layout and its folder, or --synthetic with a layout")
    if given.layout and given.source is None:
        parser.error(f"say where the {given.layout} recordings are")
    if given.synthetic and given.raw is None:
        parser.error("--synthetic writes raw recordings first: say where with --raw")
    if not given.check and given.out is None:
        parser.error("say where to write with --out, or --check to write nothing")
    for name in ("people", "actions", "repeats"):
        if getattr(given, name) is not None and getattr(given, name) < 1:
            parser.error(f"--{name} must be at least 1, got {getattr(given, name)}")
    if given.actions is not None and given.actions > len(utd.ACTIONS):
        parser.error(f"--actions must be at most {len(utd.ACTIONS)}, got {given.actions}")
    if not 0.5 <= given.seconds <= 600:
        parser.error(f"--seconds must be 0.5 to 600, got {given.seconds:g}")
    if given.seed < 0:
        parser.error(f"--seed must not be below 0, got {given.seed}")
    try:
        manifest = _convert(given)
    except (ValueError, OSError) as error:
        print(f"learn-data: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    except ModuleNotFoundError as error:
        print(f"learn-data: MATLAB files need {error.name}: pip install {error.name}", file=sys.stderr)
        raise SystemExit(1) from None
    if given.json:
        print(json.dumps(manifest))
    else:
        _report(manifest, given.out)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="learn-data activity",
        description="Put recordings of a wearable and of the wearer's pose on one clock and write one file a subject.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("layout", nargs="?", choices=LAYOUTS, help="the layout of the recordings")
    parser.add_argument(
        "source", nargs="?", type=Path, metavar="DIR", help="their folder (utd: also the clips packed into one .npz)"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="where the dataset goes")
    parser.add_argument("--check", action="store_true", help="read and check, write nothing")
    parser.add_argument("--device", default="sw_l", help="mmfit: whose acceleration, side last (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    made = parser.add_argument_group("made-up recordings")
    made.add_argument("--synthetic", choices=LAYOUTS, metavar="LAYOUT", help="make recordings up in this layout")
    made.add_argument("--raw", type=Path, metavar="DIR", help="where their raw files go")
    made.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    made.add_argument("--people", type=int, metavar="N", help="utd: subjects (8); mmfit: workouts (10)")
    made.add_argument("--actions", type=int, metavar="N", help="utd: the first N actions (21)")
    made.add_argument("--repeats", type=int, metavar="N", help="utd: trials of each action (4)")
    made.add_argument("--seconds", type=float, default=3.4, help="of one action (default: %(default)s)")
    return parser


def _convert(given: argparse.Namespace) -> dict[str, Any]:
    layout, source = given.layout or given.synthetic, given.source or given.raw
    if given.synthetic:
        if given.raw.exists() and any(given.raw.iterdir()):
            raise ValueError(f"{given.raw} is not empty: made-up recordings must not mix with others")
        if layout == "utd":
            pretend.write_utd(
                given.raw, given.seed, given.people or 8, given.actions or 21, given.repeats or 4, given.seconds
            )
        else:
            pretend.write_mmfit(given.raw, given.seed, given.people or 10, given.seconds, given.device)
    if not source.exists():
        raise ValueError(f"{source} is not there")
    description, subjects = utd.read_utd(source) if layout == "utd" else mmfit.read_mmfit(source, given.device)
    if given.check:
        return check_all(description, subjects)
    return write_dataset(given.out, description, subjects)


def _report(manifest: dict[str, Any], out: Path | None) -> None:
    subjects, rate = manifest["subjects"], manifest["rate_hz"]
    width = max(len("subject"), *map(len, subjects))
    print(f"{'subject':{width}}  clips   samples  minutes  with pose  labelled")
    for name, row in subjects.items():
        minutes = row["samples"] / rate / 60
        shares = f"{row['posed']:9.0%}  {row['labelled']:8.0%}"
        print(f"{name:{width}}  {row['clips']:5}  {row['samples']:8}  {minutes:7.1f}  {shares}")
    channels = ", ".join(f"{c['name']} [{c['unit']}]" for c in manifest["channels"])
    print(f"{channels} at {rate:g} Hz, {len(manifest['classes'])} classes; {out or 'checked, nothing written'}")
