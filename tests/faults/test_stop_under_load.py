"""SIGTERM in the middle of everything: a sample that the server took is answered."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from learn_rt.client import connect
from learn_rt.v1 import predictor_pb2 as pb
from learn_rt.v1 import predictor_pb2_grpc as rpc

N_STREAMS = 6
AT_A_TIME = (1, 8)  # samples on the way: a control loop, and one that does not wait


class Loop(threading.Thread):
    """A stream that goes on until the server ends it; counts its answers."""

    def __init__(self, address: str, opening: pb.Open, sample: list[float], ahead: int) -> None:
        super().__init__(daemon=True)
        self.answers = 0
        self.ended: tuple[grpc.StatusCode, str] | None = None
        self._address, self._opening, self._sample = address, opening, sample
        self._room = threading.Semaphore(ahead)

    def _requests(self) -> Iterator[pb.PredictRequest]:
        yield pb.PredictRequest(open=self._opening)
        while self._room.acquire(timeout=20):
            yield pb.PredictRequest(samples=self._sample)

    def run(self) -> None:
        options = [("grpc.use_local_subchannel_pool", 1)]
        with grpc.insecure_channel(self._address, options) as channel:
            answers = rpc.PredictorStub(channel).Predict(self._requests())
            try:
                for answer in answers:
                    if answer.predictions:
                        self.answers += 1
                        self._room.release()
            except grpc.RpcError:
                self.ended = answers.code(), answers.details()


@pytest.mark.parametrize("over", ["unix", "grpc"])
def test_every_sample_that_was_taken_is_answered(launch: Any, served: Any, tmp_path: Path, over: str) -> None:
    listen = f"unix:{tmp_path}/s" if over == "unix" else "grpc://127.0.0.1:0"
    opening = pb.Open(model="printer", contract_hash=served.spec.contract_hash)
    sample = served.path(1)[0].tolist()
    with launch(served.repository, "--listen", listen, "--json", "--drain-s", "0", "--log-format", "json") as serving:
        address = serving.addresses[0].removeprefix("grpc://")
        loops = [Loop(address, opening, sample, AT_A_TIME[i % 2]) for i in range(N_STREAMS)]
        for loop in loops:
            loop.start()
        _wait_until(lambda: all(loop.answers > 20 for loop in loops))
        status, logged = serving.stop()
        for loop in loops:
            loop.join(20)
    assert status == 0
    assert {loop.ended for loop in loops} == {(grpc.StatusCode.UNAVAILABLE, "the server is shutting down")}
    assert sum(loop.answers for loop in loops) == _said_at_the_end(logged)


@pytest.mark.parametrize("wait", ["sleep", "spin"])
@pytest.mark.parametrize("over", ["shm", "unix"])
def test_a_client_that_pushes_on_gets_every_answer(
    launch: Any, served: Any, tmp_path: Path, over: str, wait: Any
) -> None:
    address, sample = f"shm:{tmp_path.name}" if over == "shm" else f"unix:{tmp_path}/s", served.path(1)[0]
    with launch(served.repository, "--listen", address, "--json", "--drain-s", "0", "--log-format", "json") as serving:
        with connect(address, "printer", wait=wait) as client:
            stop = threading.Timer(0.2, serving.process.terminate)
            stop.start()
            answers = 0
            while not client.last_error:
                client.try_push(sample)
                answers += client.try_pop() is not None
            while client.try_pop() is not None:  # what had come
                answers += 1
            assert "the server is shutting down" in client.last_error
            assert answers > 0
        stop.join()
        _, logged = serving.process.communicate(timeout=30)
    assert serving.process.returncode == 0
    assert answers == _said_at_the_end(logged)


def _said_at_the_end(logged: str) -> int:
    events = [json.loads(line) for line in logged.splitlines()]
    (stopped,) = [event for event in events if event["event"] == "stopped"]
    assert stopped["sessions_open"] == 0
    return int(stopped["answers"])


def _wait_until(condition: Any) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)
