"""What a net must beat: a linear autoregression on the same history, torques included."""

from __future__ import annotations

import torch
from torch import Tensor

from learn_rt.train.dynamics.windows import Windows


class LinearAutoregression:
    """The next state as a linear function of all values of the last `window` rows, fitted by least squares."""

    def __init__(self, train: Windows, window: int, n_state: int) -> None:
        self.window, self.n_state = window, n_state
        rows = train.rows.double()
        self._mean, std = rows.mean(0), rows.std(0)
        self._std = torch.where(std > 0, std, torch.ones_like(std))
        x = self._normal(train.take(torch.arange(len(train))).double())
        seen = self._with_one(x[:, :window])
        self._weights = torch.linalg.lstsq(seen, x[:, window, :n_state], driver="gelsd").solution

    def predict(self, x: Tensor, actions: Tensor) -> Tensor:
        """Return the next states (batch, horizon, S) of windows (batch, window, F) and actions (batch, horizon, A)."""
        n, x = self.n_state, self._normal(x.double())
        answers: list[Tensor] = []
        actions = (actions.double() - self._mean[n:]) / self._std[n:]
        for k in range(actions.shape[1]):
            if k:
                x = torch.cat([x[:, 1:], torch.cat([answers[-1], actions[:, k]], 1).unsqueeze(1)], 1)
            answers.append(self._with_one(x) @ self._weights)
        return torch.stack(answers, 1) * self._std[:n] + self._mean[:n]

    def _normal(self, x: Tensor) -> Tensor:
        return (x - self._mean) / self._std

    @staticmethod
    def _with_one(x: Tensor) -> Tensor:
        return torch.cat([x.flatten(1), x.new_ones(len(x), 1)], 1)
