"""model.pt and model.pt2, loaded as programs load them that have torch and nothing of ours."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import learn_rt.export
from learn_rt.export import torchscript
from learn_rt.spec import Kind, Signal, Spec, State
from learn_rt.train.core.servable import Servable

LOAD = """
import sys, warnings
sys.modules["learn_rt"] = None  # an import of it fails
warnings.simplefilter("ignore")
import numpy as np, torch
torch.set_num_threads(1)
version, tolerance = sys.argv[1], float(sys.argv[2])
golden = np.load(version + "/golden.npz")
for module in (torch.jit.load(version + "/model.pt"), torch.export.load(version + "/model.pt2").module()):
    for batch in (1, 2, 7):
        with torch.no_grad():
            y = module(torch.from_numpy(golden["x"][:batch])).numpy()
        assert y.shape == (batch, 2), y.shape
        assert np.abs(y - golden["y"][:batch]).max() <= tolerance
print("done")
"""


def test_the_files_answer_the_golden_samples_where_learn_rt_is_not_installed(version):
    tolerance = Spec.from_json((version / "spec.json").read_bytes()).tolerance
    command = [sys.executable, "-c", LOAD, str(version), str(tolerance)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout == "done\n", done.stderr


def test_normalization_is_in_the_torchscript_file_as_buffers_by_name(trained, version):
    buffers = torchscript.named_buffers(version / "model.pt")
    assert set(buffers) == {"mean", "std", "target_std"}
    for name, buffer in buffers.items():
        assert torch.equal(buffer, trained.module.get_buffer(name))


class Branch(Servable):
    """A pointwise model that looks at its data to choose its way."""

    def forward(self, x: Tensor) -> Tensor:
        return x if x.sum() > 0 else -x

    def states(self) -> tuple[State, ...]:
        return ()

    def step(self, x: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        return (self.forward(x),)


def test_a_module_that_a_trace_would_get_wrong_is_refused(tmp_path):
    spec = Spec("branch", Kind.POINTWISE, 0.01, (Signal("a", "m"),), (Signal("y", "m"),))
    with pytest.raises(ValueError, match="cannot be traced"):
        learn_rt.export.export(Branch(), spec, np.ones((4, 1)), tmp_path / "models", formats=("torchscript",))
    assert not (tmp_path / "models").exists()


def test_few_files_know_torch_jit():
    """It is deprecated: who writes and loads model.pt, who imports others', and the trace of a gradient."""
    package = Path(learn_rt.export.__file__).parent.parent
    rooms = [package / "export", package / "train"]
    callers = [f for room in rooms for f in room.rglob("*.py") if "torch.jit." in f.read_text()]
    assert sorted(f.name for f in callers) == ["by_hand.py", "torch_source.py", "torchscript.py"]
