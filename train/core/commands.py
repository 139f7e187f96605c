"""`learn-train` and `learn-eval`: their arguments, what they write and print, and their exit codes."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from omegaconf import MISSING

from learn_rt.train.core import checkpoint
from learn_rt.train.core.config import choice, compose_config, plain, restore_config
from learn_rt.train.core.help import describe
from learn_rt.train.core.register import systems, targets
from learn_rt.train.core.report import print_accuracy
from learn_rt.train.core.run_folder import RunFolder, replace_text
from learn_rt.train.core.system import Task, task_type
from learn_rt.train.core.threads import use_threads

TRAIN_HELP = f"""usage: learn-train system=NAME [target=NAME] data=DIR [key=value ...] [--json]

Train a system on data that learn-data wrote. Every key of the configuration can be set; --cfg prints it.
Systems: {", ".join(systems())}.

example:
  learn-train system=printer data=data/printer machine=ender3v2 plant=nonlinear out=runs/printer
"""


def train_main(argv: list[str]) -> None:
    """Run `learn-train`. Raises: SystemExit: 1 failed, 2 usage."""
    flags = {text for text in argv if text.startswith("-")}
    overrides = [text for text in argv if not text.startswith("-")]
    if flags & {"-h", "--help"}:
        print(TRAIN_HELP, end="")
        if choice(overrides, "system") is None:
            print("learn-train system=NAME --help shows a system's groups and keys.")
            return
    try:
        if unknown := flags - {"--json", "--cfg", "-h", "--help"}:
            raise ValueError(f"unknown option {min(unknown)}; there are --json, --cfg and --help")
        task, config = _configured(overrides, to_show=bool(flags & {"-h", "--help", "--cfg"}))
        if flags & {"-h", "--help"}:
            print(f"\n{describe(config, task.groups)}", end="")
            return
        if "--cfg" in flags:
            print(json.dumps(plain(config), indent=2))
            return
        folder = RunFolder(Path(config.out), config.resume, config.overwrite)
    except ValueError as error:
        _fail("learn-train", error, 2)
    except OSError as error:
        _fail("learn-train", error, 1)
    from learn_rt.train.core.run import launch  # on use: Fabric takes seconds, and learn-eval does without

    try:
        results = launch(task, config, folder)
    except (ValueError, OSError) as error:
        _fail("learn-train", error, 1)
    if results is None:
        return
    if "--json" in flags:
        print(json.dumps(results))
    else:
        print_accuracy(results["accuracy"], _held_out(results))
        t = results["train"]
        print(f"{t['windows']:,} windows, {t['epochs']} epochs, {t['seconds']:.1f} s: {folder.best}")


def evaluate_main(argv: list[str]) -> None:
    """Run `learn-eval`. Raises: SystemExit: 1 failed, 2 usage."""
    parser = argparse.ArgumentParser(
        prog="learn-eval",
        description="Measure a checkpoint's accuracy on the part that its training never saw.",
        epilog="example: learn-eval runs/printer/best.ckpt --data data/printer",
    )
    parser.add_argument("checkpoint", type=Path, metavar="CKPT")
    parser.add_argument("--data", type=Path, metavar="DIR", help="default: where the checkpoint's training found it")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write metrics.json and plots there")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    given = parser.parse_args(argv)
    try:
        contents = checkpoint.load(given.checkpoint)
        kind = task_type(contents["system"], contents["target"])
        config = restore_config(kind.config_type, contents["config"])
        if given.data:
            config = replace(config, data=str(given.data))
        if config.data == MISSING:
            raise ValueError(f"{given.checkpoint} does not say what data it was trained on: give --data")
        use_threads(config.threads)
        module, spec, _ = checkpoint.load_servable(given.checkpoint)
        accuracy = kind.evaluate(config, module, spec.provenance)
        if given.out:
            given.out.mkdir(parents=True, exist_ok=True)
            replace_text(given.out / "metrics.json", json.dumps(accuracy, indent=2) + "\n")
            kind.plot(accuracy, given.out)
    except (ValueError, OSError) as error:
        _fail("learn-eval", error, 1)
    if given.json:
        print(json.dumps(accuracy))
    else:
        print_accuracy(accuracy, f"{given.checkpoint}, held out")


def _configured(overrides: list[str], to_show: bool) -> tuple[type[Task], Any]:
    system = choice(overrides, "system")
    if system is None:
        raise ValueError(f"give system=, one of {', '.join(systems())}")
    known, target = targets(system), choice(overrides, "target")
    if target is None:
        target = known[0]
        overrides = [*overrides, f"target={target}"]
    if len(known) == 1 and choice(overrides, "out") is None:
        overrides = [*overrides, f"out=runs/{system}"]
    task = task_type(system, target)
    return task, compose_config(task.config_type, task.groups, overrides, to_show)


def _held_out(results: dict[str, Any]) -> str:
    split = results.get("split")
    names = split.get("test") if isinstance(split, dict) else None
    if not isinstance(names, list | tuple) or not names:
        return "held out"
    return f"held out: {', '.join(map(str, names[:5]))}{f' and {len(names) - 5} more' if len(names) > 5 else ''}"


def _fail(command: str, error: Exception, code: int) -> Any:
    print(f"{command}: {' '.join(str(error).split())}", file=sys.stderr)
    raise SystemExit(code)
