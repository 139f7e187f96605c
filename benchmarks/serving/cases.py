"""The cases of `learn-bench serve`: each measures ours and its baseline in turn, and checks the answers."""

from __future__ import annotations

import os
import signal
from dataclasses import asdict, replace

from learn_rt.benchmarks.latency import pinning
from learn_rt.benchmarks.latency.measure import CLOSED, PACED, Mode
from learn_rt.benchmarks.serving.case import PAIRS, Case, beside_echo, calls, measure
from learn_rt.benchmarks.serving.compare import difference, ratio
from learn_rt.benchmarks.serving.cpu import cpu_share
from learn_rt.benchmarks.serving.many_streams import many_streams
from learn_rt.benchmarks.serving.place import MODEL, Place
from learn_rt.benchmarks.serving.python_turn import PythonTurn
from learn_rt.benchmarks.serving.result import Result
from learn_rt.benchmarks.serving.soak import soak
from learn_rt.benchmarks.serving.spin import spinning
from learn_rt.benchmarks.serving.swaps import swaps

DEADLINE_S = 500e-6
DEADLINE_CALLS = 100_000


def against_echo(transport: str, mode: Mode, name: str) -> Case:
    """Return a case: one stream of the C++ client beside a bare echo, and the session alone."""

    def case(place: Place, seconds: float) -> Result:
        from learn_rt._latency import EchoArm, SessionArm, Turn

        with place.server() as served, place.echo(transport) as echo, pinning.on(place.pinning.control):
            ours = place.turn(place.client(served.addresses[transport]))
            bare = Turn(EchoArm(echo.target, *place.sizes), place.stream.samples)
            alone = place.turn(SessionArm(place.version_folder, "auto"))
            (ours_, bare_, alone_), hiccup = measure(place, [ours, bare, alone], mode, seconds)
        session = {
            "answer_us": calls(alone_).figures().p50,
            "settle_us": alone_.settle.figures().p50,
        }
        return beside_echo(place, name, f"1 connection, {mode.name}", ours_, bare_, hiccup, {"session": session})

    return case


def from_python(place: Place, seconds: float) -> Result:
    """Measure one stream of the Python client beside the C++ one and the echo, paced."""
    from learn_rt._latency import EchoArm, Turn
    from learn_rt.client import connect

    with (
        place.server() as served,
        place.echo("unix") as echo,
        pinning.on(place.pinning.control),
        connect(served.addresses["unix"], MODEL) as client,
    ):
        ours = PythonTurn(client, place.stream)
        cpp = place.turn(place.client(served.addresses["unix"]))
        bare = Turn(EchoArm(echo.target, *place.sizes), place.stream.samples)
        (ours_, cpp_, bare_), hiccup = measure(place, [ours, cpp, bare], PACED, seconds)
    more = {"cpp_us": calls(cpp_).figures().as_dict(), "times_cpp": asdict(ratio(calls(ours_), calls(cpp_), "p50"))}
    return beside_echo(place, "unix-paced-python", "1 connection, paced", ours_, bare_, hiccup, more)


def asleep_over_shm(place: Place, seconds: float) -> Result:
    """Measure shared memory whose ends sleep between samples, beside the echo on a Unix socket."""
    from learn_rt._latency import EchoArm, Turn

    with place.server() as served, place.echo("unix") as echo, pinning.on(place.pinning.control):
        ours = place.turn(place.client(served.addresses["shm"]))
        bare = Turn(EchoArm(echo.target, *place.sizes), place.stream.samples)
        (ours_, bare_), hiccup = measure(place, [ours, bare], PACED, seconds)
        more = {"cpu_share": cpu_share(ours, served.pid, PACED, seconds)}
    how = "1 connection, paced, asleep between samples, polling around their time; echo: Unix socket"
    return beside_echo(place, "shm-sleep-1khz", how, ours_, bare_, hiccup, more)


def deadline(place: Place, seconds: float) -> Result:
    """Measure how late predict() returns while the server is stopped, beside the same wait without a client."""
    from learn_rt._latency import BareWaitArm, DeadlineArm, Turn

    deadline_ns = round(1e9 * DEADLINE_S)
    with place.server() as served, pinning.on(place.pinning.control):
        arm = DeadlineArm(served.addresses["unix"], MODEL, deadline_ns)
        arm.ask(place.stream.samples[0])
        before = arm.in_time  # while the server ran
        os.kill(served.pid, signal.SIGSTOP)
        try:
            turns = [Turn(a, place.stream.samples) for a in (arm, BareWaitArm(deadline_ns, *place.sizes))]
            # Time for all calls if none were late: then the number counts, and not the time.
            enough = 2 * DEADLINE_CALLS * DEADLINE_S
            mode = replace(CLOSED, at_least=DEADLINE_CALLS // PAIRS if seconds >= enough else 0)
            (ours, bare), hiccup = measure(place, turns, mode, min(seconds, enough))
        finally:
            os.kill(served.pid, signal.SIGCONT)
    late, wait = (m.latency.less(deadline_ns).figures() for m in (ours, bare))
    more = {
        "deadline_us": 1e6 * DEADLINE_S,
        "calls": arm.calls,
        "outside_envelope": arm.outside,
        "unmarked": arm.in_time - before,
    }
    gap = difference(ours.latency, bare.latency, "p999")
    return Result(
        case="deadline-500us",
        setting=f"{place.pinning}; server stopped by SIGSTOP; lateness past the deadline; echo: a futex's timeout",
        ours_us=late,
        echo_us=wait,
        difference_us=difference(ours.latency, bare.latency, "p50"),
        p99_ratio=None,
        hiccup_us=hiccup.figures(),
        lost=0,
        wrong=arm.outside,
        compared=arm.calls,
        more=more | {"difference_p999_us": asdict(gap)},
    )


def streams_at_once(place: Place, seconds: float) -> Result:
    """Measure 32 streams at 1 kHz, or as many as asked for, beside as many to an echo that works as long."""
    return many_streams(place, seconds, n=place.n_streams, pairs=PAIRS)


def swaps_20(place: Place, seconds: float) -> Result:
    """Measure 16 streams at 1 kHz over 20 swaps of versions, beside blocks without one."""
    return swaps(place, seconds, n=16, times=20)


CASES: dict[str, tuple[Case, float]] = {
    "unix-paced-cpp": (against_echo("unix", PACED, "unix-paced-cpp"), 40.0),
    "unix-closed-cpp": (against_echo("unix", CLOSED, "unix-closed-cpp"), 20.0),
    "tcp-paced-cpp": (against_echo("grpc", PACED, "tcp-paced-cpp"), 40.0),
    "tcp-closed-cpp": (against_echo("grpc", CLOSED, "tcp-closed-cpp"), 20.0),
    "unix-paced-python": (from_python, 40.0),
    "unix-spin": (spinning("unix-spin", "spin", "the server's thread polls a Unix socket"), 30.0),
    "shm-spin": (spinning("shm-spin", "shm", "the server's thread polls shared memory"), 30.0),
    "shm-sleep-1khz": (asleep_over_shm, 30.0),
    "streams-32x1khz": (streams_at_once, 40.0),
    "deadline-500us": (deadline, 100.0),
    "swaps-20": (swaps_20, 40.0),
    "soak": (soak, 1800.0),
}
