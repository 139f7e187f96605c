"""`learn-serve` as a user and a supervisor see it: what it prints, how it starts, how it ends."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import grpc
import pytest

from learn_rt.v1 import predictor_pb2 as pb
from learn_rt.v1 import predictor_pb2_grpc as rpc


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run learn-serve to its end."""
    command = [sys.executable, "-m", "learn_rt.serve.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def fails(*arguments: str | Path) -> str:
    """Return the one line that it says when it cannot start."""
    done = run(*arguments)
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    return line


def test_the_ready_line_names_model_backend_and_addresses(launch: Any, served: Any, tmp_path: Path) -> None:
    listen = ("--listen", f"unix:{tmp_path}/s", "--listen", "grpc://127.0.0.1:0")
    with launch(served.repository, *listen, "--backend", "native") as serving:
        assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == 0o600
        begin, _, port = serving.line.strip().rpartition(":")
        assert begin == f"learn-serve: ready: printer/1 (native) on unix:{tmp_path}/s, grpc://127.0.0.1"
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            assert rpc.PredictorStub(channel).Describe(pb.DescribeRequest(model="printer")).version == 1
        status, logged = serving.stop()
    assert status == 0
    assert "learn-serve: stopped: printer/1: 0 answers" in logged
    assert not (tmp_path / "s").exists()


def test_the_json_line_says_the_same(server: Any) -> None:
    said = json.loads(server.line)
    (model,) = said["models"]
    assert said["ready"] is True
    assert (model["name"], model["version"]) == ("printer", 1)
    assert model["backend"] in model["choice"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_open_streams_with_unavailable(launch: Any, served: Any, number: signal.Signals) -> None:
    with launch(served.repository, "--listen", "grpc://127.0.0.1:0", "--json", "--drain-s", "0.05") as serving:
        with grpc.insecure_channel(serving.addresses[0].removeprefix("grpc://")) as channel:
            opening = pb.Open(model="printer", contract_hash=served.spec.contract_hash)
            # A generator that never ends: the client wants to go on.
            answers = rpc.PredictorStub(channel).Predict(_first_then_wait(pb.PredictRequest(open=opening)), timeout=30)
            assert next(answers).opened.version == 1
            serving.process.send_signal(number)
            with pytest.raises(grpc.RpcError) as caught:
                next(answers)
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
            assert caught.value.details() == "the server is shutting down"
        _, logged = serving.process.communicate(timeout=30)
        assert serving.process.returncode == 0
        assert "1 sessions, 0 open" in logged


def _first_then_wait(first: pb.PredictRequest) -> Any:
    import threading

    yield first
    threading.Event().wait(30)


def test_a_second_server_on_the_same_address_says_so(server: Any, served: Any) -> None:
    unix, tcp = server.addresses
    assert fails(served.repository, "--listen", unix) == f"learn-serve: {unix}: another process listens there"
    assert fails(served.repository, "--listen", tcp) == f"learn-serve: cannot listen on {tcp}: Address already in use"


def test_the_socket_of_a_killed_server_is_replaced(launch: Any, served: Any, tmp_path: Path) -> None:
    listen = ("--listen", f"unix:{tmp_path}/s")
    with launch(served.repository, *listen) as first:
        first.process.kill()
        first.process.wait()
    assert (tmp_path / "s").exists()
    with launch(served.repository, *listen) as second:
        assert second.line.startswith("learn-serve: ready: printer/1")
        assert second.stop()[0] == 0


def test_a_broken_model_folder_is_named_with_the_cause(served: Any, tmp_path: Path) -> None:
    broken = tmp_path / "models"
    shutil.copytree(served.repository, broken)
    with (broken / "printer" / "1" / "step.onnx").open("r+b") as file:
        file.seek(1000)
        file.write(b"\xff\xff\xff\xff")
    line = fails(broken, "--listen", "grpc://127.0.0.1:0")
    assert "printer/1" in line
    assert "step.onnx" in line


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        (("--listen", "shm:a/b"), "shm:NAME takes 1 to 64 of A-Z a-z 0-9 . _ -, no dot first, got 'shm:a/b'"),
        (("--listen", "unix:/tmp/s", "--listen", "unix:/tmp/s"), "listen address unix:/tmp/s is given twice"),
        (("--model", "other"), "holds no model 'other'; it holds printer"),
        (("--model", "printer/7"), "holds no version '7'; it holds 1"),
        (("--pin", "4095"), "--pin 4095: "),
        (("--spin", "grpc://127.0.0.1:0", "--pin", f"{min(os.sched_getaffinity(0))}"), "needs a CPU of its own"),
        (("--listen", "unix:/no/such/folder/s"), "cannot listen on unix:/no/such/folder/s: No such file or directory"),
    ],
)
def test_what_cannot_be_is_one_line(served: Any, arguments: tuple[str, ...], cause: str) -> None:
    assert cause in fails(served.repository, *arguments)


def test_a_folder_without_models_is_refused(tmp_path: Path, served: Any) -> None:
    assert fails(tmp_path).endswith("holds no model: one is a folder <name>/<version>/, written by learn-export")
    assert fails(tmp_path / "none").endswith("none: no such folder")
    assert "give the repository that holds it" in fails(served.repository / "printer")


@pytest.mark.parametrize(
    "arguments",
    [(), ("m", "--backend", "fast"), ("m", "--max-streams", "0"), ("m", "--drain-s", "x"), ("m", "--spin-cpu", "1")],
)
def test_wrong_usage_exits_2(arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert "usage: learn-serve" in done.stderr


def test_a_port_that_nobody_has_is_taken_and_given_back(launch: Any, served: Any) -> None:
    with launch(served.repository, "--listen", "grpc://127.0.0.1:0", "--json") as serving:
        port = int(serving.addresses[0].rpartition(":")[2])
        assert serving.stop()[0] == 0
    with socket.create_server(("127.0.0.1", port)):
        pass
