"""The demo's hardest minute: a print in real time whose server is killed halfway (`kill -9`), and comes back.

The control loop asks once a tick and applies what it is given. While there is no server, the policy takes the last
offset back to zero, inside the envelope: as planned is better than an offset of some other place. A supervisor starts
the server anew; the client finds it and replays its history.
"""

from __future__ import annotations

import argparse
import gc
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from learn_rt.benchmarks.latency import pinning
from learn_rt.benchmarks.latency.serving import server_process
from learn_rt.benchmarks.printing.contour import Figures, Tally
from learn_rt.benchmarks.printing.loop import Served
from learn_rt.benchmarks.printing.parts import read_part
from learn_rt.benchmarks.printing.printer import TICK_S, Printer, Stretch
from learn_rt.client import Flag, connect
from learn_rt.record import read, replay
from learn_rt.record.given import given
from learn_rt.train.printer.machine import load_machine
from learn_rt.train.printer.offset import PLANTS

Array = NDArray[np.float64]
SECONDS = 54.0
DEADLINE_US = 1000.0  # half a tick
FADE = 0.98  # of what stands in, a tick: a late answer is bridged, and after 70 ms half is gone
BACK_AFTER_S = 0.5  # what a supervisor waits before it starts a server anew


@dataclass(frozen=True)
class Minute:
    """What came of it. `given`, `unbroken`: offsets (k, 2) [mm] at the ticks; errors in um, over extruding ticks."""

    stretch: Stretch
    killed_s: float  # when, since the first tick
    away_s: float  # until the first answer of the new server
    given: Array
    unbroken: Array  # what the model says without any of this
    policy: NDArray[np.bool_]  # which ticks the policy answered
    planned: Figures
    killed: Figures
    whole: Figures  # printed with `unbroken`
    printed: dict[str, Array]  # where the nozzle was (k, 2) [mm]: planned, killed, unbroken
    late_us: float  # the control loop's own lateness, 99th percentile
    outside: int  # values outside the envelope
    answers: int  # replayed
    different: int  # not the same bits
    recording: Path

    def told(self) -> dict[str, object]:
        """Return the figures for a report."""
        return {
            "seconds": round(self.stretch.seconds, 2),
            "ticks": len(self.given),
            "killed_s": round(self.killed_s, 3),
            "away_s": round(self.away_s, 3),
            "policy_ticks": int(self.policy.sum()),
            "outside_envelope": self.outside,
            "replayed": self.answers,
            "replayed_different": self.different,
            "loop_late_p99_us": round(self.late_us, 1),
            "contour_rms_um": {
                "planned": self.planned.contour_rms_um,
                "killed": self.killed.contour_rms_um,
                "unbroken": self.whole.contour_rms_um,
            },
            "recording": str(self.recording),
        }


def hard_minute(models: Path, model: str, stretch: Stretch, printer: Printer, out: Path) -> Minute:
    """Print a stretch in real time through a server that is killed halfway, and replay what the client recorded.

    Args: models: the repository; out: recordings go to `out`/hard-minute.
    Raises: RuntimeError: no server came up, or came back.
    """
    boxes = out / "hard-minute"
    shutil.rmtree(boxes, ignore_errors=True)
    boxes.mkdir(parents=True)
    pins = pinning.apart()
    with tempfile.TemporaryDirectory(prefix="learn-hard-") as folder:
        supervisor = Supervisor(models, Path(folder) / "s", pins.server)
        try:
            address = supervisor.address
            loop = _Loop(stretch, boxes)
            with pinning.on(pins.control):
                recording = loop.run(address, model, supervisor.kill)
            unbroken = Served.at(address, model).offsets(stretch)
        finally:
            supervisor.stop()
    replayed, judged = replay(read(recording), models), given(read(recording))
    assert judged is not None
    prints = {"planned": printer.print(stretch)}
    prints["killed"] = printer.print(stretch, offsets=loop.given)
    prints["unbroken"] = printer.print(stretch, offsets=unbroken)
    figures = {name: _figures(actual, stretch) for name, actual in prints.items()}
    return Minute(
        stretch,
        killed_s=loop.half * TICK_S,
        away_s=float(np.flatnonzero(loop.away)[-1] + 1 - loop.half) * TICK_S if loop.away.any() else 0.0,
        given=loop.given,
        unbroken=unbroken,
        policy=loop.policy,
        planned=figures["planned"],
        killed=figures["killed"],
        whole=figures["unbroken"],
        printed=prints,
        late_us=float(np.percentile(loop.late_s, 99)) * 1e6,
        outside=judged.outside,
        answers=replayed.answers,
        different=replayed.different + replayed.different_flags + judged.wrong,
        recording=recording,
    )


