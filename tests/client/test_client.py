"""The client against the real server, over every transport: the same numbers as a session in process."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from learn_rt import runtime
from learn_rt.client import Client, Flag, connect

TRANSPORTS = ("inproc", "unix", "grpc", "shm")
Smooth = Callable[[int], np.ndarray]


@pytest.fixture(params=TRANSPORTS)
def address(request: pytest.FixtureRequest, server: dict[str, str]) -> str:
    return server[request.param]


def expected(repository: Path, samples: np.ndarray, rest: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Return the answers and flags of a session in process, the last ticks included."""
    session = runtime.load(repository / "printer" / "1").session()
    session.begin(rest)
    answers, flags = zip(session.run(samples), session.flush(), strict=True)
    return np.concatenate(answers), np.concatenate(flags)


@pytest.mark.parametrize("wait", ["sleep", "doze", "spin"])
def test_a_run_gives_the_sessions_answers_to_the_bit(address: str, wait: str, repository: Path, path: Smooth) -> None:
    samples = path(3000)
    for rest in (None, samples[0]):
        with connect(address, "printer", rest=rest, wait=wait) as client:
            answers, flags = client.run(samples, flush=True)
        want, want_flags = expected(repository, samples, rest)
        np.testing.assert_array_equal(answers, want)
        np.testing.assert_array_equal(flags, want_flags)
        assert answers.dtype == np.float32
        assert flags.dtype == np.uint32


def test_predict_gives_the_sessions_answers_to_the_bit(address: str, repository: Path, path: Smooth) -> None:
    samples = path(300)
    want, want_flags = expected(repository, samples, None)
    with connect(address, "printer") as client:
        for k, sample in enumerate(samples):
            if k % 2:
                client.rehearse()  # which changes nothing
            prediction = client.predict(sample, 10.0)
            np.testing.assert_array_equal(prediction.values, want[k])
            assert (prediction.sequence, prediction.flags) == (k, want_flags[k])
            assert prediction.warming_up == (k < client.spec.window - 1)
            assert prediction.latency_us >= prediction.queue_us + prediction.wire_us + prediction.compute_us > 0
        assert client.stats.answered == len(samples)
        assert client.stats.missed == 0


def test_pushed_samples_are_answered_in_order(address: str, repository: Path, path: Smooth) -> None:
    samples = path(500)
    want, _ = expected(repository, samples, None)
    with connect(address, "printer") as client:
        assert all(client.try_push(sample) for sample in samples)
        answers = []
        limit = time.monotonic() + 10
        while len(answers) < len(samples) and time.monotonic() < limit:
            if (prediction := client.try_pop()) is not None:
                assert prediction.sequence == len(answers)
                answers.append(prediction.values)
        np.testing.assert_array_equal(answers, want[: len(samples)])
        assert client.try_pop() is None
        np.testing.assert_array_equal(client.latest().values, answers[-1])


def test_the_spec_is_the_model_folders(address: str, repository: Path) -> None:
    with connect(address, "printer") as client:
        assert client.spec_json == (repository / "printer" / "1" / "spec.json").read_text()
        assert client.spec.name == "printer"
        contract = client.spec.contract_hash
    connect(address, "printer", "1", contract_hash=contract).close()
    with pytest.raises(ConnectionError, match=f"contract must be {'0' * 64}, it is {contract}"):
        connect(address, "printer", contract_hash="0" * 64)


def test_a_sample_that_is_refused_says_so_and_the_stream_goes_on(address: str, path: Smooth) -> None:
    samples = path(100)
    with connect(address, "printer", rest=samples[0]) as client:
        client.predict(samples[0], 10.0)
        refused = client.predict(np.full(5, np.nan, np.float32), 10.0)
        assert refused.refused
        assert np.isfinite(refused.values).all()
        flags = [client.predict(sample, 10.0).flags for sample in samples]
        assert flags[0] & Flag.WARMING_UP
        assert not flags[-1] & Flag.WARMING_UP


@pytest.mark.parametrize("transport", ["unix", "grpc"])
def test_a_missed_deadline_is_answered_by_policy_inside_the_envelope(
    transport: str, server: dict[str, str], path: Smooth
) -> None:
    samples = path(200)
    with connect(server[transport], "printer", rest=samples[0], on_miss="zero") as client:
        (envelope, *_), dt_s = [s.envelope for s in client.spec.outputs], client.spec.dt_s
        given, late = [np.zeros(2, np.float32)], 0
        for k, sample in enumerate(samples):
            prediction = client.predict(sample, 10.0 if k % 40 < 30 else 0.0)
            late += prediction.late
            assert not (prediction.late and k % 40 < 30)
            given.append(prediction.values)
        values = np.array(given, np.float64)
        assert np.abs(values).max() <= envelope.value
        assert np.abs(np.diff(values, axis=0)).max() <= envelope.rate * dt_s
        assert np.abs(np.diff(values, 2, axis=0)).max() <= envelope.second * dt_s**2
        assert client.stats.missed == late > 0


