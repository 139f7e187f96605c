"""Predictions from a served model inside a control loop, in time or by policy."""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, TypedDict

import numpy as np
from numpy.typing import ArrayLike, NDArray

from learn_rt.client.flags import Flag as Flag
from learn_rt.spec import Spec

__all__ = ["Client", "Flag", "Prediction", "Rollout", "RolloutClient", "RolloutStats", "Stats", "connect"]

class InputPolicy(TypedDict, total=False):
    """What becomes of a value of one input that is not fit; "pass" where nothing is said.

    "hold": the last fit value stands in; "clamp": the nearest value of range_valid; "miss": as "hold", so that the
    window stays whole, but this tick is answered as a missed one.
    """

    not_finite: Literal["pass", "hold", "miss"]
    out_of_range: Literal["pass", "hold", "clamp", "miss"]
    stale: Literal["pass", "miss"]
    stale_s: float  # a signal of which no value changed, to the bit, for longer is stale
    hold_s: float  # how long values may stand in without a break; from then on as "miss"

class EnvelopeBounds(TypedDict):
    value: float
    rate: float
    second: float

class Prediction:
    """One answer: the model's, or the policy's when `by_policy`."""

    @property
    def values(self) -> NDArray[np.float32]:
        """(n_outputs,) float32, in the order and units of `spec.outputs`."""
    @property
    def flags(self) -> int:
        """Bits of `Flag`."""
    @property
    def sequence(self) -> int:
        """Number of the sample that it answers, from 0. With a preview of P it is for tick `sequence - P`."""
    @property
    def version(self) -> int:
        """Version of the model that gave the values; 0: the policy did, or it is not known."""
    @property
    def latency_us(self) -> float:
        """From the push to the answer's arrival; of `predict`, to its return."""
    @property
    def queue_us(self) -> float:
        """Of that: until the I/O thread took the sample."""
    @property
    def compute_us(self) -> float:
        """Of that: in the server, from the request's arrival to the answer."""
    @property
    def wire_us(self) -> float:
        """Of that: on the wire, both ways, and in the server outside its handler."""
    @property
    def warming_up(self) -> bool: ...
    @property
    def out_of_trained_range(self) -> bool: ...
    @property
    def limited(self) -> bool: ...
    @property
    def refused(self) -> bool: ...
    @property
    def late(self) -> bool: ...
    @property
    def disconnected(self) -> bool: ...
    @property
    def fault(self) -> bool:
        """The fault is latched: the policy's answer, until `clear_fault`."""
    @property
    def unfit(self) -> bool:
        """A value of the sample was not fit (`inputs`): the policy's answer."""
    @property
    def replaced(self) -> bool:
        """A value of the sample was not fit (`inputs`): another stood in for it."""
    @property
    def by_policy(self) -> bool:
        """Late, disconnected, fault or unfit."""

class Stats:
    """Counts since the client was connected."""

    @property
    def pushed(self) -> int:
        """Samples that went into the ring."""
    @property
    def answered(self) -> int:
        """Answers of the model that were handed out."""
    @property
    def missed(self) -> int:
        """Answers of the policy that were handed out."""
    @property
    def late(self) -> int:
        """Answers of the model that came after their deadline and were dropped."""
    @property
    def overruns(self) -> int:
        """Samples that found the ring full."""
    @property
    def reconnects(self) -> int:
        """Streams opened after the first."""
    @property
    def duplicated(self) -> int:
        """Answers that had come before; dropped."""
    @property
    def disordered(self) -> int:
        """Answers before whose turn others were lost or overtaken; the stream is replaced, all are fetched again."""
    @property
    def garbled(self) -> int:
        """Replies that break the protocol otherwise; the stream is replaced."""
    @property
    def replaced(self) -> int:
        """Samples with a value for which another stood in."""
    @property
    def faults(self) -> int:
        """Times that the fault latched."""