class Supervisor:
    """Keeps a server at a Unix socket: starts it anew, half a second after it died."""

    def __init__(self, models: Path, socket: Path, cpus: frozenset[int] | None) -> None:
        self.address = f"unix:{socket}"
        self._serve = lambda: server_process(models, socket, cpus)
        self._running = ExitStack()
        self._pid = self._running.enter_context(self._serve()).pid
        self._failed: Exception | None = None
        self._back: threading.Thread | None = None

    def kill(self) -> None:
        """Kill the server (SIGKILL) and return at once; another one comes."""
        os.kill(self._pid, signal.SIGKILL)
        self._back = threading.Thread(target=self._again)
        self._back.start()

    def stop(self) -> None:
        """End it. Raises: RuntimeError: it did not come back."""
        if self._back is not None:
            self._back.join()
        self._running.close()
        if self._failed is not None:
            raise self._failed

    def _again(self) -> None:
        self._running.close()
        time.sleep(BACK_AFTER_S)
        try:
            self._running.enter_context(self._serve())
        except (RuntimeError, OSError) as error:
            self._failed = error


class _Loop:
    """The control loop: one sample and one answer a tick, on an absolute schedule."""

    def __init__(self, stretch: Stretch, boxes: Path) -> None:
        self._samples, self._boxes = stretch.samples, boxes
        k = len(self._samples)
        self.half = k // 2
        self.given = np.zeros((k, 2))
        self.policy = np.zeros(k, bool)
        self.away = np.zeros(k, bool)  # of those, because there was no stream
        self.late_s = np.zeros(k)

    def run(self, address: str, model: str, kill: Callable[[], None]) -> Path:
        """Print; return the client's recording."""
        seconds = len(self._samples) * TICK_S + 10.0
        missed = int(Flag.LATE | Flag.DISCONNECTED)
        with connect(
            address,
            model,
            rest=self._samples[0],
            on_miss="nominal",
            record=str(self._boxes),
            record_s=seconds,
        ) as client:
            preview, k = client.spec.preview, len(self._samples)
            for sample in self._samples[:preview]:  # the answer to a sample is for the tick `preview` before it
                client.predict(sample, 1.0)
            gc.collect()
            gc.disable()
            try:
                standing_in = np.zeros(2)
                start = time.monotonic()
                for tick in range(k):
                    due = start + tick * TICK_S
                    time.sleep(max(0.0, due - time.monotonic()))
                    self.late_s[tick] = time.monotonic() - due
                    if tick == self.half:
                        kill()
                    sample = self._samples[min(tick + preview, k - 1)]
                    answer = client.predict(sample, nominal=standing_in, deadline_us=DEADLINE_US)
                    self.given[tick] = answer.values
                    standing_in = FADE * self.given[tick]
                    self.policy[tick] = bool(answer.flags & missed)
                    self.away[tick] = answer.disconnected
            finally:
                gc.enable()
            return client.dump("the hardest minute")


def _figures(actual: Array, stretch: Stretch) -> Figures:
    tally = Tally()
    tally.add(actual, stretch.planned, stretch.extruding, TICK_S)
    return tally.figures()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the minute alone, on a demo's models."""
    parser = argparse.ArgumentParser(
        prog="python -m learn_rt.benchmarks.printing.hard_minute",
        description="Print in real time through a server that is killed halfway; draw it.",
    )
    parser.add_argument("--models", type=Path, default=Path("build/demo/models"), help="default: %(default)s")
    parser.add_argument("--model", default="printer", help="default: %(default)s")
    parser.add_argument("--machine", default="ender3v2", help="default: %(default)s")
    parser.add_argument("--plant", default="nonlinear", choices=sorted(PLANTS), help="default: %(default)s")
    parser.add_argument("--gcode", type=Path, default=Path("examples/bearing.gcode"), help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="default: %(default)g")
    parser.add_argument("--out", type=Path, default=Path("build/demo"), help="default: %(default)s")
    args = parser.parse_args(argv)
    from learn_rt.benchmarks.printing.hard_picture import draw

    machine = load_machine(args.machine)
    part = read_part(args.gcode, machine)
    minute = hard_minute(
        args.models, args.model, part.first_seconds(args.seconds), Printer(machine, PLANTS[args.plant]), args.out
    )
    draw(minute, f"{part.name}, {minute.stretch.name}", args.out / "hard-minute.png")
    for name, value in minute.told().items():
        print(f"{name:18} {value}")
    print(f"picture            {args.out / 'hard-minute.png'}")
    return 0 if minute.outside == minute.different == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
