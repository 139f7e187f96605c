"""Policies as people have them: the graphs that rsl_rl, Stable-Baselines3 and scikit-learn's converter write.

Made here, of random weights, so that no test needs those packages: what counts is the shape of the files, their
operators, names, opsets, fixed batches and metadata.
"""

from __future__ import annotations

import io
import itertools
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

N_JOINTS = 4
JOINTS = ("hip_l", "hip_r", "knee_l", "knee_r")
DEFAULT = (0.1, -0.1, -0.8, -0.75)
SCALE = (0.25, 0.25, 0.5, 0.5)


def mlp(*sizes: int, activation: type[nn.Module] = nn.ELU) -> nn.Sequential:
    """Return linear layers with an activation between them."""
    layers: list[nn.Module] = []
    for n_in, n_out in itertools.pairwise(sizes):
        layers += [nn.Linear(n_in, n_out), activation()]
    return nn.Sequential(*layers[:-1])


class Normalizer(nn.Module):
    """(x - mean) / (std + 0.01), the statistics of training as buffers."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.register_buffer("mean", 0.3 * torch.randn(1, n))
        self.register_buffer("std", torch.rand(1, n) + 0.5)

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.mean) / (self.std + 0.01)


class Walker(nn.Module):
    """An MLP policy behind a normalizer."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.normalizer, self.actor = Normalizer(n), mlp(n, 32, 16, N_JOINTS)

    def forward(self, x: Tensor) -> Tensor:
        return self.actor(self.normalizer(x))


class LstmWalker(nn.Module):
    """Two layers of LSTM before the MLP; states (layers, batch, hidden) in and out."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.normalizer, self.rnn, self.actor = Normalizer(n), nn.LSTM(n, 12, 2), mlp(12, 16, N_JOINTS)

    def forward(self, x: Tensor, h_in: Tensor, c_in: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, (h, c) = self.rnn(self.normalizer(x).unsqueeze(0), (h_in, c_in))
        return self.actor(x.squeeze(0)), h, c


class GruWalker(nn.Module):
    """One layer of GRU before the MLP."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.normalizer, self.rnn, self.actor = Normalizer(n), nn.GRU(n, 12), mlp(12, 16, N_JOINTS)

    def forward(self, x: Tensor, h_in: Tensor) -> tuple[Tensor, Tensor]:
        x, h = self.rnn(self.normalizer(x).unsqueeze(0), h_in)
        return self.actor(x.squeeze(0)), h


class Remembering(nn.Module):
    """A policy as rsl_rl scripts it: its state in a buffer that a call changes."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.rnn, self.actor = nn.GRU(n, 12), mlp(12, 16, N_JOINTS)
        self.register_buffer("hidden_state", torch.zeros(1, 1, 12))

    def forward(self, x: Tensor) -> Tensor:
        x, h = self.rnn(x.unsqueeze(0), self.hidden_state)
        self.hidden_state[:] = h
        return self.actor(x.squeeze(0))


class ActorCritic(nn.Module):
    """As Stable-Baselines3's on-policy policies answer: actions, values, log_prob."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.policy, self.value = mlp(n, 64, 64, N_JOINTS, activation=nn.Tanh), mlp(n, 64, 64, 1, activation=nn.Tanh)
        self.log_std = nn.Parameter(torch.full((N_JOINTS,), -0.5))

    def forward(self, observation: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        actions = self.policy(observation)
        log_prob = (-self.log_std - 0.5 * np.log(2 * np.pi)).sum() + 0.0 * actions.sum(1)
        return actions, self.value(observation), log_prob


def write_onnx(
    module: nn.Module,
    path: Path,
    example: Sequence[Tensor],
    inputs: Sequence[str],
    outputs: Sequence[str],
    metadata: Mapping[str, str] | None = None,
    opset: int = 17,
) -> Path:
    """Write a module as the policies' exporters do: torch's older exporter, a batch of one, no dynamic axes."""
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module.eval(),
            tuple(example),
            file,
            dynamo=False,
            opset_version=opset,
            input_names=list(inputs),
            output_names=list(outputs),
        )
    model = onnx.ModelProto.FromString(file.getvalue())
    for key, value in (metadata or {}).items():
        model.metadata_props.append(onnx.StringStringEntryProto(key=key, value=value))
    path.write_bytes(model.SerializeToString())
    return path


