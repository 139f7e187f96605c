"""The dynamics net: GRU over a window of states and actions, a state's change as the answer, all inside the graph."""

# What others build on, besides kind rollout's contract:
# - A raw row is qpos (nq), qvel (nv), ctrl (nu), in the units of the recordings; an angle is one number [rad], not a
#   pair, and is not wrapped: the answer goes on from the row's own value. Cosines and sines are only inside the graph.
# - States of a step: `tail` (window - 1, S + A), of scope stream, the last raw rows for the linear path; of scope lane
#   `origin` (n coordinates) where there are coordinates, `started` (1) where there is anything that a lane's first row
#   does not have, and `h0`, `h1`... (hidden_size) for each member and layer.
# - A lane's first row gives its origin, and coordinates enter the gates linearly: W (q - origin) = W q - W origin.
#   The same for increments, which the first row does not have.
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
    linear: bool = True  # a linear path over the window beside the net, fitted by least squares
    increments: bool = True  # the net also sees each position's increment since the row before
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
        last = nn.Linear(config.head_size, n_outputs)
        # Small first answers: an untrained net holds its state, and a long rollout of it does not run away.
        with torch.no_grad():
            last.weight.mul_(0.1)
            last.bias.zero_()
        first = nn.Linear(config.hidden_size, config.head_size)
        self.head = nn.Sequential(nn.Dropout(config.dropout), first, nn.ReLU(), last)

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

    The net sees coordinates from the window's first row on, angles as (cos, sin), increments of positions, velocities
    and controls over their scale, and answers the change of a state over its scale. A linear path over the window's
    increments, velocities and controls does what is linear in them, which a recurrent net learns slowly: noise is
    averaged over the window. An angle's change is a pair that is brought to length one, in training as in the graph; it
    turns the angle by what the pair says.
    """

    def __init__(self, config: DynamicsNetConfig) -> None:
        super().__init__()
        self.config, self.layout = config, config.layout
        self.transform = resolve(config.transform_fn) if config.transform_fn else None
        n_seen = self.layout.seen(torch.zeros(1, self.layout.n_row), self.transform).shape[1]
        self.n_coordinates = 0 if self.transform else len(self.layout.coordinates)
        self.n_increments = self.layout.nq if config.increments and config.window > 1 else 0
        self.n_relative = self.n_coordinates + self.n_increments
        n_inputs, n_moves = self.n_relative + n_seen, self.layout.n_row
        self.input_mean: Tensor
        self.input_scale: Tensor
        self.move_scale: Tensor
        self.delta_scale: Tensor
        self.register_buffer("input_mean", torch.zeros(n_seen))
        self.register_buffer("input_scale", torch.ones(n_inputs))
        self.register_buffer("move_scale", torch.ones(n_moves))
        self.register_buffer("delta_scale", torch.ones(self.layout.n_delta))
        self.members = nn.ModuleList(Member(n_inputs, self.layout.n_delta, config) for _ in range(config.members))
        self.linear = None
        if config.linear:
            self.linear = nn.Linear(n_moves * config.window, self.layout.n_delta, bias=False)
            nn.init.zeros_(self.linear.weight)

    def forward(self, x: Tensor, actions: Tensor) -> Tensor:  # type: ignore[override]
        """Return the next states (batch, horizon, S) after windows (batch, window, S + A), actions (batch, horizon, A).

        Every prediction is made from the last `window` rows, its own answers among them; actions[:, 0] is the newest
        row's.
        """
        answers: list[Tensor] = []
        for k in range(actions.shape[1]):
            if k:
                x = torch.cat([x[:, 1:], torch.cat([answers[-1], actions[:, k]], 1).unsqueeze(1)], 1)
            seen = self._seen(x)
            delta = self._mean([m.head(m.gru(seen)[0][:, -1]) for m in self._members()])
            answers.append(self.moved(x[:, -1], delta + self.linear_change(x)))
        return torch.stack(answers, 1)

    def states(self) -> tuple[State, ...]:
        """Return the states of one step: `tail` is shared by all lanes, the others are a lane's own."""
        c = self.config
        found: list[State] = []
        if self._has_tail():
            found.append(State("tail", (c.window - 1, self.layout.n_row), Scope.STREAM))
        if self.n_coordinates:
            found.append(State("origin", (self.n_coordinates,), Scope.LANE))
        if self.n_relative:
            found.append(State("started", (1,), Scope.LANE))
        return (*found, *(State(f"h{i}", (c.hidden_size,), Scope.LANE) for i in range(c.members * c.num_layers)))

    def step(self, x: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        """Return (next state, tail, origin, started, h0, ...) after one raw row (batch, S + A).

        What is linear in the tail is kept apart from what needs the new row, so that it can be done before the row
        comes.
        """
        names = [s.name for s in self.states()]
        kept = dict(zip(names, states, strict=True))
        tail = kept.get("tail")
        following = self.advance(x, None if tail is None else tail[:, -1], kept)
        if tail is not None:
            following["tail"] = torch.cat([tail[:, 1:], x.unsqueeze(1)], 1)
        delta = self.change(following)
        if self.linear is not None:
            delta = delta + self._linear_step(x, tail)
        return (self.moved(x, delta), *(following[name] for name in names))

    def advance(self, x: Tensor, before: Tensor | None, lane: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return a lane's states, by name, after one more raw row (batch, S + A) and the row before it."""
        following: dict[str, Tensor] = {}
        seen = (self.layout.seen(x, self.transform) - self.input_mean) / self.input_scale[self.n_relative :]
        gates = F.linear(seen, self._columns(2))
        if self.n_relative:
            # What counts relative to a row before it: a lane's first row has none.
            following["started"] = torch.ones_like(lane["started"])
            relative = []
            if self.n_coordinates:
                here, origin = self.layout.coordinate(x), lane["origin"]
                following["origin"] = lane["started"] * origin + (1.0 - lane["started"]) * here
                # Apart, so that the row's share is computed once for all lanes, and the origin's before the row comes.
                by_coordinate = self._columns(0) / self.input_scale[: self.n_coordinates]
                relative.append(F.linear(here, by_coordinate) - F.linear(origin, by_coordinate))
            if self.n_increments:
                assert before is not None
                increment = x[:, : self.layout.nq] - before[:, : self.layout.nq]
                scale = self.input_scale[self.n_coordinates : self.n_relative]
                relative.append(F.linear(increment / scale, self._columns(1)))
            gates = gates + lane["started"] * sum(relative[1:], relative[0])
        n_layers, n_gates = self.config.num_layers, 3 * self.config.hidden_size
        for i, member in enumerate(self._members()):
            share = gates[:, i * n_gates : (i + 1) * n_gates] + member.weight("bias_ih", 0)
            for layer in range(n_layers):
                name = f"h{i * n_layers + layer}"
                if layer:
                    below = following[f"h{i * n_layers + layer - 1}"]
                    share = F.linear(below, member.weight("weight_ih", layer), member.weight("bias_ih", layer))
                following[name] = member.cell(layer, share, lane[name])
        return following

    def change(self, lane: dict[str, Tensor]) -> Tensor:
        """Return the net's change (batch, n_delta) over its scale, from a lane's states after the newest row."""
        n_layers = self.config.num_layers
        return self._mean([m.head(lane[f"h{(i + 1) * n_layers - 1}"]) for i, m in enumerate(self._members())])

    def linear_change(self, x: Tensor) -> Tensor | float:
        """Return the linear path's change (batch, n_delta) over its scale, of raw windows (batch, window, S + A)."""
        return 0.0 if self.linear is None else self.linear(self.moves(x).flatten(1))

    def moved(self, x: Tensor, delta: Tensor) -> Tensor:
        """Return the state (batch, S) that a raw row (batch, S + A) goes to by a change over its scale."""
        return self.layout.moved(x[:, : self.layout.n_state], self.layout.around(delta * self.delta_scale))

    def moves(self, x: Tensor) -> Tensor:
        """Return what the linear path sees of raw windows (batch, n, S + A): increments, velocities, controls.

        The first row has no increment.
        """
        return torch.cat([self._increments(x), x[..., self.layout.nq :]], -1) / self.move_scale

    def _linear_step(self, x: Tensor, tail: Tensor | None) -> Tensor:
        assert self.linear is not None
        nq, n, weight = self.layout.nq, self.layout.n_row, self.linear.weight
        rest = F.linear(x[:, nq:] / self.move_scale[nq:], weight[:, -n + nq :])
        if tail is None:
            return rest
        early = F.linear(self.moves(tail).flatten(1), weight[:, :-n])
        increment = (x[:, :nq] - tail[:, -1, :nq]) / self.move_scale[:nq]
        return early + (rest + F.linear(increment, weight[:, -n : -n + nq]))

    def _columns(self, part: int) -> Tensor:
        """Return the input weights of all members (members * 3 hidden, n): of coordinates, increments or the rest."""
        low, high = [(0, self.n_coordinates), (self.n_coordinates, self.n_relative), (self.n_relative, None)][part]
        return torch.cat([m.weight("weight_ih", 0)[:, low:high] for m in self._members()])

    def _has_tail(self) -> bool:
        return self.config.window > 1 and (self.config.linear or self.config.increments)

    def _members(self) -> list[Member]:
        return [m for m in self.members if isinstance(m, Member)]

    def _seen(self, x: Tensor) -> Tensor:
        """Return what the GRU sees of raw windows (batch, n, S + A)."""
        parts = [self.layout.seen(x, self.transform) - self.input_mean]
        if self.n_increments:
            parts.insert(0, self._increments(x))
        if self.n_coordinates:
            coordinate = self.layout.coordinate(x)
            parts.insert(0, coordinate - coordinate[:, :1])
        return torch.cat(parts, -1) / self.input_scale

    def _increments(self, x: Tensor) -> Tensor:
        """Return the positions' increments (batch, n, nq) in raw windows, zero in the first row."""
        position = x[..., : self.layout.nq]
        return position - torch.cat([position[:, :1], position[:, :-1]], 1)

    def _mean(self, changes: list[Tensor]) -> Tensor:
        return changes[0] if len(changes) == 1 else sum(changes[1:], changes[0]) * (1.0 / len(changes))
