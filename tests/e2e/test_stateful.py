"""A stateful model, from its module to the client: one stream state, and how soon its past is forgotten."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from google.protobuf import text_format
from torch import Tensor, nn

pytest.importorskip("learn_rt._serve", reason="the server is not built")

from learn_rt.benchmarks.latency.serving import serving
from learn_rt.client import Flag, connect
from learn_rt.export import export, torchscript
from learn_rt.export.folder import write_sums
from learn_rt.export.pipeline import Report
from learn_rt.runtime import load
from learn_rt.spec import Kind, Scope, Signal, Spec, State
from learn_rt.train.core.servable import Servable

SIGNALS = (Signal("a", "m", range_trained=(-3.0, 3.0)), Signal("b", "m"))
SPEC = Spec("carried", Kind.STATEFUL, 0.01, SIGNALS, (Signal("y", "m"),))


class Leaky(Servable):
    """s' = keep s + sum of the inputs; y = s'. After k samples in common, keep^k of a difference is left."""

    def __init__(self, keep: float) -> None:
        super().__init__()
        self.register_buffer("keep", torch.tensor(keep))

    def forward(self, x: Tensor) -> Tensor:
        s = x.new_zeros(len(x), 1)
        for sample in x.unbind(1):
            s = self.step(sample, s)[0]
        return s

    def states(self) -> tuple[State, ...]:
        return (State("s", (1,), Scope.STREAM),)

    def step(self, x: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        s = self.keep * states[0] + x.sum(1, keepdim=True)
        return s, s


class Recurrent(Servable):
    """Two layers of LSTM and GRU, their states carried."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.LSTMCell(2, 9), nn.GRUCell(9, 7)
        self.head = nn.Linear(7, 1)

    def forward(self, x: Tensor) -> Tensor:
        states = [x.new_zeros(len(x), *s.shape) for s in self.states()]
        for sample in x.unbind(1):
            answer, *states = self.step(sample, *states)
        return answer

    def states(self) -> tuple[State, ...]:
        return tuple(State(name, (n,), Scope.STREAM) for name, n in (("h", 9), ("c", 9), ("g", 7)))

    def step(self, x: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        h, c, g = states
        h, c = self.first(x, (h, c))
        g = self.second(h, g)
        return self.head(g), h, c, g


class Late(Servable):
    """y_k = the sum of sample k - late; of zeros before the first."""

    def __init__(self, late: int) -> None:
        super().__init__()
        self.late = late

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.pad(x, (0, 0, self.late, 0))[:, -1 - self.late].sum(1, keepdim=True)

    def states(self) -> tuple[State, ...]:
        return (State("line", (self.late, 2), Scope.STREAM),)

    def step(self, x: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        line = states[0]
        return line[:, 0].sum(1, keepdim=True), torch.cat([line[:, 1:], x.unsqueeze(1)], 1)


def samples(n: int, steps: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (n, steps, 2)).astype(np.float32)


@dataclass(frozen=True)
class Carried:
    report: Report
    spec: Spec
    module: Recurrent

    @property
    def repository(self) -> Path:
        return self.report.folder.parent.parent

    def truth(self, sequence: np.ndarray) -> np.ndarray:
        """The float64 module's answer to each sample of (n, 2)."""
        module = self.module.double()
        states = [torch.zeros(1, *s.shape).double() for s in module.states()]
        answers = []
        with torch.no_grad():
            for sample in torch.from_numpy(sequence).double():
                answer, *states = module.step(sample[None], *states)
                answers.append(answer[0].numpy())
        return np.array(answers)


@pytest.fixture(scope="module")
def carried(tmp_path_factory: pytest.TempPathFactory) -> Carried:
    torch.manual_seed(0)
    module = Recurrent().eval()
    report = export(module, SPEC, samples(12, 200), tmp_path_factory.mktemp("models"))
    return Carried(report, Spec.from_json((report.folder / "spec.json").read_bytes()), module)


@pytest.fixture(scope="module")
def addresses(carried: Carried, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with serving(carried.repository, tmp_path_factory.mktemp("socket") / "s", None) as listen:
        yield listen


@pytest.mark.parametrize("keep", [0.5, 0.9])
def test_the_forgetting_length_is_when_two_histories_agree(keep: float, tmp_path: Path) -> None:
    report = export(Leaky(keep), SPEC, samples(6, 300), tmp_path, formats=("onnx",))
    spec = Spec.from_json((report.folder / "spec.json").read_bytes())
    # The most that a history leaves: a at the end of its range and b at the end of the samples, standing for ever.
    b = np.abs(samples(6, 300)[..., 1]).max()
    left = (3.0 + b) / (1 - keep)
    assert spec.tolerance is not None
    exact = np.log(spec.tolerance / left) / np.log(keep)
    assert spec.forgetting is not None
    assert exact - 1 <= spec.forgetting <= exact + 2
    assert report.notes == ()


def test_a_past_that_outlasts_the_held_out_sequences_is_not_given_a_length(tmp_path: Path) -> None:
    report = export(Leaky(0.99), SPEC, samples(6, 100), tmp_path, formats=("onnx",))
    assert Spec.from_json((report.folder / "spec.json").read_bytes()).forgetting is None
    assert report.notes == (
        "two histories still differ at the held-out sequences' end: a stream that breaks cannot be continued",
    )


def test_export_writes_one_step_and_triton_keeps_its_states(carried: Carried) -> None:
    files = {"SHA256SUMS", "golden.npz", "spec.json", "step.onnx", "model.pt"}
    assert {p.name for p in carried.report.folder.iterdir()} == files
    assert carried.report.notes == ()
    config_pb2 = pytest.importorskip("tritonclient.grpc.model_config_pb2")
    text = (carried.report.folder.parent / "config.pbtxt").read_text()
    config = text_format.Parse(text, config_pb2.ModelConfig())
    assert config.default_model_filename == "step.onnx"
    assert [(s.input_name, s.output_name, list(s.dims)) for s in config.sequence_batching.state] == [
        (f"state.{s.name}", f"state.{s.name}.next", list(s.shape)) for s in carried.spec.states
    ]
    with pytest.raises(ValueError, match=r"written as step\.onnx, and model\.pt beside it"):
        export(carried.module, SPEC, samples(3, 20), carried.repository, formats=("torchscript",))


@pytest.mark.parametrize("backend", ["native", "onnxruntime", "torchscript"])
def test_a_session_carries_its_state_from_zero(backend: str, carried: Carried) -> None:
    sequence = samples(1, 500, seed=5)[0]
    answers, flags = load(carried.report.folder, backend).session().run(sequence)
    assert (flags == 0).all()
    np.testing.assert_allclose(answers, carried.truth(sequence), rtol=0, atol=2e-6)


def test_a_torchscript_of_other_states_is_refused(carried: Carried, tmp_path: Path) -> None:
    folder = tmp_path / "1"
    shutil.copytree(carried.report.folder, folder)
    torchscript.write_step(Leaky(0.5), SPEC, folder / "model.pt")
    (folder / "SHA256SUMS").unlink()
    write_sums(folder)
    with pytest.raises(RuntimeError, match=r"Expected at most 3 argument\(s\)"):
        load(folder, "torchscript")


def test_a_session_begun_at_rest_answers_as_after_the_forgetting_length(carried: Carried) -> None:
    rest = samples(1, 1, seed=6)[0]
    session = load(carried.report.folder, "native").session()
    session.begin(rest[0])
    answer, flags = session.step(rest[0])
    assert flags == 0
    assert carried.spec.forgetting is not None
    standing = carried.truth(np.repeat(rest, carried.spec.forgetting + 200, 0))[-1]
    assert carried.spec.tolerance is not None
    np.testing.assert_allclose(answer, standing, rtol=0, atol=3 * carried.spec.tolerance)


@pytest.mark.parametrize("transport", ["inproc", "unix", "grpc"])
def test_the_client_streams_it(transport: str, carried: Carried, addresses: dict[str, str]) -> None:
    sequence = samples(1, 300, seed=7)[0]
    address = f"inproc:{carried.repository}" if transport == "inproc" else addresses[transport]
    with connect(address, "carried") as client:
        answers, flags = client.run(sequence)
    assert (flags == 0).all()
    np.testing.assert_allclose(answers, carried.truth(sequence), rtol=0, atol=2e-6)


def test_a_golden_sequence_that_the_states_do_not_give_is_not_served(carried: Carried, tmp_path: Path) -> None:
    import hashlib
    import shutil

    folder = Path(shutil.copytree(carried.report.folder, tmp_path / "1"))
    with np.load(folder / "golden.npz", allow_pickle=False) as golden:
        x, y = golden["x"], golden["y"]
    assert x.shape[1:] == (200, 2)
    np.savez(folder / "golden.npz", x=x[:, 150:], y=y)  # another past
    files = sorted(p for p in folder.iterdir() if p.name != "SHA256SUMS")
    sums = (f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.name}\n" for p in files)
    (folder / "SHA256SUMS").write_text("".join(sums))
    load(folder, "native")  # forgotten within 50 samples
    np.savez(folder / "golden.npz", x=x[:, 198:], y=y)
    sums = (f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.name}\n" for p in files)
    (folder / "SHA256SUMS").write_text("".join(sums))
    with pytest.raises(RuntimeError, match="step by step is off by"):
        load(folder, "native")


@pytest.fixture(scope="module")
def late(tmp_path_factory: pytest.TempPathFactory) -> Path:
    spec = replace(SPEC, name="late", preview=4, outputs=(Signal("y", "m", nominal=0.25),))
    return export(Late(4).eval(), spec, samples(6, 60), tmp_path_factory.mktemp("late")).folder


def test_with_a_preview_an_answer_is_for_a_tick_before(late: Path) -> None:
    assert Spec.from_json((late / "spec.json").read_bytes()).forgetting == 5
    sequence = samples(1, 40, seed=8)[0]
    session = load(late, "native").session()
    for _ in range(2):
        answers, flags = session.run(sequence)
        # Ticks before the first have no answer.
        assert (flags[:4] == Flag.WARMING_UP).all()
        assert (answers[:4] == 0.25).all()
        assert (flags[4:] == 0).all()
        np.testing.assert_allclose(answers[4:, 0], sequence[:-4].sum(1), rtol=0, atol=1e-6)
        answers, flags = session.flush()
        assert (flags == 0).all()
        np.testing.assert_allclose(answers[:, 0], sequence[-4:].sum(1), rtol=0, atol=1e-6)
        session.step(np.array([np.nan, 0.0], np.float32))  # refused: it starts again
    session.begin(sequence[0])
    answers, flags = session.run(sequence)
    assert (flags == 0).all()
    np.testing.assert_allclose(answers[:4, 0], sequence[0].sum(), rtol=0, atol=1e-6)


@pytest.mark.parametrize("transport", ["inproc", "unix"])
def test_the_client_answers_the_last_ticks_of_a_preview(transport: str, late: Path, tmp_path: Path) -> None:
    repository, sequence = late.parent.parent, samples(1, 40, seed=9)[0]
    with (
        serving(repository, tmp_path / "s", None) as listen,
        connect(f"inproc:{repository}" if transport == "inproc" else listen[transport], "late") as client,
    ):
        answers, flags = client.run(sequence, flush=True)
    assert (flags[4:] == 0).all()
    np.testing.assert_allclose(answers[4:, 0], sequence.sum(1), rtol=0, atol=1e-6)
