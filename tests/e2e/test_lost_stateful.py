"""A stateful model that never forgets: its stream is lost, and goes on from its state as if nothing had been."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path

import grpc
import numpy as np
import pytest
import torch
from torch import Tensor, nn

pytest.importorskip("learn_rt._serve", reason="the server is not built")

from certificates import certificates
from serving import Serving

from learn_rt import runtime
from learn_rt.client import connect
from learn_rt.export import export
from learn_rt.record import replay
from learn_rt.recording import read
from learn_rt.spec import Kind, Scope, Signal, Spec, State
from learn_rt.train.core.servable import Servable
from learn_rt.v1 import predictor_pb2 as pb
from learn_rt.v1 import predictor_pb2_grpc as rpc

SPEC = Spec("never", Kind.STATEFUL, 0.002, (Signal("a", "m"), Signal("b", "m")), (Signal("y", "m"),))


class Recurrent(Servable):
    """An LSTM and a GRU, and the sum of all that there ever was: no two histories ever agree."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.LSTMCell(2, 9), nn.GRUCell(9, 7)
        self.head = nn.Linear(8, 1)

    def forward(self, x: Tensor) -> Tensor:
        states = [x.new_zeros(len(x), *s.shape) for s in self.states()]
        for sample in x.unbind(1):
            answer, *states = self.step(sample, *states)
        return answer

    def states(self) -> tuple[State, ...]:
        return tuple(State(name, (n,), Scope.STREAM) for name, n in (("h", 9), ("c", 9), ("g", 7), ("sum", 1)))

    def step(self, x: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        h, c, g, total = states
        h, c = self.first(x, (h, c))
        g = self.second(h, g)
        total = total + 0.01 * x.sum(1, keepdim=True)
        return self.head(torch.cat([g, total], 1)), h, c, g, total


def samples(n: int, seed: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (n, 2)).astype(np.float32)


def exported(repository: Path, seed: int) -> Path:
    torch.manual_seed(seed)
    held_out = np.random.default_rng(0).uniform(-1, 1, (6, 40, 2)).astype(np.float32)
    folder = export(Recurrent().eval(), SPEC, held_out, repository, formats=("onnx",)).folder
    assert Spec.from_json((folder / "spec.json").read_bytes()).forgetting is None
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported(tmp_path_factory.mktemp("models"), 0)


def kill(server: Serving) -> None:
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()


def unbroken(folder: Path, given: np.ndarray) -> np.ndarray:
    return runtime.load(folder, "native").session().run(given)[0]


@pytest.mark.parametrize("wait", ["sleep", "spin"])
@pytest.mark.parametrize("at", [10, 700, 20_000])
def test_killed_and_started_again_it_answers_as_if_unbroken(at: int, wait: str, folder: Path, tmp_path: Path) -> None:
    address, given = f"unix:{tmp_path / 's'}", samples(at + 1000)
    want = unbroken(folder, given)
    repository = folder.parent.parent
    with Serving(repository, "--listen", address, "--json") as first:
        client = connect(address, "never", wait=wait, record=str(tmp_path / "client"))
        np.testing.assert_array_equal(client.run(given[: at - 5])[0], want[: at - 5])
        for k in range(at - 5, at):
            assert client.predict(given[k], 10.0).values == want[k]
        kill(first)
    while not client.last_error:
        time.sleep(0.001)
    missed = 100
    for k in range(at, at + missed):  # nobody answers these, and the next server is to take them all the same
        assert client.predict(given[k], 0.0).disconnected
    with Serving(repository, "--listen", address, "--json", "--record", tmp_path / "server") as second:
        answers, flags = client.run(given[at + missed :], timeout_s=60.0)
        seen_by_client = read(client.dump())
        client.close()
        second.process.send_signal(signal.SIGUSR1)
        while not list((tmp_path / "server").glob("*.lrec")):
            time.sleep(0.01)
        seen_by_server = read(next((tmp_path / "server").glob("*.lrec")))
    np.testing.assert_array_equal(answers, want[at + missed :])
    assert (flags == 0).all()
    done = replay(seen_by_client, repository)
    assert done.identical, done.first
    assert done.unchecked == 0
    assert done.answers == at + 1000 - missed
    told = replay(seen_by_server, repository)
    assert told.identical, told.first
    # Without what came before the state, a replay has nothing to compare.
    assert (told.unchecked > 0) == (at > 10)


@pytest.mark.parametrize("transport", ["grpc", "grpcs", "spin"])
def test_another_server_takes_over_as_if_unbroken(
    transport: str, folder: Path, once: Callable[[str, Callable[[Path], Path]], Path], tmp_path: Path
) -> None:
    given, want = samples(3000), unbroken(folder, samples(3000))
    options, security = ["--listen", "grpc://127.0.0.1:0", "--json"], {}
    if transport == "grpcs":
        files = certificates(once)
        options, security = files.server(), {"tls_ca": files["ca.pem"]}
    if transport == "spin":
        options += ["--spin", f"unix:{tmp_path / 'spin'}"]
    with Serving(folder.parent.parent, *options) as first:
        if transport == "spin":
            options[-1] += "2"
        with Serving(folder.parent.parent, *options) as second:
            one, two = (s.polled[0] if transport == "spin" else s.addresses[0] for s in (first, second))
            with connect(one, "never", failover=[two], **security) as client:
                for k in range(1500):
                    assert client.predict(given[k], 10.0).values == want[k]
                kill(first)
                answers, flags = client.run(given[1500:], timeout_s=60.0)
                assert client.endpoint == two
    np.testing.assert_array_equal(answers, want[1500:])
    assert (flags == 0).all()


def test_a_server_of_other_weights_is_not_taken_for_the_same(folder: Path, tmp_path: Path) -> None:
    other, given = exported(tmp_path / "other", 1), samples(1000)
    want = unbroken(folder, given)
    addresses = [f"unix:{tmp_path / name}" for name in "ab"]
    with (
        Serving(folder.parent.parent, "--listen", addresses[0], "--json") as right,
        Serving(other.parent.parent, "--listen", addresses[1], "--json"),
        connect(addresses[0], "never", failover=addresses[1:]) as client,
    ):
        for k in range(500):
            assert client.predict(given[k], 10.0).values == want[k]
        kill(right)
        end = time.monotonic() + 30
        while "open.state: the state is another model's" not in client.last_error:
            assert time.monotonic() < end, client.last_error
        assert client.predict(given[500], 0.1).disconnected
        with Serving(folder.parent.parent, "--listen", addresses[0], "--json"):
            answers, _ = client.run(given[501:], timeout_s=60.0)
    np.testing.assert_array_equal(answers, want[501:])


def test_a_session_goes_on_from_a_state(folder: Path) -> None:
    given, model = samples(300), runtime.load(folder, "native")
    want = unbroken(folder, given)
    for place in (0, 1, 123):
        first, second = model.session(), model.session()
        if place:
            first.run(given[:place])
        second.run(given[200:])
        second.restore(first.state())
        np.testing.assert_array_equal(second.run(given[place:])[0], want[place:])
    with pytest.raises(ValueError, match="the state must have"):
        second.restore(b"")
    with pytest.raises(ValueError, match="cannot be taken"):
        runtime.load(folder, "onnxruntime").session().state()
    with pytest.raises(ValueError, match="cannot be taken"):
        runtime.load(folder, "onnxruntime").session().restore(first.state())


def test_a_state_that_is_none_ends_its_own_stream_and_says_why(folder: Path, tmp_path: Path) -> None:
    given, session = samples(200), runtime.load(folder, "native").session()
    want = session.run(given)[0]
    session.begin()
    session.run(given[:100])
    state = session.state()
    nan, many = bytes(state[:-4]) + b"\0\0\xc0\x7f", state[:64] + b"\xff" * 8 + state[72:]
    address = f"unix:{tmp_path / 's'}"
    with Serving(folder.parent.parent, "--listen", address, "--json"), grpc.insecure_channel(address) as channel:
        stub = rpc.PredictorStub(channel)
        contract = Spec.from_json((folder / "spec.json").read_bytes()).contract_hash

        def answers(state: bytes) -> list[pb.PredictResponse]:
            opened = pb.PredictRequest(open=pb.Open(model="never", contract_hash=contract, state=state))
            return list(stub.Predict(iter([opened, pb.PredictRequest(samples=given[100:].ravel())]), timeout=30))

        for broken, why in (
            (b"x", f"must have {len(state)} bytes, got 1"),
            (b"x" * len(state), "another model's"),
            (nan, "not finite"),
            (many, "no session can have"),
            (b"x" * (1 << 19), "at most 262144 bytes"),
        ):
            with pytest.raises(grpc.RpcError, match=why) as refused:
                answers(broken)
            assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        np.testing.assert_array_equal(np.array(answers(state)[1].predictions, np.float32), want[100:, 0])
