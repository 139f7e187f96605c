"""One training run, in one process or in several that share every batch."""

from __future__ import annotations

import os
import platform
import time
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from rich.console import Console
from torch.multiprocessing import ProcessRaisedException

from learn_rt.train.core.config import RunConfig, plain
from learn_rt.train.core.loggers import open_loggers
from learn_rt.train.core.loop import Trainer
from learn_rt.train.core.plots import plot_history
from learn_rt.train.core.run_folder import RunFolder
from learn_rt.train.core.system import Task
from learn_rt.train.core.threads import use_threads


def launch(kind: type[Task], config: RunConfig, folder: RunFolder) -> dict[str, Any] | None:
    """Train, test and write the run folder; return what results.json holds (None in all but torchrun's first process).

    With devices=N, N processes start here and each takes its share of every batch; under torchrun they are there.
    Raises: ValueError, OSError: as the task and the trainer say.
    """
    if config.precision == "16-mixed" and (config.device == "cpu" or not torch.cuda.is_available()):
        raise ValueError("precision=16-mixed needs a GPU: on the CPU set precision=bf16-mixed")
    torchrun = "TORCHELASTIC_RUN_ID" in os.environ
    devices = int(os.environ["LOCAL_WORLD_SIZE"]) if torchrun else config.devices
    strategy = "auto" if devices == 1 and not torchrun else "ddp" if torchrun else "ddp_spawn"
    nodes = int(os.environ["GROUP_WORLD_SIZE"]) if torchrun else 1
    use_threads(config.threads, devices)
    if config.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS needs it to repeat its sums
    try:
        fabric = Fabric(
            accelerator=config.device,
            devices=devices,
            num_nodes=nodes,
            strategy=strategy,
            precision=config.precision,  # type: ignore[arg-type]
        )
        if strategy == "auto":
            return _run(fabric, kind, config, folder)
        results: dict[str, Any] | None = fabric.launch(partial(_run, kind=kind, config=config, folder=folder))
        return results
    except ProcessRaisedException as error:  # its last line is the exception's own
        raise ValueError(str(error).strip().splitlines()[-1].removeprefix("ValueError: ")) from None
    except (RuntimeError, ImportError) as error:  # of Fabric: no such device, not so many
        if type(error).__module__.startswith("lightning_fabric"):
            raise ValueError(f"device={config.device} devices={devices}: {error}") from None
        raise


def _run(fabric: Fabric, kind: type[Task], config: RunConfig, folder: RunFolder) -> dict[str, Any] | None:
    started = time.monotonic()
    log = Console(stderr=True, highlight=False, markup=False, quiet=not fabric.is_global_zero)
    if fabric.world_size > 1:
        use_threads(config.threads, fabric.world_size)
    torch.use_deterministic_algorithms(config.deterministic)
    torch.manual_seed(config.seed)

    def say(text: str) -> None:
        log.print(text, soft_wrap=True)

    task = kind(config, say)
    if fabric.is_global_zero:
        # Not before: what cannot be trained on must not cost the run that is there.
        folder.start()
        folder.write_config(plain(config))
    prepared = time.monotonic() - started
    provenance = {"config": plain(config), "seed": config.seed, "versions": _versions()}
    with open_loggers(config, folder, say if fabric.is_global_zero else None) as loggers:
        trainer = Trainer(fabric, task, config, folder, provenance, loggers)
        fitted = trainer.fit()
    if not fabric.is_global_zero:
        return None
    accuracy = task.test()
    seconds = time.monotonic() - started
    results = {
        "train": {"windows": task.n_windows, "epochs": fitted.epochs, "seconds": round(seconds, 3)},
        "accuracy": accuracy,
        "best_epoch": fitted.best_epoch,
        "seconds": {"preparation": round(prepared, 3), "loop": round(fitted.seconds, 3)},
        **task.report(),
    }
    metrics = {key: value for key, value in accuracy.items() if key == "outputs" or not isinstance(value, dict | list)}
    trainer.keeper.save_final({"metrics": metrics, "train": results["train"]})
    folder.write_results(results)
    plot_history(folder.history(), config.loop.monitor, folder.plots / "learning.png")
    folder.plots.mkdir(exist_ok=True)
    task.plot(accuracy, folder.plots)
    return results


def _versions() -> dict[str, str]:
    names = {"python": platform.python_version(), "numpy": np.__version__, "torch": torch.__version__}
    return names | {"learn-rt": version("learn-rt")}
