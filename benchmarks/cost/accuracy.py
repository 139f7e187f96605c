"""Test error beside scikit-learn's regressors: the same rows to train on and the same rows to be judged on."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from learn_rt.train.core.config import compose_config
from learn_rt.train.core.run import launch
from learn_rt.train.core.run_folder import RunFolder
from learn_rt.train.cost.rollouts import read_table
from learn_rt.train.cost.split import split_rows
from learn_rt.train.cost.tabular import read_rows
from learn_rt.train.cost.task import CostConfig, CostTask
from learn_rt.train.cost.writing import write_rollouts

Rows = NDArray[np.float64]
Answer = Callable[[Rows, Rows, Rows, int], Rows]  # x, y of training, x of test, seed -> y of test (n,)
# Chosen on the validation rows of seed 100, which is not among those reported.
OURS = [
    *("net.layers=[64,64,64]", "net.activation=tanh", "loop.lr=0.01", "loop.epochs=1500", "loop.plateau_patience=200"),
    *("loss.grad_weight=1e-5", "loss.l1_weight=0", "loss.l2_weight=0.01", "split.test=0.2"),
]


def measure(
    table: Path, output: str, seeds: Sequence[int], members: Sequence[int], overrides: Sequence[str]
) -> dict[str, Any]:
    """Return the test RMSE of each method and seed, in the output's unit, and the seconds of its training.

    Args: members: sizes of ensembles of ours; overrides: more of our configuration.
    """
    found: dict[str, dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        data = Path(scratch) / "rollouts.h5"
        rollouts = list(read_rows(table, [output]))
        write_rollouts(data, rollouts, {"source": table.name})
        inputs = list(rollouts[0].state)
        whole = read_table([data], inputs, [output], {}, "")
        for seed in seeds:
            for n in members:
                name, out = "learn-train" if n == 1 else f"learn-train, {n} members", Path(scratch) / f"{n}-{seed}"
                config = compose_config(
                    CostConfig,
                    CostTask.groups,
                    [
                        *("system=cost", "target=cost", f"data={data}", f"out={out}", f"seed={seed}"),
                        *(f"inputs=[{','.join(inputs)}]", f"outputs=[{output}]", f"net.members={n}"),
                        *OURS,
                        "bootstrap=false",
                        *overrides,
                    ],
                )
                started = time.perf_counter()
                results = launch(CostTask, config, RunFolder(out, False, True))
                assert results is not None
                row = found.setdefault(name, {"rmse": [], "seconds": []})
                row["rmse"].append(results["accuracy"]["outputs"][output]["rmse"])
                row["seconds"].append(time.perf_counter() - started)
            sides = split_rows(whole.groups, config.split, seed)
            # The others have no use for validation rows: they get them to train on.
            rows = np.concatenate([sides.train, sides.validation])
            x, y, to_test = whole.inputs[rows], whole.outputs[rows, 0], whole.inputs[sides.test]
            for name, answer in others().items():
                started = time.perf_counter()
                error = answer(x, y, to_test, seed) - whole.outputs[sides.test, 0]
                row = found.setdefault(name, {"rmse": [], "seconds": []})
                row["rmse"].append(float(np.sqrt(np.mean(error**2))))
                row["seconds"].append(time.perf_counter() - started)
    return {"table": table.name, "output": output, "seeds": list(seeds), "methods": found}


def others() -> dict[str, Answer]:
    """Return scikit-learn's regressors by name."""
    from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingRegressor  # type: ignore[import-untyped]
    from sklearn.neural_network import MLPRegressor  # type: ignore[import-untyped]
    from sklearn.pipeline import make_pipeline  # type: ignore[import-untyped]
    from sklearn.preprocessing import StandardScaler  # type: ignore[import-untyped]

    def fitted(make: Callable[[int], Any]) -> Answer:
        def answer(x: Rows, y: Rows, to_test: Rows, seed: int) -> Rows:
            mean, std = y.mean(), y.std()
            model = make_pipeline(StandardScaler(), make(seed)).fit(x, (y - mean) / std)
            return np.asarray(model.predict(to_test)) * std + mean

        return answer

    return {
        "scikit-learn MLP, as it comes": fitted(lambda seed: MLPRegressor(random_state=seed, max_iter=1000)),
        "scikit-learn MLP, 64-64-64": fitted(
            lambda seed: MLPRegressor(
                hidden_layer_sizes=(64, 64, 64), random_state=seed, max_iter=2000, tol=1e-6, n_iter_no_change=50
            )
        ),
        "scikit-learn gradient boosting, as it comes": fitted(
            lambda seed: GradientBoostingRegressor(random_state=seed)
        ),
        "scikit-learn gradient boosting, 1000 trees": fitted(
            lambda seed: GradientBoostingRegressor(n_estimators=1000, max_depth=5, subsample=0.5, random_state=seed)
        ),
        "scikit-learn histogram boosting": fitted(
            lambda seed: HistGradientBoostingRegressor(max_iter=1000, random_state=seed)
        ),
    }
