"""A printer's control loop in Python: at every tick the planned position, corrected by the model's offset.

    learn-serve models/ --listen unix:/tmp/learn.sock &
    python examples/controller_loop.py unix:/tmp/learn.sock printer --seconds 10 --deadline-us 1500

The path is planned, so the loop shows the model `preview` ticks of the future: the sample of tick k is the plan for
tick k + preview, and its answer is the offset for tick k. `controller_loop.cpp` is the same loop in C++.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from learn_rt.client import Client, connect

RADIUS_MM, SPEED_MM_S, ACCELERATION_MM_S2, HEIGHT_MM, CENTRE_MM = 20.0, 60.0, 500.0, 0.2, 110.0


def plan(t_s: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return samples (n, 5) x, y, z [mm], vx, vy [mm/s] of a circle taken up from rest, at times t_s (n,)."""
    t = np.maximum(t_s, 0.0)
    ramp_s = SPEED_MM_S / ACCELERATION_MM_S2
    speed = np.minimum(ACCELERATION_MM_S2 * t, SPEED_MM_S)
    length = np.where(t < ramp_s, 0.5 * ACCELERATION_MM_S2 * t**2, SPEED_MM_S * (t - 0.5 * ramp_s))
    c, s = np.cos(length / RADIUS_MM), np.sin(length / RADIUS_MM)
    x, y = CENTRE_MM + RADIUS_MM * c, CENTRE_MM + RADIUS_MM * s
    return np.stack([x, y, np.full_like(t, HEIGHT_MM), -speed * s, speed * c], axis=1).astype(np.float32)


Ticks = dict[str, NDArray[np.float64]]


def control(client: Client, path: NDArray[np.float32], preview: int, dt_s: float, deadline_s: float) -> Ticks:
    """Tick through path (n + preview, 5); return the commands (n, 2) [mm] and the times of each tick [us]."""
    n = len(path) - preview
    commands = np.empty((n, 2))
    late_us, answer_us, total_us = np.empty(n), np.empty(n), np.empty(n)
    for sample in path[:preview]:  # what lies between now and the preview; those answers are for ticks before the first
        client.predict(sample, 5.0)
    start_s = time.monotonic() + 0.01
    for k in range(n):
        scheduled_s = start_s + k * dt_s  # an absolute schedule: lateness does not add up
        time.sleep(max(0.0, scheduled_s - time.monotonic()))
        woken_s = time.monotonic()
        prediction = client.predict(path[k + preview], deadline_s)
        answered_s = time.monotonic()
        commands[k] = path[k, :2] + prediction.values  # a driver would take the command here
        late_us[k] = (woken_s - scheduled_s) * 1e6
        answer_us[k] = (answered_s - woken_s) * 1e6
        total_us[k] = (answered_s - scheduled_s) * 1e6
    return {"commands": commands, "late_us": late_us, "answer_us": answer_us, "total_us": total_us}


def report(ticks: Ticks, client: Client) -> None:
    """Print percentiles and misses."""
    print(f"{'us':34} {'p50':>9} {'p99':>9} {'p99.9':>9} {'max':>9}")
    rows = {
        "late_us": "hiccup: the machine's own lateness",
        "answer_us": "sample to answer",
        "total_us": "scheduled time to answer",
    }
    for key, name in rows.items():
        p50, p99, p999 = np.percentile(ticks[key], [50, 99, 99.9])
        print(f"{name:34} {p50:9.1f} {p99:9.1f} {p999:9.1f} {ticks[key].max():9.1f}")
    stats = client.stats
    print(
        f"ticks {len(ticks['commands'])}, missed {stats.missed}, late answers dropped {stats.late}, "
        f"overruns {stats.overruns}, reconnects {stats.reconnects}"
    )
    if client.last_error:
        print(f"stream down: {client.last_error}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the loop; return 0 when done, 1 when it could not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address", help="inproc:REPOSITORY, unix:PATH, grpc://HOST:PORT or shm:NAME")
    parser.add_argument("model", nargs="?", default="printer")
    parser.add_argument("--rate", type=float, default=500.0, help="ticks a second")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--deadline-us", type=float, default=1500.0)
    parser.add_argument("--on-miss", choices=("hold", "zero", "nominal"), default="hold")
    parser.add_argument("--wait", choices=("sleep", "doze", "spin"), default="doze")
    parser.add_argument("--log", metavar="FILE", help="write the commands as CSV")
    args = parser.parse_args(argv)
    n, dt_s = int(args.seconds * args.rate), 1.0 / args.rate
    if not (args.rate > 0 and n >= 1):
        parser.error("--rate must be above 0 and --seconds hold at least one tick")
    try:
        rest = plan(np.zeros(1))[0]  # the printer has stood at the start of the path
        with connect(args.address, args.model, on_miss=args.on_miss, rest=rest, wait=args.wait) as client:
            preview = client.spec.preview
            path = plan(np.arange(n + preview) * dt_s)
            ticks = control(client, path, preview, dt_s, args.deadline_us * 1e-6)
            report(ticks, client)
    except (ConnectionError, ValueError) as error:
        print(f"controller_loop: {error}", file=sys.stderr)
        return 1
    if args.log:
        np.savetxt(args.log, ticks["commands"], fmt="%.6f", delimiter=",", header="x_mm,y_mm", comments="")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
