"""The server's log: a line an event, and never a reason to wait."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from typing import Any

import grpc
import pytest

from learn_rt.serve.log import EventLog
from learn_rt.v1 import predictor_pb2 as pb
from learn_rt.v1 import predictor_pb2_grpc as rpc


def ask(target: str, n: int = 1, **opening: Any) -> None:
    """Open a stream, send `n` samples of zeros, and end it."""
    with grpc.insecure_channel(target) as channel:
        requests = [pb.PredictRequest(open=pb.Open(**opening))] + [pb.PredictRequest(samples=[0.0] * 5)] * n
        list(rpc.PredictorStub(channel).Predict(iter(requests), timeout=20))


def test_json_has_one_object_a_line_for_each_event(launch: Any, served: Any, tmp_path: Any) -> None:
    listen = ("--listen", "grpc://127.0.0.1:0", "--listen", f"unix:{tmp_path}/s")
    with launch(served.repository, *listen, "--json", "--log-format", "json", "--drain-s", "5") as serving:
        target = serving.addresses[0].removeprefix("grpc://")
        ask(target, n=3, model="printer", contract_hash=served.spec.contract_hash)
        with pytest.raises(grpc.RpcError):
            ask(f"unix:{tmp_path}/s", model="a\n\x1b[31mforged", contract_hash="00")
        status, logged = serving.stop()
    assert status == 0
    lines = [json.loads(line) for line in logged.splitlines()]
    assert all({"time", "level", "event", "message"} <= line.keys() for line in lines)
    assert all("\n" not in line["message"] and "\x1b" not in line["message"] for line in lines)
    events = {line["event"]: line for line in lines}
    of_server = [line["event"] for line in lines if not line["event"].startswith("stream_")]
    assert of_server == ["loaded", "ready", "draining", "stopped"]
    assert events["ready"]["listen"] == serving.addresses
    assert (events["stream_opened"]["model"], events["stream_opened"]["version"]) == ("printer", 1)
    closed = events["stream_closed"]
    assert (closed["model"], closed["version"], closed["answers"], closed["code"]) == ("printer", 1, 3, "OK")
    assert "127.0.0.1" in closed["peer"]
    refused = events["stream_refused"]
    assert refused["code"] == "NOT_FOUND"
    assert "no model named" in refused["cause"]
    assert refused["peer"].startswith("unix:")
    assert (events["stopped"]["answers"], events["stopped"]["sessions_open"]) == (3, 0)


def test_a_server_that_cannot_start_says_why_in_json_too(served: Any) -> None:
    command = [sys.executable, "-m", "learn_rt.serve.cli", str(served.repository / "none"), "--log-format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    line = json.loads(done.stderr)
    assert (line["event"], line["level"]) == ("failed", "error")
    assert line["message"].endswith("none: no such folder")


def test_a_log_that_nobody_reads_stops_neither_streams_nor_the_end(launch: Any, served: Any) -> None:
    # More than the pipe to this test (64 KiB) and the queues hold.
    with launch(served.repository, "--listen", "grpc://127.0.0.1:0", "--json", "--log-format", "json") as serving:
        target = serving.addresses[0].removeprefix("grpc://")
        with grpc.insecure_channel(target) as channel:
            stub = rpc.PredictorStub(channel)
            refused = [pb.PredictRequest(open=pb.Open(model="x" * 200))]
            for _ in range(1000):
                with pytest.raises(grpc.RpcError):
                    list(stub.Predict(iter(refused), timeout=20))
        ask(target, n=3, model="printer", contract_hash=served.spec.contract_hash)
        serving.process.send_signal(signal.SIGTERM)
        assert serving.process.wait(timeout=30) == 0


class FakeServer:
    """What the log reads of a server: a queue that had no room for some events."""

    def __init__(self) -> None:
        self.waiting = [{"event": "stream_opened", "at_s": 1.5, "model": "m", "version": 2, "peer": "p"}]
        self.dropped = 7

    def events(self) -> list[dict[str, Any]]:
        taken, self.waiting = self.waiting, []
        return taken

    def streams(self) -> dict[str, int]:
        return {"log_dropped": self.dropped}


@pytest.mark.parametrize("as_json", [False, True])
def test_what_was_dropped_is_told_once(as_json: bool, capfd: pytest.CaptureFixture[str]) -> None:
    log = EventLog(as_json=as_json)
    log.start(FakeServer())
    time.sleep(0.3)  # more than one look
    log.say("done", "all 100 % of it")
    log.close()
    lines = capfd.readouterr().err.splitlines()
    if as_json:
        assert json.loads(lines[0])["time"] == "1970-01-01T00:00:01.500Z"
        assert [json.loads(line)["event"] for line in lines] == ["stream_opened", "log_dropped", "done"]
        assert json.loads(lines[1])["dropped"] == 7
    else:
        assert lines == [
            "learn-serve: p opened m/2",
            "learn-serve: 7 events of streams were dropped here",
            "learn-serve: all 100 % of it",
        ]
