"""A small convolutional net, exported: a window model without states, so without a step graph."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from learn_rt.spec import Spec

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Convolutional:
    """The version folder <repository>/conv/1, with `model.onnx` in ONNX Runtime as its oracle."""

    repository: Path
    folder: Path
    spec: Spec

    def truth(self, samples: Floats) -> Floats:
        """Return model.onnx's answers (n - window + 1, n_outputs) to every whole window of samples (n, n_features)."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(self.folder / "model.onnx", options, providers=["CPUExecutionProvider"])
        slid = np.lib.stride_tricks.sliding_window_view(samples, self.spec.window, axis=0)
        answers: Floats = session.run(["y"], {"x": np.ascontiguousarray(slid.transpose(0, 2, 1))})[0]
        return answers


@pytest.fixture(scope="session")
def convolutional(tmp_path_factory: pytest.TempPathFactory) -> Convolutional:
    """Window 16 of 3 features, 2 outputs: two dilated convolutions, pooling, a linear layer."""
    # On use: torch takes seconds.
    import torch
    from torch import Tensor, nn

    from learn_rt.export import export_servable
    from learn_rt.spec import Kind, Signal
    from learn_rt.train.core.servable import Servable

    class ConvNet(Servable):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.Sequential(
                nn.Conv1d(3, 8, 3, padding=1), nn.LeakyReLU(), nn.BatchNorm1d(8), nn.MaxPool1d(2), nn.Conv1d(8, 8, 3)
            )
            self.head = nn.Linear(8 * 6, 2)

        def forward(self, x: Tensor) -> Tensor:
            answers: Tensor = self.head(self.layers(x.transpose(1, 2)).flatten(1))
            return answers

    torch.manual_seed(0)
    random = np.random.default_rng(0)
    net = ConvNet()
    net(torch.from_numpy(random.normal(size=(50, 16, 3)).astype(np.float32)))  # gives the batch norm its statistics
    inputs = tuple(Signal(n, "m/s2") for n in "abc")
    spec = Spec("conv", Kind.WINDOW, 0.01, inputs, (Signal("p", "rad"), Signal("q", "rad")), window=16)
    repository = tmp_path_factory.mktemp("repository")
    held_out = random.normal(size=(40, 16, 3)).astype(np.float32)
    folder = export_servable(net.eval(), spec, held_out, repository)
    return Convolutional(repository, folder, Spec.from_json((folder / "spec.json").read_bytes()))
