"""The HTTP side of `/metrics`: small, bounded, and of no consequence to serving whatever is sent to it."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

MOST_AT_ONCE = 8  # connections; a scraper needs one
ANSWERED_WITHIN_S = 5.0  # a whole request and its answer
LOOKS_EVERY_S = 0.2  # whether it is to end


def parse_address(text: str) -> tuple[str, int]:
    """Return (host, port) of HOST:PORT, of [HOST]:PORT for IPv6, or of :PORT, which is loopback.

    Raises: ValueError: what it should look like.
    """
    host, colon, port = text.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    if not colon or not (port.isascii() and port.isdecimal() and int(port) < 65536) or (":" in bare and host == bare):
        raise ValueError(f"must be HOST:PORT such as 127.0.0.1:9101 (port 0: any free one), got {text!r}")
    return bare or "127.0.0.1", int(port)


class MetricsServer(ThreadingHTTPServer):
    """Answers GET /metrics in threads of its own, from `start` until `close`."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 16

    def __init__(self, address: tuple[str, int]) -> None:
        """Bind, but do not answer yet. Raises: ValueError: the address cannot be had, and why."""
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._free = threading.BoundedSemaphore(MOST_AT_ONCE)
        self.registry: CollectorRegistry | None = None
        try:
            super().__init__(address, _Handler)
        except (OSError, OverflowError) as error:
            cause = getattr(error, "strerror", None) or error
            raise ValueError(f"cannot serve metrics on {address[0]}:{address[1]}: {cause}") from error

    @property
    def url(self) -> str:
        """Where it answers, with the port that was taken."""
        host, port = self.server_address[:2]
        shown = f"[{host!s}]" if self.address_family == socket.AF_INET6 else str(host)
        return f"http://{shown}:{port}/metrics"

    def start(self, registry: CollectorRegistry) -> None:
        """Begin to answer."""
        self.registry = registry
        threading.Thread(target=self.serve_forever, args=(LOOKS_EVERY_S,), name="learn-metrics", daemon=True).start()

    def close(self) -> None:
        """Stop answering, and give the port back."""
        if self.registry is not None:
            self.shutdown()
        self.server_close()

    def server_bind(self) -> None:
        """Bind without asking the name service who we are, as HTTPServer would."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Let it in unless too many are inside."""
        return self._free.acquire(blocking=False)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer it in a thread of its own."""
        try:
            super().process_request(request, client_address)
        except RuntimeError:  # no thread to be had
            self._free.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer one connection; cut it when it takes too long."""
        late = threading.Timer(ANSWERED_WITHIN_S, _cut, (request,))
        late.daemon = True
        late.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            late.cancel()
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a scraper that went away is not ours to explain."""


class _Handler(BaseHTTPRequestHandler):
    server: MetricsServer
    server_version, sys_version = "learn-serve", ""

    def do_GET(self) -> None:
        if self.path.partition("?")[0] != "/metrics":
            return self._say(404, "text/plain; charset=utf-8", b"the metrics are at /metrics\n")
        assert self.server.registry is not None
        encode, content_type = choose_encoder(self.headers.get("Accept", ""))
        return self._say(200, content_type, encode(self.server.registry))

    def _say(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: a stranger's request is not a line of our log."""


def _cut(connection: socket.socket) -> None:
    with suppress(OSError):  # gone already
        connection.shutdown(socket.SHUT_RDWR)
