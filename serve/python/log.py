"""The server's log: one line an event, on stderr, as text or as JSON.

One thread writes. What happens to streams comes from C++ through a queue of fixed memory; what this process does comes
from `EventLog.say`. Neither waits for the reader of stderr, however slow.
"""

from __future__ import annotations

import json
import logging
import math
import os
import queue
import select
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

STDERR = 2
LOOKS_EVERY_S = 0.1
FLUSHED_WITHIN_S = 2.0
SENTENCES = {
    "stream_opened": "{peer} opened {model}/{version}",
    "stream_closed": "{peer} closed {model}/{version} after {answers} answers: {code} {cause}",
    "stream_refused": "{peer} was refused: {code} {cause}",
    "version_loaded": "{model}/{version} is loaded: {cause}",
    "version_unloaded": "{model}/{version} is unloaded",
    "stream_swapped": "a stream goes on with {model}/{version} {cause}",
    "version_left_out": "a stream does not go on with {model}/{version}: {cause}",
    "version_refused": "{model}/{version} is refused: {cause}",
}


class EventLog:
    """Keeps events until it is started, then writes them in a thread of its own until it is closed."""

    def __init__(self, as_json: bool) -> None:
        self._log = logging.getLogger("learn_rt.serve")
        self._log.setLevel(logging.INFO)
        self._log.propagate = False
        self._handler = _Stderr()
        self._handler.setFormatter(JsonLines() if as_json else logging.Formatter("learn-serve: %(message)s"))
        self._log.handlers = [self._handler]
        self._said: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
        self._server: Any = None
        self._dropped = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="learn-log", daemon=True)

    def start(self, server: Any = None) -> None:
        """Begin to write, also what happens to the streams of this server."""
        self._server = server
        self._thread.start()

    def say(self, event: str, sentence: str, level: int = logging.INFO, **fields: Any) -> None:
        """Write one event. Returns at once. Any thread."""
        self._said.put(_record(level, sentence, time.time(), {"event": event} | fields))

    def close(self) -> None:
        """Write what is left, unless nobody reads it; then give up."""
        if not self._thread.is_alive():
            self.start()
        self._handler.patience_until = time.monotonic() + FLUSHED_WITHIN_S
        self._over.set()
        self._thread.join(FLUSHED_WITHIN_S + 1.0)

    def _run(self) -> None:
        while not self._over.wait(LOOKS_EVERY_S):
            self._write()
        self._write()

    def _write(self) -> None:
        records = []
        if self._server is not None:
            for fields in self._server.events():
                at_s = fields.pop("at_s")
                records.append(_record(logging.INFO, SENTENCES[fields["event"]].format(**fields), at_s, fields))
            dropped = self._server.streams()["log_dropped"]
            if dropped != self._dropped:
                n, self._dropped = dropped - self._dropped, dropped
                fields = {"event": "log_dropped", "dropped": n}
                records.append(
                    _record(logging.WARNING, f"{n} events of streams were dropped here", time.time(), fields)
                )
        while not self._said.empty():
            records.append(self._said.get())
        for record in sorted(records, key=lambda r: r.created):
            self._log.handle(record)


class JsonLines(logging.Formatter):
    """One JSON object a line: time (UTC), level, event, message, and what the event carries."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        head = {"time": at, "level": record.levelname.lower(), "message": record.getMessage()}
        return json.dumps(head | getattr(record, "fields", {}))


class _Stderr(logging.Handler):
    """Writes only what the reader of stderr has room for, waiting until `patience_until` (monotonic [s]) at most."""

    patience_until = math.inf

    def emit(self, record: logging.LogRecord) -> None:
        line = self.format(record).replace("\n", " ").encode("utf-8", "backslashreplace") + b"\n"
        with suppress(OSError):  # nobody is there to read
            while line and self._has_room():
                line = line[os.write(STDERR, line[: select.PIPE_BUF]) :]

    def _has_room(self) -> bool:
        room = select.poll()
        room.register(STDERR, select.POLLOUT)
        while time.monotonic() < self.patience_until:
            if room.poll(LOOKS_EVERY_S * 1e3):
                return True
        return False


def _record(level: int, sentence: str, at_s: float, fields: dict[str, Any]) -> logging.LogRecord:
    # A cause may quote what a stranger sent: no line breaks or escape sequences of theirs in our log.
    printable = "".join(c if c.isprintable() else " " for c in sentence)
    record = logging.LogRecord("learn_rt.serve", level, "", 0, " ".join(printable.split()), None, None)
    record.created = at_s
    record.fields = fields
    return record
