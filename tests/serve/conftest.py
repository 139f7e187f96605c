"""The real server of the small model, shared by all tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from serving import Served, Serving


@pytest.fixture
def versions(served: Served, second: Path, tmp_path: Path) -> Any:
    """A repository of one's own that holds version 1, and may get version 2 (versioned.Versions)."""
    from versioned import Versions

    return Versions(served, second, tmp_path)


@pytest.fixture(scope="session")
def server(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A running server, on a Unix socket and a TCP port, and on a Unix socket that it polls where it has the CPUs."""
    socket = tmp_path_factory.mktemp("socket") / "s"
    listen: tuple[str, ...] = ("--listen", f"unix:{socket}", "--listen", "grpc://127.0.0.1:0")
    if len(os.sched_getaffinity(0)) > 1:
        listen += ("--spin", f"unix:{socket.with_name('polled')}")
    with Serving(served.repository, *listen, "--json", "--drain-s", "0") as serving:
        yield serving
        status, logged = serving.stop()
    assert status == 0, logged
    assert ", 0 open" in logged, logged


@pytest.fixture(scope="session")
def target(server: Serving) -> str:
    """The TCP address, HOST:PORT."""
    return server.addresses[1].removeprefix("grpc://")


@pytest.fixture(params=["unix", "grpc"])
def channel(server: Serving, request: pytest.FixtureRequest) -> Iterator[Any]:
    """A channel to the server, over each transport."""
    import grpc

    address = server.addresses[0 if request.param == "unix" else 1].removeprefix("grpc://")
    with grpc.insecure_channel(address) as opened:
        yield opened
