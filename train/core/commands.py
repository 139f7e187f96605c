"""`learn-train` and `learn-eval`: their arguments, what they write and print, and their exit codes."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from omegaconf import MISSING
from rich.console import Console

from learn_rt.train.core import checkpoint
from learn_rt.train.core.config import RunConfig, choice, compose_config, plain, restore_config
from learn_rt.train.core.loop import Trainer
from learn_rt.train.core.plots import plot_history
from learn_rt.train.core.register import systems, targets
from learn_rt.train.core.report import print_accuracy
from learn_rt.train.core.run_folder import RunFolder, replace_text
from learn_rt.train.core.system import Task, task_type

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
        return
    try:
        if unknown := flags - {"--json", "--cfg"}:
            raise ValueError(f"unknown option {min(unknown)}; there are --json, --cfg and --help")
        if "--cfg" in flags and choice(overrides, "data") is None:
            overrides.append("data=DIR")  # stands for it, as in the help
        task, config = _configured(overrides)
        if "--cfg" in flags:
            print(json.dumps(plain(config), indent=2))
            return
        folder = RunFolder(Path(config.out), config.resume, config.overwrite)
    except ValueError as error:
        _fail("learn-train", error, 2)
    except OSError as error:
        _fail("learn-train", error, 1)
    log = Console(stderr=True, highlight=False)
    try:
        results = _train(task, config, folder, log)
    except (ValueError, OSError) as error:
        _fail("learn-train", error, 1)
    if "--json" in flags:
        print(json.dumps(results))
    else:
        print_accuracy(results["accuracy"], "held out")
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
        _use_threads(config.threads)
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


def _configured(overrides: list[str]) -> tuple[type[Task], Any]:
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
    return task, compose_config(task.config_type, task.groups, overrides)


def _train(kind: type[Task], config: RunConfig, folder: RunFolder, log: Console) -> dict[str, Any]:
    started = time.monotonic()
    _use_threads(config.threads)
    torch.manual_seed(config.seed)
    task = kind(config, lambda text: log.print(text, soft_wrap=True))
    # Not before: what cannot be trained on must not cost the run that is there.
    folder.start()
    folder.write_config(plain(config))
    prepared = time.monotonic() - started
    provenance = {"config": plain(config), "seed": config.seed, "versions": _versions()}
    trainer = Trainer(task, config, folder, provenance)
    fitted = trainer.fit()
    accuracy = task.test()
    seconds = time.monotonic() - started
    results = {
        "train": {"windows": task.n_windows, "epochs": fitted.epochs, "seconds": round(seconds, 3)},
        "accuracy": accuracy,
        "best_epoch": fitted.best_epoch,
        "seconds": {"preparation": round(prepared, 3), "loop": round(fitted.seconds, 3)},
        **task.report(),
    }
    trainer.keeper.save_final({"metrics": accuracy, "train": results["train"]})
    folder.write_results(results)
    plot_history(folder.history(), config.loop.monitor, folder.plots / "learning.png")
    folder.plots.mkdir(exist_ok=True)
    task.plot(accuracy, folder.plots)
    return results


def _use_threads(threads: int) -> None:
    torch.set_num_threads(threads or len(os.sched_getaffinity(0)))


def _versions() -> dict[str, str]:
    names = {"python": platform.python_version(), "numpy": np.__version__, "torch": torch.__version__}
    return names | {"learn-rt": version("learn-rt")}


def _fail(command: str, error: Exception, code: int) -> Any:
    print(f"{command}: {' '.join(str(error).split())}", file=sys.stderr)
    raise SystemExit(code)