class Client:
    """A control loop's end of a stream. It belongs to one thread at a time: a second caller gets a RuntimeError."""

    def predict(
        self,
        sample: ArrayLike,
        deadline_s: float | None = None,
        nominal: ArrayLike | None = None,
        *,
        deadline_us: float | None = None,
    ) -> Prediction:
        """Return the answer to a sample within the deadline: the model's, or the policy's, inside the envelope.

        With `lead_s`, the sample is the plan for `lead_ticks` ticks from now, and the answer is that for now.

        Args:
            sample: (n_features,) float32.
            deadline_s, deadline_us: from now on; exactly one of them.
            nominal: (n_outputs,) what on_miss="nominal" answers; without it, the spec's nominal values.
        Raises: ValueError: another shape; TypeError: another type, or not exactly one deadline.
        """
    def try_push(self, sample: ArrayLike) -> bool:
        """Push a sample (n_features,) whose answer try_pop() returns; False when the ring is full."""
    def try_pop(self) -> Prediction | None:
        """Return the oldest answer, or None when there is none yet."""
    def latest(self) -> Prediction:
        """Return the newest answer, dropping older ones; when a sample was pushed and no answer came, the policy's.

        Call it once a tick: each value that it hands out is one tick of the envelope.
        """
    def due(self, sequence: int, nominal: ArrayLike | None = None) -> Prediction:
        """Return the answer to the pushed sample of this number if it is there, and else the policy's; never wait.

        Answers to earlier samples are dropped as late. Call it once a tick, in rising order.
        """
    def clear_fault(self) -> None:
        """End the fault that `fault_after` misses in a row have latched."""
    @property
    def fault(self) -> bool: ...
    @property
    def lead_ticks(self) -> int:
        """`lead_s` in ticks of `spec.dt_s`."""
    @property
    def endpoint(self) -> str:
        """The address of the stream that is up, or was the last one to be tried."""
    def rehearse(self) -> None:
        """Bring what the next `predict` needs back into the caches: for a loop that polls, before its tick."""
    def flush(self) -> bool:
        """Push the last sample `preview` times more, for the answers to the last ticks; False when there is no room."""
    def run(
        self, samples: ArrayLike, flush: bool = False, *, timeout_s: float = 10.0
    ) -> tuple[NDArray[np.float32], NDArray[np.uint32]]:
        """Return the answers to samples (n, n_features), pushed as fast as they go, without a deadline.

        Returns: (n, n_outputs) float32 and (n,) bits of `Flag`; with `flush`, `preview` more of each.
        Raises: ValueError: another shape; RuntimeError: nothing came for `timeout_s`, with the cause.
        """
    def dump(self, reason: str = "request") -> Path:
        """Write what is kept of the stream to a file in `record`; return its path. Not for the control loop: it blocks.

        Raises: RuntimeError: nothing is recorded, or the file cannot be written, and why.
        """
    def close(self) -> None:
        """End the stream. Every call but close() raises ValueError from then on."""
    @property
    def spec(self) -> Spec:
        """What the served model promises."""
    @property
    def spec_json(self) -> str:
        """The model folder's spec.json, to the byte."""
    @property
    def stats(self) -> Stats: ...
    @property
    def last_error(self) -> str:
        """Why the stream is down, or an empty string."""
    def __enter__(self) -> Client: ...
    def __exit__(
        self, exception: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

class Rollout:
    """What came of `RolloutClient.rollout`; true when it was answered."""

    @property
    def states(self) -> NDArray[np.float32] | None:
        """(candidates, horizon, n_states) float32: [:, 0] comes next. None when `late` or `disconnected`."""
    @property
    def flags(self) -> NDArray[np.uint32] | None:
        """(candidates,) bits of `Flag`."""
    @property
    def all_flags(self) -> int:
        """The flags of all candidates and of the observations before, together; LATE or DISCONNECTED."""
    @property
    def sequence(self) -> int:
        """Number of the call, from 0."""
    @property
    def latency_us(self) -> float:
        """From the call to its return."""
    @property
    def compute_us(self) -> float:
        """Of that: in the server, from the request's arrival to the answer."""
    @property
    def warming_up(self) -> bool: ...
    @property
    def out_of_trained_range(self) -> bool: ...
    @property
    def refused(self) -> bool: ...
    @property
    def late(self) -> bool: ...
    @property
    def disconnected(self) -> bool: ...
    def __bool__(self) -> bool: ...

class RolloutStats:
    """Counts since the client was connected."""

    @property
    def answered(self) -> int: ...
    @property
    def missed(self) -> int:
        """Rollouts that came back without states."""
    @property
    def late(self) -> int:
        """Answers that came after their deadline and were dropped."""
    @property
    def reconnects(self) -> int:
        """Streams opened after the first."""

class RolloutClient:
    """A planner's end of a stream of rollouts. It belongs to one thread at a time."""

    def observe(self, state: ArrayLike, action: ArrayLike) -> None:
        """Take the newest state (n_states,) and the action (n_actions,) that was taken in the state before it.

        With the first state the action is not looked at. It goes out with the next rollout.
        """
    def rollout(
        self, actions: ArrayLike, deadline_s: float | None = None, *, deadline_us: float | None = None
    ) -> Rollout:
        """Roll out action sequences from the newest state; return within the deadline.

        Args:
            actions: (candidates, horizon, n_actions); [:, 0] is taken in the newest state.
            deadline_s, deadline_us: from now on; exactly one of them.
        Raises: ValueError: another shape, or more than connect() allowed; TypeError: not exactly one deadline.
        """
    def close(self) -> None:
        """End the stream. Every call but close() raises ValueError from then on."""
    @property
    def spec(self) -> Spec: ...
    @property
    def spec_json(self) -> str: ...
    @property
    def stats(self) -> RolloutStats: ...
    @property
    def endpoint(self) -> str:
        """The address of the stream that is up, or was the last one to be tried."""
    @property
    def last_error(self) -> str:
        """Why the stream is down, or an empty string."""
    def __enter__(self) -> RolloutClient: ...
    def __exit__(
        self, exception: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

def connect(
    address: str,
    model: str,
    version: str = "stable",
    *,
    swap: Literal["pinned", "now", "at_rest", "crossfade"] = "pinned",
    crossfade_s: float = 0.1,
    on_miss: Literal["hold", "zero", "nominal", "fallback"] = "hold",
    rest: ArrayLike | None = None,
    wait: Literal["sleep", "doze", "spin"] = "doze",
    failover: Sequence[str] = (),
    fallback_model: str = "",
    fault_after: int = 0,
    inputs: dict[str, InputPolicy] = ...,
    envelope: dict[str, EnvelopeBounds] = ...,
    lead_s: float = 0.0,
    jitter_seed: int = 0,
    capacity: int = 1024,
    contract_hash: str = "",
    connect_timeout_s: float = 5.0,
    io_cpu: int = -1,
    max_candidates: int = 1024,
    max_horizon: int = 1024,
    threads: int = 1,
    tls_ca: str = "",
    tls_cert: str = "",
    tls_key: str = "",
    token: str = "",
    token_file: str = "",
    record: str = "",
    record_s: float = 60.0,
) -> Any:
    """Return a client of a served model: a Client, or a RolloutClient for a model of kind rollout.

    Args:
        address: inproc:REPOSITORY, unix:PATH, grpc://HOST:PORT, grpcs://HOST:PORT (TLS) or shm:NAME.
        version: a number, or a label ("stable").
        swap: when the stream goes on with another version, once that is the server's stable one (docs/versions.md).
            "pinned": never, and a lost stream is taken up with the version that it began with, or not at all. "now":
            between two samples. "at_rest": when the samples have stood still for a whole window. "crossfade": over
            `crossfade_s`. All but "pinned" need a label as `version`, and a server.
        crossfade_s: of swap="crossfade": above 0, to 60.
        on_miss: what predict() answers when the model's answer is not there in time.
        rest: (n_features,) a sample taken to have stood for ever before the first one; without it the window warms up.
        wait: how predict(), the I/O thread and, over shared memory, the server wait. "spin" polls: a core a side for
            less latency. "doze" sleeps, but over shared memory polls around the next sample. "sleep" sleeps.
        failover: further addresses, tried in order when the one before is not to be had.
        fallback_model: of on_miss="fallback": <model>/<version>, a folder of a small model that runs in this process.
        fault_after: misses in a row, after which the fault latches until clear_fault(); 0: never.
        inputs: what becomes of values that are not fit, by signal; "" stands for all signals that are not named.
        envelope: bounds by output that are narrower than the spec's, in its units.
        lead_s: how far ahead of its tick a sample is pushed.
        jitter_seed: of the pauses between attempts to reconnect; 0: another one each time.
        capacity: samples, and answers, that can wait.
        contract_hash: refuse a model of another contract.
        connect_timeout_s: for the connection, and for any answer before the stream counts as lost.
        io_cpu: CPU that the I/O thread is pinned to; -1: any.
        max_candidates, max_horizon: of a rollout.
        threads: that share a rollout's candidates, in process; a server has `--rollout-threads`.
        tls_ca: file of PEM whom to trust, for grpcs://; empty: the system's authorities.
        tls_cert, tls_key: files of PEM, the client's own, where the server asks for one.
        record: a folder for recordings: written on dump() and after a fault (docs/recording.md); empty: none.
        record_s: seconds of the stream that are kept for them.
        token, token_file: what the server's `--tokens` asks for, or the file whose first line it is.
    Raises: ConnectionError: no stream, with the cause; ValueError: an argument that is not as above.
    """
