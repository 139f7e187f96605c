"""A control loop on the gRPC stubs alone: what any language with gRPC does, without a client of this project.

    learn-serve models/ --listen unix:/tmp/learn.sock &
    python examples/stub_loop.py unix:/tmp/learn.sock gait samples.csv --log answers.csv

At every tick one row of samples.csv (a header of the model's inputs, then numbers) goes out on the stream, and its
answer is waited for until the deadline. A late answer is dropped when it comes; meanwhile the last one holds.
"""

from __future__ import annotations

import argparse
import csv
import json
import queue
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import grpc

from learn_rt.v1 import predictor_pb2 as pb
from learn_rt.v1 import predictor_pb2_grpc as rpc

WARMING_UP, REFUSED = 1, 8  # two of the flags in docs/protocol.md


class Stream:
    """One Predict stream. gRPC's threads read answers; `ask` waits for its own and lets go of those that come late."""

    def __init__(self, stub: Any, opening: pb.Open) -> None:
        self._requests: queue.SimpleQueue[pb.PredictRequest | None] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[pb.PredictResponse | grpc.RpcError] = queue.SimpleQueue()
        self._sequence = 0
        self.dropped = 0
        self._call = stub.Predict(iter(self._requests.get, None))
        threading.Thread(target=self._read, daemon=True).start()
        self._requests.put(pb.PredictRequest(open=opening))
        opened = self._answers.get()
        if isinstance(opened, grpc.RpcError):
            raise opened
        self.backend: str = opened.opened.backend

    def ask(self, sample: Sequence[float], deadline_s: float) -> pb.PredictResponse | None:
        """Return the answer to one sample, or None when it does not come by `deadline_s` (of time.monotonic)."""
        self._sequence += 1
        self._requests.put(pb.PredictRequest(sequence=self._sequence, stamp_ns=time.monotonic_ns(), samples=sample))
        while True:
            try:
                answer = self._answers.get(timeout=max(0.0, deadline_s - time.monotonic()))
            except queue.Empty:
                return None
            if isinstance(answer, grpc.RpcError):
                raise answer
            if answer.sequence == self._sequence:
                return answer
            self.dropped += 1

    def close(self) -> None:
        """End the stream."""
        self._requests.put(None)

    def _read(self) -> None:
        try:
            for answer in self._call:
                self._answers.put(answer)
        except grpc.RpcError as error:
            self._answers.put(error)


def read_samples(path: str, spec: dict[str, Any]) -> list[list[float]]:
    """Return the rows of a CSV file whose columns are the model's inputs, in its order.

    Raises: ValueError: another header, or a row that is not numbers.
    """
    names = [s["name"] for s in spec["inputs"]]
    with Path(path).open(newline="") as file:
        header, *rows = csv.reader(file)
    if header != names:
        raise ValueError(f"{path}: the header must be {','.join(names)}")
    return [[float(value) for value in row] for row in rows]


def nominal(spec: dict[str, Any]) -> list[float]:
    """Return the answer that is safe before any has come."""
    return [s["nominal"] for s in spec["outputs"] for _ in range(_size(s["shape"]))]


def _size(shape: Sequence[int]) -> int:
    n = 1
    for length in shape:
        n *= length
    return n


def control(
    stream: Stream, samples: Sequence[Sequence[float]], start: list[float], dt_s: float, deadline_s: float
) -> Iterator[tuple[float, int, list[float]]]:
    """Tick through the samples; yield (time from the scheduled tick to its answer [s], flags, answer in force)."""
    in_force = start
    begin_s = time.monotonic() + 0.01
    for k, sample in enumerate(samples):
        scheduled_s = begin_s + k * dt_s  # an absolute schedule: lateness does not add up
        time.sleep(max(0.0, scheduled_s - time.monotonic()))
        answer = stream.ask(sample, scheduled_s + deadline_s)
        took_s = time.monotonic() - scheduled_s
        flags = -1
        if answer is not None:
            in_force = list(answer.predictions)
            flags = answer.flags[0] if answer.flags else 0
        yield took_s, flags, in_force  # a driver would take the answer here


def run(args: argparse.Namespace) -> int:
    """Stream every sample once; print what came of it; return how many ticks were missed."""
    with grpc.insecure_channel(args.address.removeprefix("grpc://")) as channel:
        stub = rpc.PredictorStub(channel)
        described = stub.Describe(pb.DescribeRequest(model=args.model), timeout=10.0)
        spec = json.loads(described.spec_json)
        samples = read_samples(args.samples, spec)
        stream = Stream(stub, pb.Open(model=args.model, contract_hash=described.contract_hash))
        dt_s = 1.0 / args.rate if args.rate else float(spec["dt_s"])
        deadline_s = args.deadline_us * 1e-6 if args.deadline_us else dt_s
        ticks = list(control(stream, samples, nominal(spec), dt_s, deadline_s))
        stream.close()
    missed = sum(flags < 0 for _, flags, _ in ticks)
    warming, refused = (sum(flags > 0 and bool(flags & bit) for _, flags, _ in ticks) for bit in (WARMING_UP, REFUSED))
    took = sorted(took_s * 1e6 for took_s, flags, _ in ticks if flags >= 0)
    if took:
        p50, p99 = (took[min(len(took) - 1, int(q * len(took)))] for q in (0.5, 0.99))
        about = f"{described.model} {described.version}, {stream.backend}"
        print(f"{about}: answers after {p50:.0f} us (p50), {p99:.0f} (p99)")
    print(f"ticks {len(ticks)}, missed {missed}, dropped {stream.dropped}, warming up {warming}, refused {refused}")
    if args.log:
        with Path(args.log).open("w", newline="") as file:
            csv.writer(file).writerows([flags, *answer] for _, flags, answer in ticks)
    return missed


def main(argv: Sequence[str] | None = None) -> int:
    """Run the loop; return 0 when done, 1 when it could not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address", help="unix:PATH or grpc://HOST:PORT")
    parser.add_argument("model")
    parser.add_argument("samples", metavar="SAMPLES.csv")
    parser.add_argument("--rate", type=float, help="ticks a second (default: the model's)")
    parser.add_argument("--deadline-us", type=float, help="from the tick to its answer (default: a tick)")
    parser.add_argument("--log", metavar="FILE", help="write flags and answers as CSV; flags of -1: missed")
    args = parser.parse_args(argv)
    try:
        run(args)
    except grpc.RpcError as error:
        print(f"stub_loop: {args.address}: {error.code().name}: {error.details()}", file=sys.stderr)
        return 1
    except (OSError, ValueError) as error:
        print(f"stub_loop: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
