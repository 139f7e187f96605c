"""Bytes that no client sends, on the server's own sockets: it closes the connection or answers, and serves on."""

from __future__ import annotations

import contextlib
import select
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import raw_http2 as raw
from raw_http2 import PREFACE, SETTINGS, frame

from learn_rt.v1 import predictor_pb2 as pb
from learn_rt.v1 import predictor_pb2_grpc as rpc

PREDICT = "/learn_rt.v1.Predictor/Predict"


@pytest.fixture(scope="module")
def server(
    small: Any, small_version: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """A real server: its process, its Unix socket's path and its contract hash."""
    socket = tmp_path_factory.mktemp("wire") / "s"
    repository = small_version.parent.parent
    command = [sys.executable, "-m", "learn_rt.serve.cli", str(repository), "--listen", f"unix:{socket}"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert select.select([process.stdout], [], [], 60)[0], "not ready"
    assert process.stdout.readline().startswith("learn-serve: ready")
    yield process, str(socket), small.spec.contract_hash
    process.terminate()
    _, logged = process.communicate(timeout=30)
    assert process.returncode == 0, logged
    assert ", 0 open" in logged, logged  # no hostile stream left a session behind


@pytest.fixture
def path(server: tuple[subprocess.Popen[str], str, str]) -> Iterator[str]:
    """The socket's path; afterwards the server must be alive and answer a sample."""
    process, path, contract_hash = server
    yield path
    assert process.poll() is None
    with grpc.insecure_channel(f"unix:{path}") as channel:
        opening = pb.PredictRequest(open=pb.Open(model="printer", contract_hash=contract_hash))
        sample = pb.PredictRequest(sequence=9, samples=[100, 100, 20, 0, 0])
        answers = list(rpc.PredictorStub(channel).Predict(iter([opening, sample]), timeout=20))
    assert [a.sequence for a in answers] == [0, 9]
    assert len(answers[1].predictions) == 2


def send(path: str, *parts: bytes) -> None:
    """Send the bytes and hang up; the server may hang up first."""
    with socket.socket(socket.AF_UNIX) as peer, contextlib.suppress(BrokenPipeError, ConnectionResetError):
        peer.settimeout(20)
        peer.connect(path)
        for part in parts:
            peer.sendall(part)
        peer.shutdown(socket.SHUT_WR)
        while peer.recv(65536):
            pass


BYTES: dict[str, Callable[[np.random.Generator], list[bytes]]] = {
    "nothing": lambda r: [],
    "random": lambda r: [r.bytes(int(n)) for n in r.integers(1, 4096, 4)],
    "http1": lambda r: [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"],
    "half a preface": lambda r: [PREFACE[: int(r.integers(1, len(PREFACE)))]],
    "random frames": lambda r: [PREFACE, SETTINGS, *(frame(int(r.integers(0, 12)), int(r.integers(0, 256)),
                                int(r.integers(0, 9)), r.bytes(int(r.integers(0, 64)))) for _ in range(20))],
    "a frame that claims 16 MiB": lambda r: [PREFACE, SETTINGS, frame(0, 0, 1, b"xx", 2**24 - 1)],
    "half a frame": lambda r: [PREFACE, SETTINGS, frame(1, 4, 1, b"\x82\x86", 200)],
    "headers that are no HPACK": lambda r: [PREFACE, SETTINGS, frame(1, 4, 1, r.bytes(64))],
    "data without a stream": lambda r: [PREFACE, SETTINGS, frame(0, 1, 1, b"\0\0\0\0\0")],
    "a flood of pings": lambda r: [PREFACE, SETTINGS, frame(6, 0, 0, b"12345678") * 2000],
    "a flood of settings": lambda r: [PREFACE, SETTINGS * 2000],
    "windows that overflow": lambda r: [PREFACE, SETTINGS, frame(8, 0, 0, b"\x7f\xff\xff\xff") * 3],
    "a flood of continuations": lambda r: [PREFACE, SETTINGS, frame(1, 0, 1, raw.fields(PREDICT)),
                                frame(9, 0, 1, raw.field(b"x", b"y" * 4000)) * 2000],
    "empty continuations without end": lambda r: [PREFACE, SETTINGS, frame(1, 0, 1, raw.fields(PREDICT)),
                                frame(9, 0, 1) * 5000],
    "a list of headers of 8 MiB": lambda r: [PREFACE, SETTINGS, frame(1, 0, 1, raw.fields(PREDICT)),
                                *(frame(9, 4 * (i == 511), 1, raw.field(b"x", b"y" * 16000)) for i in range(512))],
    "a header field of 2 GiB": lambda r: [PREFACE, SETTINGS,
                                frame(1, 4, 1, b"\0\x01x\x7f\x80\xff\xff\xff\x07" + b"y" * 99)],
    "a flood of empty messages": lambda r: [PREFACE, SETTINGS, raw.call(PREDICT), raw.message(b"") * 2000],
    "a flood of empty data": lambda r: [PREFACE, SETTINGS, raw.call(PREDICT), frame(0, 0, 1) * 5000],
    "messages that claim 4 GiB": lambda r: [PREFACE, SETTINGS, raw.call(PREDICT),
                                frame(0, 0, 1, b"\0\xff\xff\xff\xff")],
    "compression that is none": lambda r: [PREFACE, SETTINGS, raw.call(PREDICT), frame(0, 0, 1, b"\x01\0\0\0\x02ab")],
    "a flood of tables": lambda r: [PREFACE, *(frame(4, 0, 0, b"\0\x01" + r.bytes(4)) for _ in range(2000))],
    "a flood of half calls": lambda r: [PREFACE, SETTINGS, *(raw.call(PREDICT, i) for i in range(1, 4000, 2))],
    "streams reset as soon as opened": lambda r: [PREFACE, SETTINGS, *(frame(1, 4, i, b"\x82\x86") +
                                frame(3, 0, i, b"\0\0\0\x08") for i in range(1, 2001, 2))],
}  # fmt: skip


@pytest.mark.parametrize("kind", BYTES)
def test_bytes_that_are_no_grpc_do_no_harm(path: str, kind: str) -> None:
    generator = np.random.default_rng(7)
    for _ in range(5):
        send(path, *BYTES[kind](generator))


def calls(path: str, requests: list[bytes]) -> tuple[grpc.StatusCode, str]:
    """Send raw messages over Predict and return how the stream ended."""
    with grpc.insecure_channel(f"unix:{path}") as channel:
        answers = channel.stream_stream(PREDICT)(iter(requests), timeout=20)
        with contextlib.suppress(grpc.RpcError):
            for _ in answers:
                pass
        return answers.code(), answers.details()


@pytest.mark.parametrize(
    "message",
    [
        b"\xff" * 11,  # a varint that never ends
        b"\x22\xff\xff\xff\xff\x0f",  # samples of 4 GiB
        b"\x22\x03\0\0\0",  # three quarters of a float
        b"\x0a\x7f",  # an open that is cut off
        b"\x0a\x04\x0a\x02\xff\xfe",  # a model's name that is no UTF-8
        b"\x0c" * 200,  # groups that end before they start
    ],
)
def test_messages_that_are_no_protobuf_end_their_stream(path: str, message: bytes) -> None:
    code, cause = calls(path, [message])
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert cause == "a message that is no learn_rt.v1.PredictRequest"


def test_a_unary_message_that_is_no_protobuf_is_refused(path: str) -> None:
    with grpc.insecure_channel(f"unix:{path}") as channel:
        for method in ("learn_rt.v1.Predictor/Describe", "inference.GRPCInferenceService/ModelInfer"):
            with pytest.raises(grpc.RpcError) as caught:
                channel.unary_unary(f"/{method}")(b"\xff" * 11, timeout=20)
            assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED  # gRPC 1.51's own answer


@pytest.mark.parametrize("method", ["SystemSharedMemoryStatus", "CudaSharedMemoryRegister", "NoSuchMethod"])
def test_an_unknown_method_is_unimplemented(path: str, method: str) -> None:
    with grpc.insecure_channel(f"unix:{path}") as channel, pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary(f"/inference.GRPCInferenceService/{method}")(b"", timeout=20)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_random_messages_end_their_stream_with_a_status(path: str) -> None:
    generator = np.random.default_rng(11)
    for _ in range(100):
        code, _ = calls(path, [generator.bytes(int(generator.integers(0, 64)))])
        assert code in {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND}


def test_unknown_fields_are_skipped(path: str, server: tuple[subprocess.Popen[str], str, str]) -> None:
    opening = pb.PredictRequest(open=pb.Open(model="printer", contract_hash=server[2])).SerializeToString()
    assert calls(path, [opening + b"\xfa\x01\x03abc"])[0] is grpc.StatusCode.OK


def test_a_message_above_the_limit_is_refused_by_its_size(path: str) -> None:
    code, cause = calls(path, [pb.PredictRequest(samples=np.zeros(5 * 2**20, np.float32)).SerializeToString()])
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "larger than max" in cause


def test_a_hundred_streams_dropped_at_once_leave_no_session(
    path: str, server: tuple[subprocess.Popen[str], str, str]
) -> None:
    opening = pb.PredictRequest(open=pb.Open(model="printer", contract_hash=server[2]))
    channels = [grpc.insecure_channel(f"unix:{path}", [("grpc.use_local_subchannel_pool", 1)]) for _ in range(10)]
    streams = [rpc.PredictorStub(channel).Predict(iter([opening]), timeout=20) for channel in channels * 10]
    assert all(next(stream).opened.version == 1 for stream in streams[::2])
    for channel in channels:
        channel.close()  # the server's end of it: the last line of its log says how many sessions are open


def test_a_path_that_is_a_folder_of_other_files_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "model" / "1").mkdir(parents=True)
    for name in ("model.onnx", "step.onnx", "spec.json", "golden.npz", "SHA256SUMS"):
        (tmp_path / "model" / "1" / name).write_bytes(np.random.default_rng(5).bytes(500))
    command = [sys.executable, "-m", "learn_rt.serve.cli", str(tmp_path), "--listen", f"unix:{tmp_path}/s"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "Traceback" not in done.stderr
