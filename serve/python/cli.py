"""`learn-serve`: serve a folder of models until told to stop."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from learn_rt import __version__
from learn_rt.serve import limits, operations, security
from learn_rt.serve.limits import checked
from learn_rt.serve.registry import scan

EXAMPLE = """example:
  learn-serve models/ --listen unix:/tmp/learn.sock --listen grpc://127.0.0.1:8001

The ready line goes to stdout, logs to stderr. SIGTERM or SIGINT: not ready, drain, end the streams, exit 0.
SIGUSR1: write a recording of each stream (--record).
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT. Return 0 when stopped, 1 when it could not start; a usage error exits 2."""
    args = _parse(argv)
    # Until it serves, Ctrl-C just ends the process: Python's own way would wait for the loading in C++.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    operated = operations.Operated(args)
    try:
        folders = scan(args.models, args.model)
        _pin(args.pin)
        operated.prepare()
        server = _start(args, [(f.name, f.version, f.path) for f in folders])
        operated.begin(server)
        stop = Signals()
    except (ValueError, RuntimeError, OSError) as error:
        operated.failed(error)
        return 1
    try:
        _say_ready(server, operated.metrics_url, args.json)
        operated.ready()
        while stop.wait() == signal.SIGUSR1:
            operated.dump()
    finally:
        operated.draining()
        server.stop(args.drain_s)
        operated.stopped()
    return 0


class Signals:
    """SIGTERM, SIGINT and SIGUSR1, from now on, as something to wait for.

    Any thread may get the signal, so the main thread waits for a byte in a pipe and not for a lock.
    """

    def __init__(self) -> None:
        self._read, write = os.pipe()
        os.set_blocking(write, False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
            signal.signal(number, lambda *_: None)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)

    def wait(self) -> int:
        """Return the number of the next signal, also of one that came before this call."""
        return os.read(self._read, 1)[0]


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="learn-serve",
        description="Serve a folder of models: learn_rt.v1.Predictor over gRPC and shared memory, and over gRPC the "
        "Open Inference Protocol and health.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("models", type=Path, help="the repository: a folder of <name>/<version>/")
    parser.add_argument(
        "--listen",
        action="append",
        metavar="ADDRESS",
        help="unix:PATH, grpc://HOST:PORT (loopback; port 0: any free one), grpcs://HOST:PORT (TLS) or shm:NAME; may "
        "be repeated; default grpc://127.0.0.1:8001",
    )
    parser.add_argument(
        "--spin",
        action="append",
        default=[],
        metavar="ADDRESS",
        help="also take streams of samples there (as --listen, but for shm:) with one thread that polls while a stream "
        "is open: quicker, and it takes a whole CPU; may be repeated",
    )
    parser.add_argument(
        "--spin-cpu", type=_cpu, default=-1, metavar="CPU", help="where the thread of --spin runs; default anywhere"
    )
    parser.add_argument("--model", action="append", default=[], metavar="NAME[/VERSION]", help="default: every model")
    parser.add_argument(
        "--backend", default="auto", choices=("auto", "native", "onnxruntime", "torchscript"), help="default auto"
    )
    parser.add_argument(
        "--watch",
        type=_period,
        nargs="?",
        const=1.0,
        default=0.0,
        metavar="S",
        help="look for new versions every S seconds (1), check them, and let streams go on with them; default: only by "
        "call",
    )
    parser.add_argument(
        "--no-load",
        action="store_true",
        help="clients may not load or unload models; by default whoever may connect may",
    )
    parser.add_argument(
        "--rollout-threads",
        type=_threads,
        default=1,
        metavar="N",
        help="threads that share the candidates of each rollout; default 1",
    )
    parser.add_argument(
        "--drain-s",
        type=_seconds,
        default=1.0,
        metavar="S",
        help="for streams to end by themselves; default 1",
    )
    parser.add_argument("--pin", type=_cpus, metavar="CPU[,CPU]", help="run on these processors only")
    limits.add_options(parser)
    security.add_options(parser)
    parser.add_argument("--json", action="store_true", help="the ready line as JSON")
    operations.add_options(parser)
    args = parser.parse_args(argv)
    args.listen = args.listen or ["grpc://127.0.0.1:8001"]
    if args.spin_cpu >= 0 and not args.spin:
        parser.error("--spin-cpu is where the thread of --spin runs: give an address to --spin too")
    return args


def _start(args: argparse.Namespace, models: list[tuple[str, int, Path]]) -> Any:
    # Imported late, so that --help and a wrong folder answer at once. The runtime's package is how C++ reaches ONNX
    # Runtime; it imports that when a model needs it.
    import learn_rt.runtime  # noqa: F401
    from learn_rt._serve import Server

    return Server(
        models,
        args.listen,
        backend=args.backend,
        version=__version__,
        rollout_threads=args.rollout_threads,
        record="" if args.record is None else str(args.record),
        record_s=args.record_s,
        repository=args.models,
        wanted=args.model,
        watch_s=args.watch,
        load_by_call=not args.no_load,
        spin=args.spin,
        spin_cpu=args.spin_cpu,
        **limits.options(args),
        **security.options(args),
    )


def _pin(cpus: set[int] | None) -> None:
    if cpus is None:
        return
    try:
        os.sched_setaffinity(0, cpus)
    except OSError as error:
        have = ", ".join(map(str, sorted(os.sched_getaffinity(0))))
        raise ValueError(f"--pin {','.join(map(str, cpus))}: {error.strerror}; this process may use {have}") from error


def _say_ready(server: Any, metrics: str | None, as_json: bool) -> None:
    models = server.models()
    if as_json:
        said = {"ready": True, "models": models, "listen": server.addresses, "spin": server.spin_addresses}
        said |= {"metrics": metrics} if metrics else {}
        print(json.dumps(said), flush=True)
        return
    served = ", ".join(f"{m['name']}/{m['version']} ({m['backend']})" for m in models)
    print(f"learn-serve: ready: {served} on {', '.join(server.addresses + server.spin_addresses)}", flush=True)


def _threads(text: str) -> int:
    return checked(text, int, lambda n: 1 <= n <= 64, "1 to 64 threads")


def _seconds(text: str) -> float:
    return checked(text, float, lambda s: 0 <= s <= 3600, "0 to 3600 seconds")


def _period(text: str) -> float:
    return checked(text, float, lambda s: 0.01 <= s <= 3600, "0.01 to 3600 seconds")


def _cpus(text: str) -> set[int]:
    return {
        checked(part, int, lambda n: 0 <= n < 4096, "processor numbers such as 2 or 2,3") for part in text.split(",")
    }


def _cpu(text: str) -> int:
    return checked(text, int, lambda n: 0 <= n < 4096, "a processor's number such as 2")


if __name__ == "__main__":
    sys.exit(main())
