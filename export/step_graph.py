"""One step as a graph of its own: `x` and `state.<name>` in, `y` and `state.<name>.next` out."""

from __future__ import annotations

from torch import Tensor, nn

from learn_rt.train.core.servable import Servable


class StepGraph(nn.Module):
    """`Servable.step` as a module's forward."""

    def __init__(self, module: Servable) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        """Return (answers (batch, n_outputs), next states) for one raw sample (batch, n_features)."""
        return self.module.step(x, *states)


def input_names(module: Servable) -> list[str]:
    """Return the graph's inputs, in order."""
    return ["x", *(f"state.{s.name}" for s in module.states())]


def output_names(module: Servable) -> list[str]:
    """Return the graph's outputs, in order. ONNX names a value once, so a next state cannot have its input's name."""
    return ["y", *(f"state.{s.name}.next" for s in module.states())]
