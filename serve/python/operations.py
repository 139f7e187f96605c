"""What an operator sees of a server and asks of its system: log, metrics, systemd, memory, priority."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from typing import Any

from learn_rt import __version__
from learn_rt.serve.log import EventLog
from learn_rt.serve.notify import notify
from learn_rt.serve.scraped import MetricsServer, parse_address


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that `Operated` takes."""
    options = parser.add_argument_group("operations", "docs/operations.md")
    options.add_argument(
        "--metrics", type=_address, metavar="HOST:PORT", help="serve Prometheus metrics there, at /metrics; default off"
    )
    options.add_argument("--log-format", choices=("text", "json"), default="text", help="of the log on stderr")
    options.add_argument("--lock-memory", action="store_true", help="never let the system page this process out")
    options.add_argument(
        "--realtime", type=_priority, metavar="PRIORITY", help="run the serving threads under SCHED_FIFO, 1 to 99"
    )
    options.add_argument(
        "--record",
        type=Path,
        metavar="DIR",
        help="keep the last seconds of each stream of samples; write them there on SIGUSR1 and after a fault",
    )
    options.add_argument(
        "--record-s", type=_kept, default=60.0, metavar="S", help="seconds that are kept of each; default 60"
    )


class Operated:
    """One server's life as its operator sees it: prepare, begin, ready, draining, stopped."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._args = args
        self._log = EventLog(as_json=args.log_format == "json")
        self._metrics: MetricsServer | None = None
        self._server: Any = None

    def prepare(self) -> None:
        """Take the metrics' port, and lock memory, before anything is loaded. Raises: ValueError: the port."""
        if self._args.metrics is not None:
            self._metrics = MetricsServer(self._args.metrics)
        if self._args.lock_memory:
            from learn_rt._serve import lock_memory

            self._warn("not_locked", lock_memory())

    def begin(self, server: Any) -> None:
        """Give the server's threads their priority; then start those that have none: metrics and log."""
        from learn_rt import _serve

        self._server = server
        if self._args.realtime is not None:
            self._warn("not_realtime", _serve.run_realtime(self._args.realtime))
        for m in server.models():
            said = {"model": m["name"], "version": m["version"], "backend": m["backend"]}
            self._log.say("loaded", f"{m['name']}/{m['version']}: {m['choice']}", **said)
        if self._metrics is not None:
            from learn_rt.serve.metrics import registry

            self._metrics.start(registry(server, _serve.STAGE_BOUNDS_S, __version__))
            self._log.say("metrics", f"metrics at {self._metrics.url}", url=self._metrics.url)
        self._log.start(server)

    @property
    def metrics_url(self) -> str | None:
        """Where the metrics are; None: there are none."""
        return None if self._metrics is None else self._metrics.url

    def ready(self) -> None:
        """Say that streams are taken."""
        self._log.say("ready", f"ready on {', '.join(self._server.addresses)}", listen=self._server.addresses)
        notify("READY=1", f"STATUS=serving on {', '.join(self._server.addresses)}")

    def dump(self) -> None:
        """Write a recording of each stream, and say where, or why not."""
        try:
            files = self._server.dump()
        except RuntimeError as error:
            self._warn("not_recorded", str(error))
            return
        self._log.say("recorded", f"recorded {len(files)} streams: {', '.join(files) or 'none was open'}", files=files)

    def draining(self) -> None:
        """Say that no more streams are taken."""
        open_streams = self._server.open_streams
        self._log.say(
            "draining", f"draining {open_streams} streams, {self._args.drain_s:g} s at most", streams=open_streams
        )
        notify("STOPPING=1", f"STATUS=draining {open_streams} streams")

    def stopped(self) -> None:
        """Say what was done, and end the metrics and the log."""
        for row in self._server.stats():
            self._log.say(
                "stopped",
                f"stopped: {row['model']}: {row['answers']} answers, {row['failures']} failures,"
                f" {row['sessions_total']} sessions, {row['sessions_open']} open",
                model=row["name"],
                version=int(row["version"]),
                **{key: row[key] for key in ("answers", "failures", "sessions_total", "sessions_open")},
            )
        self._end()

    def failed(self, error: BaseException) -> None:
        """Say in one line why there is no server."""
        self._log.say("failed", str(error), logging.ERROR)
        self._end()

    def _warn(self, event: str, cause: str) -> None:
        if cause:
            self._log.say(event, cause, logging.WARNING)

    def _end(self) -> None:
        if self._metrics is not None:
            self._metrics.close()
        self._log.close()


def _address(text: str) -> tuple[str, int]:
    try:
        return parse_address(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _kept(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 86400:
        raise argparse.ArgumentTypeError(f"must be more than 0 and at most 86400 seconds, got {text!r}")
    return seconds


def _priority(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= 99):
        raise argparse.ArgumentTypeError(f"must be a priority from 1 to 99, got {text!r}")
    return int(text)
