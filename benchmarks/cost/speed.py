"""How long training takes beside the naive loop: same net, data, batch, loss, optimizer and schedule, turn by turn."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric

from learn_rt.benchmarks.cost import naive
from learn_rt.train.core.config import compose_config
from learn_rt.train.core.loop import Trainer
from learn_rt.train.core.run_folder import RunFolder
from learn_rt.train.cost.simulate import simulate
from learn_rt.train.cost.task import CostConfig, CostTask
from learn_rt.train.cost.writing import write_rollouts


def measure(epochs: int, rounds: int, rollouts: int, threads: int) -> dict[str, Any]:
    """Return wall and CPU seconds of each loop, the quickest of `rounds`, and how the losses ended."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "rollout_data.h5"
        write_rollouts(data, simulate(rollouts, 0, ("gait_stride", "gait_cadence"), 0.01, 0.0), {})
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            return _measure(data, epochs, rounds, Path(folder)) | {"rollouts": rollouts, "threads": threads}
        finally:
            torch.set_num_threads(before)


def _measure(data: Path, epochs: int, rounds: int, scratch: Path) -> dict[str, Any]:
    found: dict[str, list[tuple[float, float, float]]] = {}
    for i in range(rounds):
        out = scratch / f"run{i}"
        overrides = [f"data={data}", f"out={out}", "split.validation=0", "split.test=0", f"loop.epochs={epochs}"]
        config = compose_config(CostConfig, CostTask.groups, ["system=cost", "target=cost", *overrides])
        torch.manual_seed(config.seed)
        task = CostTask(config, lambda text: None)
        x, y = next(task.batches(torch.Generator()))
        found.setdefault("learn-train", []).append(_fit(task, config, out))
        found.setdefault("DataLoader loop", []).append(naive.train(x, y, epochs))
        found.setdefault("loop over one tensor", []).append(naive.train(x, y, epochs, in_loader=False))
    rows = {
        name: {"seconds": min(r[0] for r in runs), "cpu_s": min(r[1] for r in runs), "loss": runs[-1][2]}
        for name, runs in found.items()
    }
    return {"epochs": epochs, "rounds": rounds, "loops": rows}


def _fit(task: CostTask, config: CostConfig, out: Path) -> tuple[float, float, float]:
    """Return wall and CPU seconds of a whole training, its checkpoints included, and the last loss."""
    folder = RunFolder(out, resume=False, overwrite=True)
    folder.start()
    trainer = Trainer(Fabric(accelerator="cpu", devices=1), task, config, folder, {}, [])
    wall, cpu = time.perf_counter(), time.process_time()
    trainer.fit()
    took = time.perf_counter() - wall, time.process_time() - cpu
    return (*took, float(folder.history()[-1]["loss"]))
