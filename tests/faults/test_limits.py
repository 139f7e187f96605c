"""A client that takes what it can get: bounded, told why, and of no consequence to the others."""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import raw_http2 as raw

from learn_rt.v1 import predictor_pb2 as pb
from learn_rt.v1 import predictor_pb2_grpc as rpc

INFER = "/inference.GRPCInferenceService/ModelInfer"
MB = 1 << 20


def resident_mb(pid: int) -> float:
    """Return the resident memory of a process."""
    (line,) = [row for row in Path(f"/proc/{pid}/status").read_text().splitlines() if row.startswith("VmRSS")]
    return int(line.split()[1]) / 1024


class Upload:
    """Calls on one connection whose big messages never end; sends what the server lets it."""

    def __init__(self, path: str, calls: int) -> None:
        self.sent = self.refused = 0
        self._peer = socket.socket(socket.AF_UNIX)
        self._peer.settimeout(0.05)
        self._peer.connect(path)
        self._first = self._stream = 65535  # what may be sent: at first to each call, and altogether
        self._room = {1 + 2 * i: self._first for i in range(calls)}
        self._got = b""
        begun = b"".join(raw.call(INFER, i) for i in self._room)
        self._peer.sendall(raw.PREFACE + raw.SETTINGS + begun)
        for i in self._room:
            self._send(i, b"\0" + struct.pack(">I", 15 * MB))

    def _send(self, call: int, data: bytes) -> None:
        self._peer.sendall(raw.frame(raw.DATA, 0, call, data))
        self._room[call] -= len(data)
        self._stream -= len(data)
        self.sent += len(data)

    def push(self) -> bool:
        """Send as much as may be sent, then take what comes. False: nothing went on."""
        before = self.sent
        for call in list(self._room):
            for _ in range(64):
                if (size := min(16384, self._room.get(call, 0), self._stream)) > 0:
                    self._send(call, bytes(size))
        with contextlib.suppress(TimeoutError):
            self._take(self._peer.recv(MB))
        return self.sent > before

    def _take(self, came: bytes) -> None:
        self._got += came
        while len(self._got) >= 9 and len(self._got) >= 9 + (size := int.from_bytes(self._got[:3], "big")):
            kind, flags, call = self._got[3], self._got[4], int.from_bytes(self._got[5:9], "big")
            payload, self._got = self._got[9 : 9 + size], self._got[9 + size :]
            if kind == raw.WINDOW_UPDATE and call == 0:
                self._stream += int.from_bytes(payload, "big")
            elif kind == raw.WINDOW_UPDATE and call in self._room:
                self._room[call] += int.from_bytes(payload, "big")
            elif kind == raw.SETTINGS_FRAME and not flags:
                for at in range(0, size, 6):
                    if payload[at : at + 2] == b"\0\4":
                        now = int.from_bytes(payload[at + 2 : at + 6], "big")
                        self._room = {i: room + now - self._first for i, room in self._room.items()}
                        self._first = now
                self._peer.sendall(raw.frame(raw.SETTINGS_FRAME, 1, 0))
            elif kind == raw.PING and not flags:
                self._peer.sendall(raw.frame(raw.PING, 1, 0, payload))
            elif kind == raw.RST_STREAM:
                self.refused += self._room.pop(call, 0) is not None

    def close(self) -> None:
        self._peer.close()


def test_messages_that_never_end_take_bounded_memory(launch: Any, served: Any, tmp_path: Path) -> None:
    most_mb = 64
    listen = ("--listen", f"unix:{tmp_path}/s", "--max-buffer-mb", str(most_mb))
    with launch(served.repository, *listen, "--drain-s", "0") as serving:
        before = resident_mb(serving.process.pid)
        upload = Upload(f"{tmp_path}/s", calls=24)  # of 15 MB each
        end = time.monotonic() + 60
        while (upload.push() or not upload.refused) and upload.sent < 200 * MB:
            assert time.monotonic() < end
        grown = resident_mb(serving.process.pid) - before
        assert upload.sent > most_mb * MB
        assert upload.refused > 0
        assert grown < 2 * most_mb
        upload.close()
        with grpc.insecure_channel(f"unix:{tmp_path}/s") as channel:
            described = rpc.PredictorStub(channel).Describe(pb.DescribeRequest(model="printer"), timeout=20)
        assert described.version == 1
        assert serving.stop()[0] == 0


