"""Clients that stop in the middle: a call cut anywhere, in any way, leaves nothing behind and disturbs nobody."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import raw_http2 as raw
from serving import Serving
from tritonclient.grpc import service_pb2 as inference

from learn_rt.v1 import predictor_pb2 as pb
from learn_rt.v1 import predictor_pb2_grpc as rpc

INFER = "/inference.GRPCInferenceService"
CANCEL = b"\0\0\0\x08"  # an RST_STREAM's error code


@pytest.fixture(scope="module")
def serving(launch_once: Any, served: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server on a Unix socket and on TCP."""
    path = tmp_path_factory.mktemp("cut") / "s"
    listen = ("--listen", f"unix:{path}", "--listen", "grpc://127.0.0.1:0", "--metrics", "127.0.0.1:0")
    with launch_once(served.repository, *listen, "--json", "--drain-s", "0") as started:
        yield started
        status, logged = started.stop()
    assert status == 0, logged
    assert ", 0 open" in logged


@pytest.fixture(params=["unix", "grpc"])
def reach(serving: Serving, served: Any, request: pytest.FixtureRequest) -> Iterator[Callable[[], socket.socket]]:
    """Connects. Meanwhile another stream is answered, and afterwards nothing is left open but that."""
    unix, tcp = (address.partition(":")[2].removeprefix("//") for address in serving.addresses)

    def connect() -> socket.socket:
        if request.param == "grpc":
            host, _, port = tcp.rpartition(":")
            return socket.create_connection((host, int(port)), timeout=20)
        peer = socket.socket(socket.AF_UNIX)
        peer.settimeout(20)
        peer.connect(unix)
        return peer

    opening = pb.Open(model="printer", contract_hash=served.spec.contract_hash)

    def requests() -> Iterator[pb.PredictRequest]:
        yield pb.PredictRequest(open=opening)
        for sequence in range(1, 3):
            yield pb.PredictRequest(sequence=sequence, samples=served.path(1)[0])

    with grpc.insecure_channel(serving.addresses[0]) as channel:
        answers = rpc.PredictorStub(channel).Predict(requests(), timeout=60)
        assert [next(answers).sequence for _ in range(2)] == [0, 1]
        yield connect
        assert [a.sequence for a in answers] == [2]
    for figure in ("learn_rt_streams_open", "learn_rt_sessions_open"):
        serving.until(figure, 0)


Step = tuple[bytes, int]  # what is sent, and how many messages have come back then


def predict(served: Any) -> list[Step]:
    opening = pb.PredictRequest(open=pb.Open(model="printer", contract_hash=served.spec.contract_hash))
    sample = pb.PredictRequest(sequence=1, samples=served.path(1)[0])
    return [
        (raw.PREFACE, 0),
        (raw.SETTINGS, 0),
        (raw.call("/learn_rt.v1.Predictor/Predict"), 0),
        (raw.message(opening.SerializeToString()), 1),
        (raw.message(sample.SerializeToString()), 2),
        (raw.message(sample.SerializeToString(), flags=raw.END_STREAM), 3),
    ]


def infer(served: Any, method: str = "ModelInfer", flags: int = raw.END_STREAM, **parameters: Any) -> list[Step]:
    window = [1, len(served.spec.inputs)] if parameters else [1, served.spec.window, len(served.spec.inputs)]
    request = inference.ModelInferRequest(model_name="printer")
    request.inputs.add(name="x", datatype="FP32", shape=window)
    size = 4 * window[-1] * (1 if parameters else window[1])
    request.raw_input_contents.append(bytes(size))
    for name, value in parameters.items():
        setattr(request.parameters[name], "bool_param" if isinstance(value, bool) else "int64_param", value)
    body = raw.message(request.SerializeToString(), flags=flags)
    return [(raw.PREFACE + raw.SETTINGS, 0), (raw.call(f"{INFER}/{method}"), 0), (body, 1)]


def sequence_of_a_stream(served: Any) -> list[Step]:
    return infer(served, "ModelStreamInfer", 0, sequence_id=5, sequence_start=True)


def hang_up(peer: socket.socket) -> None:
    pass


def reset_connection(peer: socket.socket) -> None:
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def reset_stream(peer: socket.socket) -> None:
    peer.sendall(raw.frame(raw.RST_STREAM, 0, 1, CANCEL))


def go_away(peer: socket.socket) -> None:
    peer.sendall(raw.frame(raw.GOAWAY, 0, 0, bytes(8)))


def half_close(peer: socket.socket) -> None:
    peer.shutdown(socket.SHUT_WR)
    while peer.recv(65536):
        pass


@pytest.mark.parametrize("way", [hang_up, reset_connection, reset_stream, go_away, half_close])
@pytest.mark.parametrize("talk", [predict, infer, sequence_of_a_stream])
def test_a_call_that_is_cut_anywhere_leaves_nothing(
    reach: Callable[[], socket.socket], served: Any, talk: Any, way: Callable[[socket.socket], None]
) -> None:
    steps = talk(served)
    for n, (part, _) in enumerate(steps):
        for cut in (1, len(part) // 2, len(part) - 1, len(part)):
            with reach() as peer, contextlib.suppress(BrokenPipeError, ConnectionResetError):
                kept = bytearray()
                for sent, answers in steps[:n]:
                    peer.sendall(sent)
                    assert raw.until_frames(peer, raw.DATA, answers, kept)
                peer.sendall(part[:cut])
                way(peer)


def test_a_call_that_is_held_anywhere_does_not_hold_the_end(launch: Any, served: Any, tmp_path: Path) -> None:
    with launch(served.repository, "--listen", f"unix:{tmp_path}/s", "--drain-s", "0") as serving:
        held = []
        for talk in (predict, infer, sequence_of_a_stream):
            steps = talk(served)
            for n in range(len(steps) + 1):
                peer = socket.socket(socket.AF_UNIX)
                peer.settimeout(20)
                peer.connect(f"{tmp_path}/s")
                kept = bytearray()
                for sent, answers in steps[:n]:
                    peer.sendall(sent)
                    assert raw.until_frames(peer, raw.DATA, answers, kept)
                if n < len(steps):
                    peer.sendall(steps[n][0][: len(steps[n][0]) // 2])
                held.append(peer)
        status, logged = serving.stop()
        for peer in held:
            peer.close()
    assert status == 0
    assert ", 0 open" in logged
