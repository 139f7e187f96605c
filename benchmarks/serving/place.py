"""Where serving is measured: the printer's net, a server of it and an echo, both on the same CPUs."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from learn_rt.benchmarks.engine.models import version_folder
from learn_rt.benchmarks.latency import pinning
from learn_rt.benchmarks.latency.serving import Served, server_process
from learn_rt.benchmarks.latency.streams import Stream, make_stream
from learn_rt.spec import Spec

if TYPE_CHECKING:
    from learn_rt._latency import Arm, ClientArm, Turn

MODEL = "printer-56x2-w20"
SAMPLE_S = 1e-3  # every paced case asks a thousand times a second


@dataclass(frozen=True)
class Echo:
    """An echo that runs: its process's id, and its gRPC target."""

    pid: int
    target: str


class Place:
    """The model, its stream with the right answers, and where the two ends run. A context: what it started ends."""

    def __init__(self, n_streams: int = 32) -> None:
        """Prepare nothing yet; `n_streams`: of the case that has many."""
        self.n_streams = n_streams
        self._stack = ExitStack()
        self.pinning = pinning.apart()

    def __enter__(self) -> Place:
        self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="learn-bench-")))
        self.version_folder = version_folder(MODEL, self.folder / "models")
        self.repository = self.version_folder.parent.parent
        self.spec = Spec.from_json((self.version_folder / "spec.json").read_bytes())
        self.stream: Stream = make_stream(self.version_folder, self.spec)
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    @property
    def sizes(self) -> tuple[int, int]:
        """Values of a sample, and of an answer."""
        return self.spec.n_features, self.spec.n_outputs

    def turn(self, arm: Arm) -> Turn:
        """Return an arm that is fed the stream, its answers checked."""
        from learn_rt._latency import Turn

        return Turn(arm, self.stream.samples, self.stream.answers, self.stream.tolerance)

    def client(self, address: str, spin: bool = False) -> ClientArm:
        """Return a stream of the C++ client."""
        from learn_rt._latency import ClientArm

        return ClientArm(address, MODEL, spin, *self.sizes)

    @contextmanager
    def server(self, spin: bool = False, repository: Path | None = None) -> Iterator[Served]:
        """Serve the model, or another repository; `spin`: also at "spin", where a thread polls on a CPU of its own."""
        models = repository or self.repository
        with server_process(models, self.folder / "s.sock", self.pinning.server, spin) as served:
            yield served

    @contextmanager
    def echo(self, transport: str, settle_s: float = 0.0) -> Iterator[Echo]:
        """Run an echo of the model's sizes in a process of its own."""
        address = f"unix:{self.folder}/echo.sock" if transport == "unix" else "127.0.0.1:0"
        cpus = ",".join(map(str, sorted(self.pinning.server or ())))
        arguments = [address, str(self.spec.n_outputs), str(round(1e9 * settle_s)), cpus]
        command = [sys.executable, "-m", "learn_rt.benchmarks.serving.echo", *arguments]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise RuntimeError(f"the echo did not come up on {address}")
            yield Echo(process.pid, json.loads(line)["target"])
        finally:
            process.communicate()  # it ends when its input does
