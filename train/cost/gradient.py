"""The gradient of a loss with a gradient penalty, derived by hand: half the work of differentiating twice.

With activations f and a gradient penalty, the loss holds f'(z), and its gradient f''(z). Four passes over the layers:

1. forward: values, and f'(z), f''(z) of each layer;
2. backward: d answer / d input, which the penalty squares;
3. forward again, the adjoint of pass 2: what the penalty says of weights and of f'(z);
4. backward again, the adjoint of pass 1: what the error says, and the penalty through f''(z).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from learn_rt.train.cost.activations import WITH_DERIVATIVES, Activation
from learn_rt.train.cost.model import CostNet, Linear


class Map(NamedTuple):
    """A linear map's weight (members, n_in, n_out), the same across, and bias (members, 1, n_out)."""

    weight: Tensor
    across: Tensor
    bias: Tensor


class Weights(NamedTuple):
    """A layer's: of its map, and of what skips it, if that is projected."""

    linear: Map
    skips: bool
    project: Map | None


def weights_of(net: CostNet, parts: Sequence[Tensor]) -> tuple[list[Weights], Map]:
    """Return the layers' weights and the head's. Args: parts: the values of the net's parameters, in their order."""
    values = {id(p): part for p, part in zip(net.parameters(), parts, strict=True)}

    def made(linear: Linear) -> Map:
        weight = values[id(linear.weight)]
        return Map(weight, weight.transpose(1, 2), values[id(linear.bias)])

    layers = [
        Weights(made(layer.linear), layer.skips, None if layer.project is None else made(layer.project))
        for layer in net.stack()
    ]
    return layers, made(net.head)


@dataclass
class Trace:
    """What the passes keep of a layer."""

    layer: Weights
    x: Tensor  # its input
    first: Tensor  # f'(z)
    second: Tensor  # f''(z)
    slope: Tensor | None = None  # d answer / d (the layer's value), of each output
    to_z: Tensor | None = None  # d answer / d z
    # Of the penalty: its gradient by f'(z), and by the weights.
    by_first: Tensor | None = None
    by_weight: Tensor | None = None
    by_project: Tensor | None = None


class Passes:
    """One batch on its way through the net: x (members, batch, n_inputs) -> `answers` (members, batch, n_outputs)."""

    def __init__(self, layers: Sequence[Weights], head: Map, activation: Activation, x: Tensor) -> None:
        """Pass 1."""
        self._head = head
        self._traces: list[Trace] = []
        self._by_head: Tensor | None = None
        function = WITH_DERIVATIVES[activation]
        for layer in layers:
            value, first, second = function(torch.baddbmm(layer.linear.bias, x, layer.linear.weight))
            self._traces.append(Trace(layer, x, first, second))
            if layer.project is not None:
                value += torch.baddbmm(layer.project.bias, x, layer.project.weight)
            elif layer.skips:
                value += x
            x = value
        self._last = x
        self.answers = torch.baddbmm(head.bias, x, head.weight)

    def input_gradient(self) -> Tensor:
        """Return d answer / d x (members, n_outputs batch, n_inputs), one output after the other: pass 2."""
        n_outputs, batch = self.answers.shape[2], self.answers.shape[1]
        head = self._head.across.unsqueeze(2)  # (members, n_outputs, 1, size)
        slope = head.expand(-1, -1, batch, -1).reshape(len(head), n_outputs * batch, -1)
        for trace in reversed(self._traces):
            trace.slope = slope
            trace.to_z = slope * _each(trace.first, n_outputs)
            slope = _back(trace.layer, trace.to_z, slope)
        return slope

    def penalize(self, adjoint: Tensor) -> None:
        """Take d penalty / d `input_gradient()` to the weights and to f'(z): pass 3."""
        n_outputs, batch = self.answers.shape[2], self.answers.shape[1]
        for trace in self._traces:
            layer = trace.layer
            assert trace.slope is not None
            assert trace.to_z is not None
            across = adjoint.transpose(1, 2)
            trace.by_weight = torch.bmm(across, trace.to_z)
            by_z = torch.bmm(adjoint, layer.linear.weight)
            trace.by_first = _total(by_z * trace.slope, n_outputs)
            passed = adjoint
            adjoint = by_z.mul_(_each(trace.first, n_outputs))
            if layer.project is not None:
                trace.by_project = torch.bmm(across, trace.slope)
                adjoint = adjoint.baddbmm_(passed, layer.project.weight)
            elif layer.skips:
                adjoint += passed
        self._by_head = adjoint.unflatten(1, (n_outputs, batch)).sum(2).transpose(1, 2)

    def gradients(self, adjoint: Tensor) -> list[Tensor]:
        """Return the gradients of all parameters, in the module's order, from d loss / d `answers`: pass 4."""
        found = [adjoint.sum(1, keepdim=True), _weight(self._last, adjoint, self._by_head)]
        adjoint = torch.bmm(adjoint, self._head.across)
        for i, trace in reversed(list(enumerate(self._traces))):
            to_z = adjoint * trace.first
            if trace.by_first is not None:
                to_z.addcmul_(trace.by_first, trace.second)
            if trace.layer.project is not None:
                found += [adjoint.sum(1, keepdim=True), _weight(trace.x, adjoint, trace.by_project)]
            found += [to_z.sum(1, keepdim=True), _weight(trace.x, to_z, trace.by_weight)]
            if i:
                adjoint = _back(trace.layer, to_z, adjoint)
        return found[::-1]


def _back(layer: Weights, to_z: Tensor, to_value: Tensor) -> Tensor:
    """Return what a layer's input gets, from what z and the layer's value got."""
    if layer.project is not None:
        to_value = torch.bmm(to_value, layer.project.across)
    if layer.skips:
        return torch.baddbmm(to_value, to_z, layer.linear.across)
    return torch.bmm(to_z, layer.linear.across)


def _weight(x: Tensor, adjoint: Tensor, more: Tensor | None) -> Tensor:
    """Return x' adjoint of every member, plus `more`."""
    x = x.transpose(1, 2)
    return torch.bmm(x, adjoint) if more is None else torch.baddbmm(more, x, adjoint)


def _each(values: Tensor, n: int) -> Tensor:
    """Return values (members, batch, size) n times, one after the other, along the batch."""
    return values if n == 1 else values.repeat(1, n, 1)


def _total(values: Tensor, n: int) -> Tensor:
    """Return the sum of the n parts along the batch."""
    return values if n == 1 else values.unflatten(1, (n, -1)).sum(1)
