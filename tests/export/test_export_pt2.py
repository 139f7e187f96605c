"""model.pt2 of a rollout, and model.aoti.pt2: loaded by torch alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from rollout_net import Cart, cart_rows, cart_spec
from torch import Tensor, nn

from learn_rt.export import export
from learn_rt.spec import Kind, Signal, Spec, State
from learn_rt.train.core.servable import Servable

SPEC = Spec("small", Kind.POINTWISE, 0.01, (Signal("a", "m"), Signal("b", "m")), (Signal("y", "m"),))
SAMPLES = np.random.default_rng(0).normal(size=(20, 2)).astype(np.float32)

LOAD = """
import sys, warnings
sys.modules["learn_rt"] = None  # an import of it fails
warnings.simplefilter("ignore")
import numpy as np, torch
version, tolerance, compiled = sys.argv[1], float(sys.argv[2]), sys.argv[3] == "aoti"
golden = np.load(version + "/golden.npz")
if compiled:
    from torch._inductor import aoti_load_package
    module = aoti_load_package(version + "/model.aoti.pt2")
else:
    module = torch.export.load(version + "/model.pt2").module()
for batch in (1, 2, 7):
    with torch.no_grad():
        y = module(*(torch.from_numpy(golden[name][:batch]) for name in ("x", "actions") if name in golden)).numpy()
    assert y.shape == golden["y"][:batch].shape, y.shape
    assert np.abs(y - golden["y"][:batch]).max() <= tolerance
print("done")
"""


class Small(Servable):
    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(3)
            self.net = nn.Sequential(nn.Linear(2, 5), nn.ELU(), nn.Linear(5, 1))
        self.register_buffer("mean", torch.tensor([0.5, -1.0]))

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x - self.mean)

    def states(self) -> tuple[State, ...]:
        return ()

    def step(self, x: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        return (self.forward(x),)


def answers_without_learn_rt(version: Path, file: str) -> None:
    tolerance = Spec.from_json((version / "spec.json").read_bytes()).tolerance
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(version), str(tolerance), file], capture_output=True, text=True
    )
    assert done.stdout == "done\n", done.stderr


def test_a_rollout_takes_its_actions_too(tmp_path: Path) -> None:
    spec = cart_spec()
    rows = cart_rows(30, spec.window + spec.horizon - 1)
    report = export(Cart(), spec, rows, tmp_path, formats=("pt2",))
    assert [row.file for row in report.rows] == ["model.pt2"]
    answers_without_learn_rt(report.folder, "pt2")


@pytest.mark.skipif(shutil.which(os.environ.get("CXX", "g++")) is None, reason="no C++ compiler")
def test_the_compiled_file_answers_as_the_module_does(tmp_path: Path) -> None:
    report = export(Small(), SPEC, SAMPLES, tmp_path, formats=("aoti",))
    (row,) = report.rows
    assert (row.format, row.file) == ("aoti", "model.aoti.pt2")
    assert row.max_error <= row.bound
    answers_without_learn_rt(report.folder, "aoti")


def test_without_a_compiler_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(ValueError, match=r"model\.aoti\.pt2 is compiled, and there is no no-such-compiler here"):
        export(Small(), SPEC, SAMPLES, tmp_path / "models", formats=("aoti",))
    assert not (tmp_path / "models").exists()
