"""The dynamics net: GRU over a window of states and actions, a state's change as the answer, all inside the graph."""

# What others build on, besides kind rollout's contract:
# - A raw row is qpos (nq), qvel (nv), ctrl (nu), in the units of the recordings; an angle is one number [rad], not a
#   pair, and is not wrapped: the answer goes on from the row's own value. Cosines and sines are only inside the graph.
# - States of a step, all of scope lane: `origin` (n coordinates) and `started` (1), both only where there are
#   coordinates; `h0`, `h1`... (hidden_size) for each member and layer. There is no stream state.
# - A lane's first row gives its origin, and coordinates enter the gates linearly: W (q - origin) = W q - W origin.
# - step.onnx asks for Sin, Cos, Atan, Sqrt and Clip beside Gemm, Sigmoid, Tanh, Relu, Slice and Concat.
# - forward takes any horizon; model.onnx has the spec's. Dropout and noise act in training only.

from __future__ import annotations

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from learn_rt.spec import Scope, State
from learn_rt.train.core.config import within
from learn_rt.train.core.servable import Servable
from learn_rt.train.dynamics.layout import Layout
from learn_rt.train.dynamics.transforms import resolve


@dataclass
class DynamicsNetConfig:
    """Sizes of the net. Zero positions, velocities or controls: as many as the data has."""

    n_positions: int = 0
    n_velocities: int = 0
    n_controls: int = 0
    coordinate_indices: list[int] = field(default_factory=list)  # positions that only count from the window's first row
    angle_indices: list[int] = field(default_factory=list)  # positions that the net sees as cosine and sine
    window: int = 11
    hidden_size: int = 128
    num_layers: int = 1
    head_size: int = 64
    members: int = 1  # nets beside each other, of which the mean counts
    dropout: float = 0.0  # before the head
    transform_fn: str = ""  # module:function, see transforms.py: what the net sees of the positions instead

    def __post_init__(self) -> None:
        # Also of what a checkpoint asks for, before memory is taken.
        for name in ("n_positions", "n_velocities", "n_controls"):
            within(f"net.{name}", getattr(self, name), 0, 256)
        within("net.window", self.window, 1, 4096)
        for name in ("hidden_size", "head_size"):
            within(f"net.{name}", getattr(self, name), 1, 4096)
        within("net.num_layers", self.num_layers, 1, 8)
        within("net.members", self.members, 1, 64)
        within("net.dropout", self.dropout, 0, 0.99)

    @property
    def layout(self) -> Layout:
        """Where in a row and among the features each signal stands."""
        return Layout(
            self.n_positions,
            self.n_velocities,
            self.n_controls,
            tuple(self.coordinate_indices),
            tuple(self.angle_indices),
        )


class Member(nn.Module):
    """One net: GRU, then a head that answers a change in normalised units."""

    def __init__(self, n_inputs: int, n_outputs: int, config: DynamicsNetConfig) -> None:
        super().__init__()
        self.gru = nn.GRU(n_inputs, config.hidden_size, config.num_layers, batch_first=True)
        self.head = nn.Sequential(
            nn.Dropout(config.dropout),
            nn.Linear(config.hidden_size, config.head_size),
            nn.ReLU(),
            nn.Linear(config.head_size, n_outputs),
        )
        # Small first answers: an untrained net holds its state, and a long rollout of it does not run away.
        with torch.no_grad():
            self.head[3].weight.mul_(0.1)
            self.head[3].bias.zero_()

    def cell(self, layer: int, x: Tensor, h: Tensor) -> Tensor:
        """Return the layer's next state, written out so that the recurrent half is a node of its own in the step graph.

        Args: x: the input's share of the gates (batch, 3 hidden), with its bias.
        """
        r, z, n = x.chunk(3, 1)
        recurrent = F.linear(h, self.weight("weight_hh", layer), self.weight("bias_hh", layer))
        r_h, z_h, n_h = recurrent.chunk(3, 1)
        z = torch.sigmoid(z + z_h)
        candidate = torch.tanh(n + torch.sigmoid(r + r_h) * n_h)
        return candidate + z * (h - candidate)

    def weight(self, name: str, layer: int) -> Tensor:
        """Return one of the GRU's parameters."""
        value = getattr(self.gru, f"{name}_l{layer}")
        assert isinstance(value, Tensor)
        return value


