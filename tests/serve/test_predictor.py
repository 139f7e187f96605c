"""learn_rt.v1.Predictor through the shipped Python stubs, against model.onnx on whole windows."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from typing import Any

import grpc
import numpy as np
import pytest

from learn_rt.v1 import predictor_pb2 as pb
from learn_rt.v1 import predictor_pb2_grpc as rpc

WARMING_UP, OUT_OF_TRAINED_RANGE, LIMITED, REFUSED = 1, 2, 4, 8


class Stream:
    """One Predict stream: send a request, get its answer."""

    def __init__(self, channel: Any, **opening: Any) -> None:
        self._requests: queue.SimpleQueue[pb.PredictRequest | None] = queue.SimpleQueue()
        self._answers = rpc.PredictorStub(channel).Predict(iter(self._requests.get, None), timeout=20)
        self._n = 0
        self.opened = self.ask(pb.PredictRequest(open=pb.Open(**opening))).opened

    def ask(self, request: pb.PredictRequest) -> pb.PredictResponse:
        """Return the answer; the sequence number and stamp must come back."""
        self._n += 1
        request.sequence, request.stamp_ns = self._n, 2**63 + self._n
        self._requests.put(request)
        answer = next(self._answers)
        assert (answer.sequence, answer.stamp_ns) == (self._n, 2**63 + self._n)
        return answer

    def samples(self, samples: np.ndarray, flush: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """Return answers (n, 2) and flags (n,) to samples (n, 5) in one request."""
        answer = self.ask(pb.PredictRequest(samples=np.asarray(samples, np.float32).ravel(), flush=flush))
        values = np.array(answer.predictions, np.float32).reshape(-1, 2)
        return values, np.array(answer.flags or [0] * len(values))

    def close(self) -> None:
        """End the stream and check that it ended well."""
        self._requests.put(None)
        assert list(self._answers) == []
        assert self._answers.code() is grpc.StatusCode.OK


@pytest.fixture(params=["unix", "grpc", "spin"])
def channel(server: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    """A channel to the server, over each transport, and to the thread that polls."""
    addresses = dict(zip(("unix", "grpc", "spin"), server.addresses + server.polled, strict=False))
    if request.param not in addresses:
        pytest.skip("polling takes a CPU of its own, and there is only one")
    with grpc.insecure_channel(addresses[request.param].removeprefix("grpc://")) as opened:
        yield opened


@pytest.fixture
def opening(served: Any) -> dict[str, Any]:
    """What opens a stream of the model."""
    return {"model": "printer", "contract_hash": served.spec.contract_hash}


@pytest.fixture
def stream(channel: Any, opening: dict[str, Any]) -> Iterator[Stream]:
    """An open stream, cold."""
    opened = Stream(channel, **opening)
    yield opened
    opened.close()


def test_describe_gives_the_spec_to_the_byte(channel: Any, served: Any) -> None:
    answer = rpc.PredictorStub(channel).Describe(pb.DescribeRequest(model="printer", version="stable"))
    assert (answer.model, answer.version, answer.contract_hash) == ("printer", 1, served.spec.contract_hash)
    assert answer.spec_json == (served.folder / "spec.json").read_text()
    assert answer.backend in {"native", "onnxruntime"}


def test_every_full_window_is_answered_as_model_onnx_does(stream: Stream, served: Any) -> None:
    samples, window = served.path(300), served.spec.window
    answers, flags = map(np.concatenate, zip(*(stream.samples(s[None]) for s in samples), strict=True))
    assert (flags[: window - 1] == WARMING_UP).all()
    assert (answers[: window - 1] == 0).all()  # the nominal value
    free = np.flatnonzero(flags == 0)  # the envelope holds the first answers back
    assert len(free) > 250
    truth = served.oracle(served.sliding(samples))[free - (window - 1)]
    assert np.abs(answers[free] - truth).max() <= 2 * served.spec.tolerance  # each is within one of the float64 module
    assert np.abs(truth).max() > 100 * served.spec.tolerance


def test_a_chunk_is_answered_as_its_samples_one_by_one(stream: Stream, channel: Any, served: Any, opening: Any) -> None:
    samples = served.path(40)
    answers, flags = stream.samples(samples)
    other = Stream(channel, **opening)
    one_by_one = [other.samples(s[None]) for s in samples]
    other.close()
    assert (answers == np.concatenate([a for a, _ in one_by_one])).all()
    assert (flags == np.concatenate([f for _, f in one_by_one])).all()


def test_flush_answers_the_preview_as_if_the_last_sample_stood(
    stream: Stream, channel: Any, served: Any, opening: Any
) -> None:
    samples = served.path(20)
    preview = served.spec.preview
    answers, _ = stream.samples(samples, flush=True)
    assert len(answers) == 20 + preview
    other = Stream(channel, **opening)
    standing, _ = other.samples(np.concatenate([samples, np.repeat(samples[-1:], preview, 0)]))
    other.close()
    assert (answers == standing).all()


def test_rest_answers_the_first_sample_in_full(channel: Any, served: Any, opening: Any) -> None:
    rest = np.array([100, 100, 20, 0, 0], np.float32)
    stream = Stream(channel, **opening, rest=rest)
    answers, flags = stream.samples(np.stack([rest, rest]))
    stream.close()
    assert (flags == 0).all()
    assert (answers == 0).all()  # a standing printer is not moved
    assert stream.opened.version == 1


def test_a_sample_that_is_not_finite_is_refused_and_the_stream_goes_on(stream: Stream, served: Any) -> None:
    samples = served.path(30)
    stream.samples(samples)
    broken = samples[:1].copy()
    broken[0, 2] = np.nan
    _, flags = stream.samples(broken)
    assert flags[0] & REFUSED
    _, flags = stream.samples(samples)
    assert flags[0] & WARMING_UP
    assert not flags[-1] & (WARMING_UP | REFUSED)


def test_a_sample_outside_of_what_training_saw_is_flagged(stream: Stream, served: Any) -> None:
    fast = served.path(1)
    fast[0, 3] = 400.0  # mm/s: physical, but trained up to about 60
    assert stream.samples(fast)[1][0] & OUT_OF_TRAINED_RANGE


def test_an_empty_request_is_answered(stream: Stream) -> None:
    answers, _ = stream.samples(np.zeros((0, 5)))
    assert answers.shape == (0, 2)


@pytest.mark.parametrize(
    ("change", "code", "cause"),
    [
        ({"model": "other"}, grpc.StatusCode.NOT_FOUND, "no model named 'other'; served: printer"),
        ({"version": "2"}, grpc.StatusCode.NOT_FOUND, "no version '2'; served: 1"),
        ({"contract_hash": ""}, grpc.StatusCode.FAILED_PRECONDITION, "has the contract "),
        ({"contract_hash": "00"}, grpc.StatusCode.FAILED_PRECONDITION, "open.contract_hash is '00'"),
        (
            {"rest": [1.0]},
            grpc.StatusCode.INVALID_ARGUMENT,
            "one sample of 5 values (x_ref, y_ref, z_ref, vx_ref, vy_ref)",
        ),
        ({"rest": [1e6, 0, 0, 0, 0]}, grpc.StatusCode.INVALID_ARGUMENT, "open.rest: x_ref must be finite and physical"),
    ],
)
def test_a_wrong_opening_ends_the_stream_with_the_cause(
    channel: Any, opening: Any, change: dict[str, Any], code: grpc.StatusCode, cause: str
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        Stream(channel, **(opening | change))
    assert caught.value.code() is code
    assert cause in caught.value.details()


@pytest.mark.parametrize("what", ["model", "version", "contract_hash"])
def test_what_is_told_back_of_a_long_name_is_cut(channel: Any, opening: Any, what: str) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        Stream(channel, **(opening | {what: "é" * 1_000_000}))
    assert f"'{'é' * 64}…'" in caught.value.details()  # 128 bytes
    assert len(caught.value.details()) < 500


@pytest.mark.parametrize(
    ("request_of", "cause"),
    [
        (lambda: pb.PredictRequest(samples=[1.0] * 7), "a multiple of 5 values"),
        (lambda: pb.PredictRequest(samples=[1.0] * 5 * 4097), "samples, got 4097: split it"),
        (lambda: pb.PredictRequest(open=pb.Open(model="printer")), "opened once"),
    ],
)
def test_a_wrong_request_ends_the_stream_with_the_cause(
    channel: Any, opening: Any, request_of: Any, cause: str
) -> None:
    stream = Stream(channel, **opening)
    with pytest.raises(grpc.RpcError) as caught:
        stream.ask(request_of())
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert cause in caught.value.details()


def test_samples_before_open_end_the_stream(channel: Any) -> None:
    answers = rpc.PredictorStub(channel).Predict(iter([pb.PredictRequest(samples=[0.0] * 5)]), timeout=20)
    with pytest.raises(grpc.RpcError) as caught:
        next(answers)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "must carry `open`" in caught.value.details()


def test_describe_names_what_is_served(channel: Any) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        rpc.PredictorStub(channel).Describe(pb.DescribeRequest(model="nothing"))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