def csv(values: Sequence[object]) -> str:
    """Return values as Isaac Lab's and mjlab's exporters write them."""
    return ",".join(f"{v:.3f}" if isinstance(v, int | float) else str(v) for v in values)


def walker_metadata(histories: Sequence[int]) -> dict[str, str]:
    """Return the metadata of a walking policy, whose terms have these histories."""
    return {
        "run_path": "local",
        "joint_names": csv(JOINTS),
        "joint_stiffness": csv([20.0] * N_JOINTS),
        "joint_damping": csv([0.5] * N_JOINTS),
        "default_joint_pos": csv(DEFAULT),
        "command_names": "twist",
        "observation_names": csv(NAMES),
        "observation_history_lengths": csv([float(h) for h in histories]),
        "action_scale": csv(SCALE),
    }


NAMES = ("base_ang_vel", "projected_gravity", "command", "joint_pos", "joint_vel", "actions")
WALKER_SIZES = (3, 3, 3, N_JOINTS, N_JOINTS, N_JOINTS)
HISTORIES = (3, 3, 1, 3, 3, 3)
N_WALKER = sum(size * history for size, history in zip(WALKER_SIZES, HISTORIES, strict=True))
WALKER_SPEC = "dt_s: 0.02\ninputs:\n- {name: command, unit: m/s}\n"  # what its metadata do not tell


def sklearn_regressor(path: Path, n: int, scaler: bool = True) -> Path:
    """Write what skl2onnx writes for make_pipeline(StandardScaler(), MLPRegressor()): Scaler of ai.onnx.ml, Cast,
    MatMul, Add with a (1, n) bias, Relu, Identity, Reshape to (-1, 1); input float_input, output variable.
    """
    random = np.random.default_rng(0)
    sizes = (n, 20, 10, 1)
    weights, nodes = [], []
    at = "float_input"
    if scaler:
        offset, scale = random.normal(size=n), 1 / random.uniform(0.5, 2, n)
        nodes.append(
            helper.make_node(
                "Scaler",
                [at],
                ["scaled"],
                name="Scaler",
                domain="ai.onnx.ml",
                offset=offset.tolist(),
                scale=scale.tolist(),
            )
        )
        at = "scaled"
    nodes.append(helper.make_node("Cast", [at], ["cast_input"], name="Cast", to=TensorProto.FLOAT))
    at = "cast_input"
    for i, (n_in, n_out) in enumerate(itertools.pairwise(sizes)):
        w = (random.normal(size=(n_in, n_out)) / np.sqrt(n_in)).astype(np.float32)
        b = random.normal(size=(1, n_out)).astype(np.float32)
        weights += [numpy_helper.from_array(w, f"coefficient{i}"), numpy_helper.from_array(b, f"intercepts{i}")]
        nodes.append(helper.make_node("MatMul", [at, f"coefficient{i}"], [f"mul_result{i}"], name=f"MatMul{i}"))
        nodes.append(helper.make_node("Add", [f"mul_result{i}", f"intercepts{i}"], [f"add_result{i}"], name=f"Add{i}"))
        kind = "Relu" if i + 2 < len(sizes) else "Identity"
        nodes.append(helper.make_node(kind, [f"add_result{i}"], [f"next{i}"], name=f"{kind}{i}"))
        at = f"next{i}"
    weights.append(numpy_helper.from_array(np.array([-1, 1]), "shape_tensor"))
    nodes.append(helper.make_node("Reshape", [at, "shape_tensor"], ["variable"], name="Reshape"))
    graph = helper.make_graph(
        nodes,
        "sklearn",
        [helper.make_tensor_value_info("float_input", TensorProto.FLOAT, [None, n])],
        [helper.make_tensor_value_info("variable", TensorProto.FLOAT, [None, 1])],
        weights,
    )
    opsets = [helper.make_opsetid("", 15), helper.make_opsetid("ai.onnx.ml", 1)]
    path.write_bytes(helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())
    return path