def test_what_is_wrong_with_an_array_is_said(server: dict[str, str]) -> None:
    with connect(server["inproc"], "printer") as client:
        with pytest.raises(ValueError, match=r"sample must have shape \(5,\), got \(4,\)"):
            client.predict(np.zeros(4, np.float32), 1.0)
        with pytest.raises(ValueError, match=r"sample must have shape \(5,\), got \(2, 5\): .*run\(\) takes many"):
            client.try_push(np.zeros((2, 5), np.float32))
        with pytest.raises(ValueError, match=r"samples must have shape \(n, 5\), got \(5,\)"):
            client.run(np.zeros(5, np.float32))
        with pytest.raises(ValueError, match=r"nominal must have shape \(2,\), got \(3,\)"):
            client.predict(np.zeros(5, np.float32), 1.0, np.zeros(3))
        for array in (np.zeros(5, complex), np.zeros(5, bool), np.array(["1"] * 5), None):
            with pytest.raises(TypeError, match="sample must be an array of numbers"):
                client.predict(array, 1.0)
        with pytest.raises(TypeError, match="either deadline_s or deadline_us"):
            client.predict(np.zeros(5, np.float32))
        with pytest.raises(TypeError, match="either deadline_s or deadline_us"):
            client.predict(np.zeros(5, np.float32), 1.0, deadline_us=5)
        for deadline in (-1.0, np.nan, np.inf):
            with pytest.raises(ValueError, match="deadline_s must be from 0 to 1e9 seconds"):
                client.predict(np.zeros(5, np.float32), deadline)
        assert client.stats.pushed == 0


def test_other_real_numbers_are_taken_as_float32(server: dict[str, str], path: Smooth) -> None:
    with connect(server["inproc"], "printer") as one, connect(server["inproc"], "printer") as other:
        for sample in path(50):
            a = one.predict(sample, 10.0)
            b = other.predict([float(v) for v in sample], deadline_us=1e7)
            np.testing.assert_array_equal(a.values, b.values)
        empty, flags = one.run(np.zeros((0, 5), np.float32))
        assert empty.shape == (0, 2)
        assert flags.shape == (0,)


@pytest.mark.parametrize("bad", ["", "http://host:80", "grpc://host", "grpc://host:99999", "unix:", "models"])
def test_an_address_of_another_form_is_refused(bad: str) -> None:
    with pytest.raises(
        ValueError, match=r"inproc:REPOSITORY, unix:PATH, grpc://HOST:PORT, grpcs://HOST:PORT .* or shm:NAME"
    ):
        connect(bad, "printer")


def test_connect_says_why_not(server: dict[str, str], tmp_path: Path) -> None:
    for address in server.values():
        with pytest.raises(ConnectionError, match="nothing"):
            connect(address, "nothing")
        with pytest.raises(ConnectionError, match="7"):
            connect(address, "printer", "7")
        with pytest.raises(ConnectionError, match="rest must have 5 values, got 2"):
            connect(address, "printer", rest=[1.0, 2.0])
        with pytest.raises(ConnectionError, match="finite"):
            connect(address, "printer", rest=np.full(5, np.nan))
    with pytest.raises(ConnectionError, match="UNAVAILABLE"):
        connect(f"unix:{tmp_path / 'nobody.sock'}", "printer")
    with pytest.raises(ConnectionError, match="no such model folder"):
        connect(f"inproc:{tmp_path}", "printer")
    with pytest.raises(ConnectionError, match="name must be a folder"):
        connect(server["inproc"], "../printer")
    with pytest.raises(ValueError, match="on_miss must be 'hold', 'zero', 'nominal' or 'fallback', got 'wait'"):
        connect(server["inproc"], "printer", on_miss="wait")  # type: ignore[arg-type]


def test_a_closed_client_says_so(server: dict[str, str]) -> None:
    with connect(server["unix"], "printer") as client:
        pass
    client.close()
    with pytest.raises(ValueError, match="the client is closed"):
        client.predict(np.zeros(5, np.float32), 1.0)


def test_a_second_thread_is_kept_out(server: dict[str, str], path: Smooth) -> None:
    samples = path(30_000)
    with connect(server["unix"], "printer") as client:
        running = threading.Thread(target=client.run, args=(samples,))
        running.start()
        seen = None
        while running.is_alive() and seen is None:
            try:
                client.try_pop()
            except RuntimeError as error:
                seen = str(error)
        running.join()
    assert seen == "a client belongs to one thread: another call is running"


def test_many_clients_come_and_go(server: dict[str, str], path: Smooth) -> None:
    samples = path(50)
    clients: list[Client] = [connect(server["unix"], "printer") for _ in range(8)]
    answers = [client.run(samples)[0] for client in clients]
    for other in answers[1:]:
        np.testing.assert_array_equal(other, answers[0])
    del clients
    gc.collect()
