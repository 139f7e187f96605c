"""Leave one recording out: train on all but one, test on that one, for each; a table beside a linear autoregression.

    python -m learn_rt.train.dynamics.leave_one_out DIR [--json] [key=value ...]

The keys are learn-train's. Nothing is chosen by looking at the recording that is left out: with no validation
set, training runs its full length and ends where it ends.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Column, Table

from learn_rt.train.core.config import compose_config
from learn_rt.train.core.run import launch
from learn_rt.train.core.run_folder import RunFolder
from learn_rt.train.dynamics.folder import read_folder
from learn_rt.train.dynamics.noise import noise_floor
from learn_rt.train.dynamics.task import DynamicsConfig, DynamicsTask

FIXED = [
    "system=dynamics",
    "target=state",
    "split.validate=false",
    "loop.monitor=loss",
    "loop.patience=0",
    "examples=0",
]


def leave_one_out(data: str, recordings: list[str], overrides: list[str], out: Path) -> dict[str, Any]:
    """Return, for each recording, mean squared errors of standardised states by step: ours and the baseline's.

    `noise` is the recording's own: who knew the true state to come would still be wrong by it, at every step.
    `pooled` is the quotient of their means over all recordings, `mean_share` the mean of each recording's quotient.
    Raises: ValueError, OSError: as training does.
    """
    rows = {}
    trajectories = read_folder(Path(data)).rows
    for name in recordings:
        fold = [f"data={data}", f"out={out / name}", "overwrite=true", f"split.test=[{name}]"]
        config = compose_config(DynamicsConfig, DynamicsTask.groups, [*overrides, *FIXED, *fold])
        results = launch(DynamicsTask, config, RunFolder(Path(config.out), config.resume, config.overwrite))
        assert results is not None
        accuracy = results["accuracy"]
        steps, std = accuracy["steps"], np.array(list(accuracy["std"].values()))
        rows[name] = {
            "mse": steps["mse"],
            "mse_linear": steps["mse_linear"],
            "noise": noise_floor(trajectories[name][:, : len(std)], std),
            "seconds": results["train"]["seconds"],
        }
        shares = [steps["mse"][k] / steps["mse_linear"][k] for k in (0, -1)]
        print(
            f"{name}: {shares[0]:.3f} of the baseline's at the first step, {shares[1]:.3f} at the last", file=sys.stderr
        )
    ours, linear, noise = (np.array([row[key] for row in rows.values()]) for key in ("mse", "mse_linear", "noise"))
    return {
        "recordings": rows,
        "pooled": (ours.mean(0) / linear.mean(0)).tolist(),
        "mean_share": (ours / linear).mean(0).tolist(),
        "noise_pooled": (noise.mean() / linear.mean(0)).tolist(),
        "noise_mean_share": (noise[:, None] / linear).mean(0).tolist(),
    }


def main(argv: list[str] | None = None) -> None:
    """Run the command. Raises: SystemExit: 1 failed, 2 usage."""
    parser = argparse.ArgumentParser(prog="python -m learn_rt.train.dynamics.leave_one_out", description=__doc__)
    parser.add_argument("data", type=Path, metavar="DIR")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="as learn-train's")
    parser.add_argument("--out", type=Path, metavar="DIR", help="keep the runs there")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_intermixed_args(argv)
    names = sorted(path.stem for path in given.data.glob("*.csv"))
    try:
        if len(names) < 2:
            raise ValueError(f"{given.data}: needs two trajectories or more, *.csv")
        with tempfile.TemporaryDirectory() as scratch:
            results = leave_one_out(str(given.data), names, given.overrides, given.out or Path(scratch))
    except (ValueError, OSError) as error:
        print(f"leave_one_out: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    if given.json:
        print(json.dumps(results))
    else:
        _print(results)


def _print(results: dict[str, Any]) -> None:
    last = len(results["pooled"])
    heads = [head for k in (1, last) for head in (f"MSE {k}", "linear", "share", "noise")]
    table = Table(Column("left out", no_wrap=True), *heads)
    for name, row in results["recordings"].items():
        cells: list[str] = []
        for k in (0, -1):
            ours, linear, noise = row["mse"][k], row["mse_linear"][k], row["noise"]
            cells += [f"{ours:.2g}", f"{linear:.2g}", f"{ours / linear:.3f}", f"{noise / linear:.2f}"]
        table.add_row(name, *cells)
    for title, ours, noise in (
        ("pooled", "pooled", "noise_pooled"),
        ("mean of shares", "mean_share", "noise_mean_share"),
    ):
        cells = [cell for k in (0, -1) for cell in ("", "", f"{results[ours][k]:.3f}", f"{results[noise][k]:.2f}")]
        table.add_row(title, *cells)
    Console(highlight=False).print(
        table, "share: of the linear autoregression's error; noise: the recording's own, in it"
    )


if __name__ == "__main__":
    main()
