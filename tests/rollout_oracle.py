"""What a rollout must answer: the small net itself in float64, on whole windows."""

from __future__ import annotations

import numpy as np
import torch
from rollout_net import N_STATES, Cart

from learn_rt.export.latency import one_thread


def oracle(module: Cart, history: np.ndarray, state: np.ndarray, actions: np.ndarray) -> np.ndarray:
    """Return states (candidates, horizon, 3) after closed rows (>= window - 1, 4), the newest state and the actions.

    `history` holds exactly the rows before the newest state that a window needs.
    """
    rows = np.zeros((len(actions), len(history) + 1, history.shape[1]))
    rows[:, :-1] = history
    rows[:, -1, :N_STATES] = state
    rows[:, -1, N_STATES:] = actions[:, 0]
    with torch.no_grad(), one_thread():
        answers = module.double()(torch.from_numpy(rows), torch.from_numpy(actions.astype(np.float64))).numpy()
    module.float()
    return np.asarray(answers)


def plans(candidates: int, horizon: int, seed: int = 0) -> np.ndarray:
    """Return random actions (candidates, horizon, 1) float32 within the physical range."""
    return np.random.default_rng(seed).uniform(-1, 1, (candidates, horizon, 1)).astype(np.float32)