@contextlib.contextmanager
def stream(address: str, served: Any, more: list[pb.PredictRequest] | None = None) -> Iterator[Any]:
    """An open stream on a connection of its own."""
    opening = pb.PredictRequest(open=pb.Open(model="printer", contract_hash=served.spec.contract_hash))
    with grpc.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
        yield rpc.PredictorStub(channel).Predict(_held([opening, *(more or [])]))


def _held(requests: list[pb.PredictRequest]) -> Iterator[pb.PredictRequest]:
    yield from requests
    time.sleep(30)


def test_one_host_cannot_take_every_place(launch: Any, served: Any, tmp_path: Path) -> None:
    listen = ("--listen", "grpc://127.0.0.1:0", "--listen", f"unix:{tmp_path}/s")
    with launch(served.repository, *listen, "--json", "--max-streams-of-host", "2", "--drain-s", "0") as serving:
        tcp, unix = serving.addresses
        tcp = tcp.removeprefix("grpc://")
        with stream(tcp, served) as first, stream(tcp, served) as second:
            assert [next(s).opened.version for s in (first, second)] == [1, 1]
            with stream(tcp, served) as third, pytest.raises(grpc.RpcError) as caught:
                next(third)
            assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert caught.value.details().startswith("all 2 streams of ipv4:127.0.0.1 are taken: close one, or raise")
            with stream(unix, served) as other:
                assert next(other).opened.version == 1
            first.cancel()
            end = time.monotonic() + 20
            while True:  # as soon as the server has seen it
                with stream(tcp, served) as third, contextlib.suppress(grpc.RpcError):
                    assert next(third).opened.version == 1
                    break
                assert time.monotonic() < end
        assert serving.stop()[0] == 0


def test_a_stream_that_sends_more_than_its_rate_is_ended(launch: Any, served: Any, tmp_path: Path) -> None:
    rate = 1000
    samples = served.path(rate)
    with launch(served.repository, "--listen", f"unix:{tmp_path}/s", "--max-rate", str(rate)) as serving:
        chunk = pb.PredictRequest(samples=samples.ravel())  # a second's at once: that is still its rate
        with stream(f"unix:{tmp_path}/s", served, [chunk, *[chunk] * 3]) as answers:
            assert next(answers).opened.version == 1
            assert len(next(answers).predictions) == 2 * rate
            with pytest.raises(grpc.RpcError) as caught:
                list(answers)
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        hz = round(1 / served.spec.dt_s)
        said = f"more than {rate} samples a second: send at the model's rate ({hz} Hz), or raise --max-rate"
        assert caught.value.details() == said
        assert serving.stop()[0] == 0


def test_peers_that_begin_and_say_no_more_are_cut(launch: Any, served: Any, tmp_path: Path) -> None:
    with launch(served.repository, "--listen", f"unix:{tmp_path}/s", "--drain-s", "0") as serving:
        beginnings = [b"", raw.PREFACE[:10], raw.PREFACE, raw.PREFACE + raw.SETTINGS[:5]]
        peers = []
        for beginning in beginnings:
            peer = socket.socket(socket.AF_UNIX)
            peer.settimeout(60)
            peer.connect(f"{tmp_path}/s")
            peer.sendall(beginning)
            peers.append(peer)
        for peer in peers:
            while peer.recv(65536):  # its settings, then the end
                pass
            peer.close()
        assert serving.stop()[0] == 0
