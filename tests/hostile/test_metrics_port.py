"""Whatever is sent to the port of /metrics: it answers or hangs up, it is bounded, and serving goes on."""

from __future__ import annotations

import socket
import urllib.request
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, Gauge

from learn_rt.serve import scraped
from learn_rt.serve.scraped import MOST_AT_ONCE, MetricsServer, parse_address


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[MetricsServer]:
    """Metrics of one gauge, that hang up soon."""
    monkeypatch.setattr(scraped, "ANSWERED_WITHIN_S", 0.5)
    registry = CollectorRegistry()
    Gauge("alive", "1", registry=registry).set(1)
    started = MetricsServer(("127.0.0.1", 0))
    started.start(registry)
    yield started
    started.close()


def connect(server: MetricsServer) -> socket.socket:
    return socket.create_connection(server.server_address[:2], timeout=20)


def read_all(connection: socket.socket) -> bytes:
    """Return what comes until the other side hangs up."""
    try:
        return b"".join(iter(lambda: connection.recv(65536), b""))
    except ConnectionResetError:
        return b""


def answers(server: MetricsServer) -> bool:
    with urllib.request.urlopen(server.url, timeout=20) as answer:
        return b"alive 1.0" in answer.read()


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /metrics HTTP/1.0\r\n\r\n", b"200"),
        (b"GET /metrics?name[]=alive HTTP/1.1\r\nHost: x\r\n\r\n", b"200"),
        (b"GET / HTTP/1.1\r\n\r\n", b"404"),
        (b"GET /../../etc/passwd HTTP/1.1\r\n\r\n", b"404"),
        (b"POST /metrics HTTP/1.1\r\nContent-Length: 1000000000\r\n\r\n", b"501"),
        (b"GET /metrics HTTP/9.9\r\n\r\n", b"505"),
        (b"GET /metrics HTTP/x\r\n\r\n", b"400"),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", b"414"),
        (b"GET /metrics HTTP/1.1\r\n" + b"X: y\r\n" * 300 + b"\r\n", b"431"),
        (b"GET /metrics HTTP/1.1\r\nX: " + b"a" * 70_000 + b"\r\n\r\n", b"431"),
        (b"GET /metrics HTTP/1.1\r\nAccept: " + b"," * 60_000 + b"\r\n\r\n", b"200"),
        (b"GET /metrics\r\n\r\n", b""),  # HTTP/0.9
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"505"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)) + b"\r\n\r\n", b""),  # TLS
        (b"\x00" * 1000, b""),
        (b"", b""),
    ],
)
def test_what_is_no_scrape_is_told_so_or_cut(server: MetricsServer, sent: bytes, status: bytes) -> None:
    with connect(server) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        said = read_all(connection)
    if status:  # a request of no known version is answered without a status line
        assert status in said if said.startswith(b"<") else said.split()[1] == status
    assert answers(server)


def test_a_client_that_trickles_is_cut(server: MetricsServer) -> None:
    with connect(server) as connection:
        connection.sendall(b"GET /metr")
        assert read_all(connection) == b""
    assert answers(server)


def test_no_more_than_a_few_connections_are_held(server: MetricsServer) -> None:
    held = [connect(server) for _ in range(MOST_AT_ONCE * 4)]
    for connection in held:  # each is cut, at once or when its time is over
        assert read_all(connection) == b""
        connection.close()
    assert answers(server)


@pytest.mark.parametrize("text", ["", "9101", "host:", "host:x", "host:65536", "host:-1", "::1:9101", "host:٣"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="HOST:PORT"):
        parse_address(text)


def test_an_address_without_a_host_is_loopback() -> None:
    assert parse_address(":9101") == ("127.0.0.1", 9101)
    assert parse_address("[::1]:0") == ("::1", 0)


def test_a_port_that_is_taken_is_an_error_of_one_line(server: MetricsServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ValueError, match=f"cannot serve metrics on 127.0.0.1:{port}: Address already in use"):
            MetricsServer(("127.0.0.1", port))
