"""Thousands of clients that come and go: the server's memory, threads and files stay what they were."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import grpc
import pytest
from serving import Serving

from learn_rt.client import connect
from learn_rt.v1 import predictor_pb2 as pb
from learn_rt.v1 import predictor_pb2_grpc as rpc

# The whole of it, 10,000, takes minutes: LEARN_RT_CYCLES=10000 pytest tests/faults/test_connections.py
CYCLES = int(os.environ.get("LEARN_RT_CYCLES", "300"))
FIRST = min(1000, CYCLES // 2)  # until then pools grow to their size
MOST_GROWN_MB = 5.0


class Used:
    """What a process holds now."""

    def __init__(self, pid: int) -> None:
        status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        self.resident_mb = int(status["VmRSS"].split()[0]) / 1024
        self.threads = int(status["Threads"])
        self.files = len(list(Path(f"/proc/{pid}/fd").iterdir()))

    def __repr__(self) -> str:
        return f"{self.resident_mb:.1f} MB, {self.threads} threads, {self.files} files"


def come_and_go(address: str, served: Any, cycle: int) -> None:
    """Connect, ask, and leave: in good order, in the middle, or without a word."""
    sample = served.path(1)[0]
    if address.startswith("shm:") or cycle % 4 == 0:
        with connect(address, "printer", rest=sample) as client:
            assert not client.predict(sample, 20.0).by_policy
        return
    target = address.removeprefix("grpc://")
    with grpc.insecure_channel(target, [("grpc.use_local_subchannel_pool", 1)]) as channel:
        opening = pb.PredictRequest(open=pb.Open(model="printer", contract_hash=served.spec.contract_hash))
        if cycle % 4 == 1:  # never opens
            rpc.PredictorStub(channel).Describe(pb.DescribeRequest(model="printer"), timeout=20)
            return
        answers = rpc.PredictorStub(channel).Predict(iter([opening, pb.PredictRequest(samples=sample)]), timeout=20)
        assert next(answers).opened.version == 1
        if cycle % 4 == 2:
            answers.cancel()
        else:
            assert len(next(answers).predictions) == 2


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("over", ["unix", "grpc", "shm"])
def test_clients_that_come_and_go_leave_nothing(launch: Any, served: Any, tmp_path: Path, over: str) -> None:
    where = {"unix": f"unix:{tmp_path}/s", "grpc": "grpc://127.0.0.1:0", "shm": f"shm:test-cycles-{os.getpid()}"}[over]
    cycles = CYCLES if over != "shm" else CYCLES // 4  # each waits until its place was freed
    first = min(FIRST, cycles // 2)
    listen = ("--listen", where, "--metrics", "127.0.0.1:0", "--json", "--drain-s", "0")
    with launch(served.repository, *listen) as serving:
        (address,) = serving.addresses
        assert isinstance(serving, Serving)
        for cycle in range(first):
            come_and_go(address, served, cycle)
        serving.until("learn_rt_streams_open", 0)
        before = Used(serving.process.pid)
        for cycle in range(first, cycles):
            come_and_go(address, served, cycle)
        serving.until("learn_rt_streams_open", 0)
        after = Used(serving.process.pid)
        print(f"{over}: {cycles} clients; after {first}: {before}; at the end: {after}")
        assert after.resident_mb - before.resident_mb <= MOST_GROWN_MB
        assert after.threads <= before.threads + 8  # gRPC's pool breathes
        assert after.files <= before.files + 2
        assert serving.metric("learn_rt_sessions_open") == 0
        assert serving.stop()[0] == 0