class DynamicsNet(Servable):
    """Next states from a window of rows, each qpos, qvel, ctrl; `config.layout` says which position is what.

    The net sees coordinates from the window's first row on, angles as (cos, sin), velocities and controls over
    their scale, and answers the change of a state over its scale. An angle's change is a pair that is brought to length
    one, in training as in the graph; it turns the angle by what the pair says.
    """

    def __init__(self, config: DynamicsNetConfig) -> None:
        super().__init__()
        self.config, self.layout = config, config.layout
        self.transform = resolve(config.transform_fn) if config.transform_fn else None
        n_inputs = self.layout.seen(torch.zeros(1, self.layout.n_row), self.transform).shape[1]
        self.n_relative = 0 if self.transform else len(self.layout.coordinates)
        self.input_scale: Tensor
        self.delta_scale: Tensor
        self.register_buffer("input_scale", torch.ones(self.n_relative + n_inputs))
        self.register_buffer("delta_scale", torch.ones(self.layout.n_delta))
        self.members = nn.ModuleList(
            Member(self.n_relative + n_inputs, self.layout.n_delta, config) for _ in range(config.members)
        )

    def forward(self, x: Tensor, actions: Tensor) -> Tensor:  # type: ignore[override]
        """Return the next states (batch, horizon, S) after windows (batch, window, S + A), actions (batch, horizon, A).

        Every prediction is made from the last `window` rows, its own answers among them; actions[:, 0] is the newest
        row's.
        """
        n = self.layout.n_state
        answers: list[Tensor] = []
        for k in range(actions.shape[1]):
            if k:
                x = torch.cat([x[:, 1:], torch.cat([answers[-1], actions[:, k]], 1).unsqueeze(1)], 1)
            seen = self._seen(x, x[:, :1])
            delta = self._mean([m.head(m.gru(seen)[0][:, -1]) for m in self._members()])
            answers.append(self.layout.moved(x[:, -1, :n], delta))
        return torch.stack(answers, 1)

    def states(self) -> tuple[State, ...]:
        """Return the states of one step, every one a lane's own."""
        c = self.config
        first: tuple[State, ...] = ()
        if self.n_relative:
            first = (State("origin", (self.n_relative,), Scope.LANE), State("started", (1,), Scope.LANE))
        cells = range(c.members * c.num_layers)
        return first + tuple(State(f"h{i}", (c.hidden_size,), Scope.LANE) for i in cells)

    def step(self, x: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        """Return (next state, origin, started, h0, ...) after one raw row (batch, S + A)."""
        following = self.advance(x, *states)
        return (self.answer(x, *following), *following)

    def advance(self, x: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        """Return the states after one more raw row (batch, S + A)."""
        r, n_layers = self.n_relative, self.config.num_layers
        first: tuple[Tensor, ...] = ()
        seen = self.layout.seen(x, self.transform) / self.input_scale[r:]
        if r:
            origin, started, *cells = states
            here = self.layout.coordinate(x)
            first = (started * origin + (1.0 - started) * here, torch.ones_like(started))
        else:
            cells = list(states)
        following: list[Tensor] = []
        for i, member in enumerate(self._members()):
            weight, bias = member.weight("weight_ih", 0), member.weight("bias_ih", 0)
            gates = F.linear(seen, weight[:, r:], bias)
            if r:
                # Apart, so that the row's share and the origin's are each computed once, and early.
                by_coordinate = weight[:, :r] / self.input_scale[:r]
                gates = gates + started * (F.linear(here, by_coordinate) - F.linear(origin, by_coordinate))
            for layer in range(n_layers):
                if layer:
                    gates = F.linear(following[-1], member.weight("weight_ih", layer), member.weight("bias_ih", layer))
                following.append(member.cell(layer, gates, cells[i * n_layers + layer]))
        return (*first, *following)

    def answer(self, x: Tensor, *states: Tensor) -> Tensor:
        """Return the next state (batch, S) after a raw row (batch, S + A) that `advance` took into the states."""
        n_layers, cells = self.config.num_layers, states[len(states) - self.config.members * self.config.num_layers :]
        changes = [m.head(cells[(i + 1) * n_layers - 1]) for i, m in enumerate(self._members())]
        return self.layout.moved(x[:, : self.layout.n_state], self._mean(changes))

    def _members(self) -> list[Member]:
        return [m for m in self.members if isinstance(m, Member)]

    def _seen(self, x: Tensor, origin: Tensor) -> Tensor:
        """Return what the GRU sees of rows (..., S + A), coordinates counted from the row `origin`."""
        seen = self.layout.seen(x, self.transform)
        if self.n_relative:
            seen = torch.cat([self.layout.coordinate(x) - self.layout.coordinate(origin), seen], -1)
        return seen / self.input_scale

    def _mean(self, changes: list[Tensor]) -> Tensor:
        """Return the members' mean change in physical units, angles as pairs that need not have length one."""
        mean = sum(changes[1:], changes[0]) * (1.0 / len(changes))
        return self.layout.around(mean * self.delta_scale)
