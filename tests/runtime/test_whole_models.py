"""Whole nets in float32 on the native engine err as torch's own float32 does, both measured against float64."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable

import numpy as np
import onnx
import pytest
import torch
from native_graphs import flatten, load_graph
from torch import Tensor, nn

N = 200  # samples of each net


class Policy(nn.Module):
    """An actor as rsl_rl has it: normalizer, ELU net."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.randn(48))
        self.register_buffer("std", torch.rand(48) + 0.5)
        self.net = nn.Sequential(
            nn.Linear(48, 256), nn.ELU(), nn.Linear(256, 128), nn.ELU(), nn.Linear(128, 64), nn.ELU(), nn.Linear(64, 12)
        )

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.net((x - self.mean) / (self.std + 1e-2))
        return answer


class Recurrent(nn.Module):
    """Two layers over a window, or one step from states that are fed; answers and last states, flat."""

    def __init__(self, kind: type[nn.RNNBase], **options: str) -> None:
        super().__init__()
        self.net = kind(5, 56, num_layers=2, batch_first=True, **options)
        self.head = nn.Linear(56, 3)

    def forward(self, x: Tensor, *states: Tensor) -> Tensor:
        given = states if len(states) > 1 else states[0] if states else None
        y, last = self.net(x, given)
        ends = last if isinstance(last, tuple) else (last,)
        return torch.cat([self.head(y[:, -1]), *(end.swapaxes(0, 1).flatten(1) for end in ends)], 1)


class Windowed(nn.Module):
    """A convolutional classifier over a window."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv1d(6, 32, 5, padding=2), nn.BatchNorm1d(32), nn.GELU(), nn.MaxPool1d(2),
            nn.Conv1d(32, 64, 5, padding=4, dilation=2), nn.BatchNorm1d(64), nn.SiLU(), nn.AdaptiveAvgPool1d(1),
            nn.Flatten(), nn.LayerNorm(64), nn.Linear(64, 9), nn.LogSoftmax(1),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.net(x)
        return answer


NETS: dict[str, tuple[Callable[[], nn.Module], list[tuple[int, ...]]]] = {
    "policy": (Policy, [(48,)]),
    "LSTM window": (lambda: Recurrent(nn.LSTM), [(20, 5)]),
    "LSTM step": (lambda: Recurrent(nn.LSTM), [(1, 5), (2, 56), (2, 56)]),
    "GRU window": (lambda: Recurrent(nn.GRU), [(11, 5)]),
    "GRU step": (lambda: Recurrent(nn.GRU), [(1, 5), (2, 56)]),
    "RNN window": (lambda: Recurrent(nn.RNN, nonlinearity="relu"), [(11, 5)]),
    "convolutions": (Windowed, [(6, 64)]),
}


def export(net: nn.Module, inputs: list[Tensor]) -> onnx.ModelProto:
    program = torch.onnx.export(net, tuple(inputs), dynamo=True, opset_version=20, verbose=False)
    assert program is not None
    buffer = io.BytesIO()
    program.save(buffer)
    return onnx.load_model_from_string(buffer.getvalue())


@pytest.mark.filterwarnings("ignore")  # torch's exporter
@pytest.mark.parametrize("name", NETS)
def test_a_whole_net_errs_at_most_twice_as_much_as_torch(name: str) -> None:
    torch.manual_seed(3)
    make, shapes = NETS[name]
    net = make().eval()
    inputs = [torch.randn(N, *shape) for shape in shapes]
    # torch has the layers of a state first
    fed = [v if i == 0 else v.swapaxes(0, 1).contiguous() for i, v in enumerate(inputs)]
    with torch.no_grad():
        exact = copy.deepcopy(net).double()(*(v.double() for v in fed)).numpy()
        own = net(*fed).numpy()
    one = [v[:1] if i == 0 else v[:, :1].contiguous() for i, v in enumerate(fed)]
    graph = flatten(export(net, one), [tuple(v.shape) for v in one], [exact.shape[1]])
    samples = np.concatenate([v.numpy().reshape(N, -1) for v in inputs], 1)
    answers = load_graph(graph, samples[0], exact[0]).infer(samples)
    error, torchs = np.abs(answers - exact), np.abs(own - exact)
    assert error.max() <= 2 * torchs.max()
    assert np.sqrt((error**2).mean()) <= 2 * np.sqrt((torchs**2).mean())
