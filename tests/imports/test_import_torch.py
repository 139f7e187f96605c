"""TorchScript files and modules of the user's own become folders; what keeps a memory or is a pickle is refused."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from policies import GruWalker, LstmWalker, Remembering, Walker, mlp

from learn_rt.export.import_cli import main
from learn_rt.export.replay import open_onnx, open_step
from learn_rt.spec import Kind, Spec

STATES = "states:\n- {name: h, shape: [1, 12], batch_axis: 1}\n"


def run(folder: Path, model: object) -> int:
    files = ["--spec", str(folder / "plain.yaml"), "--samples", str(folder / "x.npz"), "--out", str(folder / "models")]
    return main([str(model), *files])


def spec_of(folder: Path) -> tuple[Path, Spec]:
    (version,) = (folder / "models").glob("*/1")
    return version, Spec.from_json((version / "spec.json").read_text())


def script(module: torch.nn.Module, path: Path) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(module.eval()), str(path))
    return path


def test_a_torchscript_policy_keeps_its_answers(plain, capsys):
    module = Walker(10)
    assert run(plain, script(module, plain / "policy.pt")) == 0
    assert "torchscript" in capsys.readouterr().out  # the file itself is compared with the truth too
    version, spec = spec_of(plain)
    x = np.random.default_rng(2).normal(size=(7, 10)).astype(np.float32)
    answer = open_onnx(version / "model.onnx", spec).answer(x)
    np.testing.assert_allclose(answer, module(torch.from_numpy(x)).detach().numpy(), rtol=0, atol=2e-6)


def test_a_frozen_file_is_taken_too(plain):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frozen = torch.jit.freeze(torch.jit.script(Walker(10).eval()))
        torch.jit.save(frozen, str(plain / "frozen.pt"))
    assert run(plain, plain / "frozen.pt") == 0


def test_torchscript_with_states_in_and_out_is_stateful(plain):
    module = GruWalker(10).eval()
    with (plain / "plain.yaml").open("a") as file:
        file.write(STATES)
    assert run(plain, script(module, plain / "policy.pt")) == 0
    version, spec = spec_of(plain)
    assert (spec.kind, [(s.name, s.shape) for s in spec.states]) == (Kind.STATEFUL, [("h", (1, 12))])
    sequence = np.random.default_rng(3).normal(size=(1, 15, 10)).astype(np.float32)
    h = torch.zeros(1, 1, 12)
    with torch.no_grad():
        for sample in torch.from_numpy(sequence).unbind(1):
            want, h = module(sample, h)
    np.testing.assert_allclose(open_step(version / "step.onnx", spec).answer(sequence), want, rtol=0, atol=1e-6)


def test_a_policy_that_remembers_inside_is_refused_by_its_buffer(plain, capsys):
    assert run(plain, script(Remembering(10), plain / "policy.pt")) == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "a call changes hidden_state inside the module" in line
    assert not (plain / "models").exists()


MY_NET = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.body = nn.Sequential(nn.Linear(10, 16), nn.SiLU(), nn.LayerNorm(16), nn.Linear(16, 4))

    def forward(self, x):
        return self.body(x)


class Memory(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell, self.head = nn.GRUCell(10, 12), nn.Linear(12, 4)

    def forward(self, x, *states):
        h = self.cell(x, states[0])
        return self.head(h), h


trained = Net().eval()
answer = 42
"""


@pytest.fixture
def package(plain, monkeypatch):
    (plain / "my_nets.py").write_text(MY_NET)
    monkeypatch.chdir(plain)
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p])
    yield plain
    sys.modules.pop("my_nets", None)


@pytest.mark.parametrize("name", ["my_nets:Net", "my_nets:trained"])
def test_a_class_or_an_object_of_a_package_is_imported(name, package, capsys):
    assert run(package, name) == 0
    version, spec = spec_of(package)
    assert spec.name == name.split(":")[1]
    net = sys.modules["my_nets"].trained
    x = np.random.default_rng(4).normal(size=(3, 10)).astype(np.float32)
    with torch.no_grad():
        want = net(torch.from_numpy(x))
    np.testing.assert_allclose(open_onnx(version / "model.onnx", spec).answer(x), want, rtol=0, atol=2e-6)


def test_a_module_with_states_is_stateful(package):
    with (package / "plain.yaml").open("a") as file:
        file.write("states:\n- {name: h, shape: [12]}\n")
    assert run(package, "my_nets:Memory") == 0
    _, spec = spec_of(package)
    assert (spec.kind, spec.states[0].shape) == (Kind.STATEFUL, (12,))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("my_nets:Nothing", "has no attribute 'Nothing'"),
        ("my_nots:Net", "No module named 'my_nots'"),
        ("my_nets:answer", "must be a torch module, or return one; it is int"),
        ("my_nets", "no such file, and not package.module:Net"),
        ("my_nets:Memory", "forward does not take inputs"),
    ],
)
def test_what_is_no_module_of_that_kind_is_one_line(name, message, package, capsys):
    assert run(package, name) == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert message in line


def test_a_module_that_needs_states_says_their_shape(plain, capsys):
    with (plain / "plain.yaml").open("a") as file:
        file.write("states:\n- {name: h}\n")
    assert run(plain, script(LstmWalker(10), plain / "policy.pt")) == 1
    assert "missing: the shape of state h" in capsys.readouterr().err


def test_a_torch_model_without_inputs_in_the_spec_file_says_so(plain, capsys):
    assert main([str(script(mlp(10, 4), plain / "policy.pt"))]) == 1
    assert "missing: the inputs, by name, in the spec file" in capsys.readouterr().err
