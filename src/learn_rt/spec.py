"""What a model promises: its signals, timing, window and envelope, and where it came from.

A `Spec` is written as `spec.json` into every model folder and read by every stage. The part that two parties must
agree on before they exchange a sample is its `contract`; `contract_hash` identifies it and outlasts a retraining.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from learn_rt.jsonread import read_dataclass
from learn_rt.signal import MAX_SIGNALS, MAX_WINDOW, Envelope, Major, Order, Signal

__all__ = [
    "MAX_SIGNALS",
    "MAX_WINDOW",
    "Envelope",
    "Kind",
    "Major",
    "Normalization",
    "Order",
    "Scope",
    "Signal",
    "Spec",
    "State",
    "Weights",
]

FORMAT = "learn_rt.spec/1"


class Kind(StrEnum):
    """How an answer depends on the samples."""

    POINTWISE = "pointwise"  # y = f(x)
    WINDOW = "window"  # y = f(the last `window` samples)
    STATEFUL = "stateful"  # y, s' = f(x, s)
    ROLLOUT = "rollout"  # `horizon` future states from a history and as many actions


class Weights(StrEnum):
    """How the native engine keeps the matrices. The files hold float32, and other backends use that."""

    FP32 = "fp32"
    BF16 = "bf16"
    INT16 = "int16"
    INT8 = "int8"
    MIXED = "mixed"  # each matrix in a form of its own


class Scope(StrEnum):
    """Whether a state belongs to one start of the window or to the whole stream."""

    LANE = "lane"
    STREAM = "stream"


@dataclass(frozen=True, slots=True)
class State:
    """One state of `step.onnx`: input `state.<name>`, output `state.<name>.next`, zero at the start.

    `shape` is without the leading batch axis.
    """

    name: str
    shape: tuple[int, ...]
    scope: Scope

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise ValueError(f"a state's name must be an identifier, got {self.name!r}")
        if any(n < 1 for n in self.shape):
            raise ValueError(f"state {self.name}: shape must be positive, got {self.shape}")


@dataclass(frozen=True, slots=True)
class Normalization:
    """The statistics that the graph holds as buffers, repeated for readers; nothing outside the graph uses them."""

    inside_graph: bool
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.inside_graph is not True:
            raise ValueError("normalization.inside_graph must be true: export bakes the statistics into the graph")


@dataclass(frozen=True, slots=True)
class Spec:
    """What a model promises; see the module's docstring.

    `window` counts raw samples, the one being answered included. An answer is for the sample `preview` ticks before the
    newest. `forgetting` is the number of samples after which two different histories agree within tolerance.
    """

    name: str
    kind: Kind
    dt_s: float
    inputs: tuple[Signal, ...]
    outputs: tuple[Signal, ...]
    window: int = 1
    preview: int = 0
    horizon: int = 0
    dtype: str = "float32"
    states: tuple[State, ...] = ()
    normalization: Normalization = field(default_factory=lambda: Normalization(inside_graph=True))
    forgetting: int | None = None
    tolerance: float | None = None  # of the golden samples, absolute, in the outputs' units
    weights: Weights = field(default=Weights.FP32, metadata={"sparse": True})
    weights_mix: tuple[Weights, ...] = field(default=(), metadata={"sparse": True})  # each matrix's, as they run
    weights_tolerance: float | None = field(default=None, metadata={"sparse": True})  # as kept in fewer bits
    provenance: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.name or not all(c.isalnum() or c in "-_" for c in self.name) or len(self.name) > 64:
            raise ValueError(f"name must be 1 to 64 letters, digits, '-' or '_', got {self.name!r}")
        if not (math.isfinite(self.dt_s) and self.dt_s > 0):
            raise ValueError(f"dt_s must be finite and above 0, got {self.dt_s}")
        if self.dtype != "float32":
            raise ValueError(f"dtype must be float32, got {self.dtype!r}")
        for side in ("inputs", "outputs"):
            signals: tuple[Signal, ...] = getattr(self, side)
            names = [s.name for s in signals]
            if not 1 <= len(names) <= MAX_SIGNALS or len(set(names)) != len(names):
                raise ValueError(f"{side} must be 1 to {MAX_SIGNALS} signals of distinct names, got {names}")
        # What a stateful model remembers is not bounded by a window, nor is how far its answer lies back.
        reach = MAX_WINDOW if self.kind is Kind.STATEFUL else self.window
        if not 1 <= self.window <= MAX_WINDOW or not 0 <= self.preview < reach:
            raise ValueError(
                f"window must be 1 to {MAX_WINDOW} and preview at least 0 and below it (a stateful model: below "
                f"{MAX_WINDOW}), got {self.window}, {self.preview}"
            )
        if (self.kind is Kind.WINDOW) != (self.window > 1) and self.kind is not Kind.ROLLOUT:
            raise ValueError(f"a {self.kind} model cannot have a window of {self.window}")
        if (self.kind is Kind.ROLLOUT) != (self.horizon > 0):
            raise ValueError(f"a {self.kind} model cannot have a horizon of {self.horizon}")
        if (self.weights is Weights.FP32) != (self.weights_tolerance is None):
            raise ValueError(
                "weights_tolerance belongs to weights other than fp32, and to each of those: "
                f"got {self.weights_tolerance} for {self.weights}"
            )
        if (self.weights is Weights.MIXED) != bool(self.weights_mix) or Weights.MIXED in self.weights_mix:
            raise ValueError(
                "weights_mix must hold the form of each matrix when weights are mixed, and nothing otherwise: "
                f"got {[str(form) for form in self.weights_mix]} for {self.weights}"
            )
        outputs = {s.name: s for s in self.outputs}
        for s in self.inputs:
            if s.feedback_of is None:
                continue
            if s.feedback_of not in outputs:
                raise ValueError(f"input {s.name}: feedback_of names no output: {s.feedback_of!r}")
            fed = outputs[s.feedback_of]
            if fed.size != s.size or (s.elements and fed.elements and s.elements != fed.elements):
                raise ValueError(f"input {s.name} must have the elements of {fed.name}, whose feedback it is")
        for s in self.outputs:
            if s.envelope and s.envelope.second * self.dt_s * self.dt_s < 4 * _float32_spacing(s.envelope.value):
                raise ValueError(
                    f"output {s.name}: envelope.second of {s.envelope.second:g} allows less change a tick "
                    f"of {self.dt_s:g} s than float32 can tell at {s.envelope.value:g}"
                )
        if len({s.name for s in self.states}) != len(self.states):
            raise ValueError("states must have distinct names")
        if self.kind is Kind.ROLLOUT:
            self._check_rollout()

    def _check_rollout(self) -> None:
        """Check that a raw row is the state, as the model answers it, and then the action."""
        if self.preview:
            raise ValueError(f"a rollout answers for the ticks to come: preview must be 0, got {self.preview}")
        fed_back = self.inputs[: len(self.outputs)]
        for row, answer in zip(fed_back, self.outputs, strict=False):
            same = (row.name, row.unit, row.shape, row.scale, row.offset, row.feedback_of)
            if same != (answer.name, answer.unit, answer.shape, answer.scale, answer.offset, answer.name):
                raise ValueError(
                    "a rollout's first inputs must be its outputs, in their order, each with feedback_of its own name, "
                    f"and name, unit, shape, scale and offset alike: input {row.name} is not output {answer.name}"
                )
        actions = self.inputs[len(self.outputs) :]
        if len(fed_back) < len(self.outputs) or not actions or any(s.feedback_of for s in actions):
            raise ValueError("a rollout's inputs must be its outputs and then one action or more, without feedback_of")
        for s in (*self.inputs, *self.outputs):
            if s.history != 1 or s.envelope:
                raise ValueError(f"a rollout's signals have no history and no envelope, {s.name} has")

    @property
    def n_features(self) -> int:
        """Elements of one sample."""
        return sum(s.size * s.history for s in self.inputs)

    @property
    def n_outputs(self) -> int:
        """Elements of one answer."""
        return sum(s.size for s in self.outputs)

    @property
    def n_actions(self) -> int:
        """Of a rollout: elements of one action, which follow the state in a row."""
        return self.n_features - self.n_outputs

    @property
    def contract(self) -> dict[str, Any]:
        """What both ends of a stream must agree on; statistics, envelope and provenance stay out."""

        def agreed(s: Signal) -> dict[str, Any]:
            row: dict[str, Any] = {"name": s.name, "unit": s.unit, "shape": list(s.shape)}
            row |= {"history": s.history, "major": s.major.value, "order": s.order.value}
            row |= {"scale": _agreed_numbers(s.scales), "offset": _agreed_numbers(s.offsets)}
            row |= {"feedback_of": s.feedback_of}
            return row | ({"elements": list(s.elements)} if s.elements else {})

        return {
            "kind": self.kind.value,
            "dt_s": float(self.dt_s),
            "dtype": self.dtype,
            "window": self.window,
            "preview": self.preview,
            "horizon": self.horizon,
            "inputs": [agreed(s) for s in self.inputs],
            "outputs": [agreed(s) for s in self.outputs],
        }

    @property
    def contract_hash(self) -> str:
        """SHA-256 of the canonical JSON of `contract`, in hexadecimal."""
        text = json.dumps(self.contract, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def to_json(self) -> str:
        """Return the spec as JSON text; floats keep full precision."""
        body: dict[str, Any] = {"format": FORMAT, "contract_hash": self.contract_hash}
        return json.dumps(body | _plain(self), indent=2, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> Spec:
        """Read a spec from JSON text.

        Raises: ValueError: not JSON, an unknown or missing key, a wrong type or value (the message names the path), or
        a `contract_hash` that is not the contract's.
        """
        try:
            body = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_distinct)
        except RecursionError:
            raise ValueError("spec: nested too deep to be a spec") from None
        if not isinstance(body, dict) or body.pop("format", None) != FORMAT:
            raise ValueError(f'spec: "format" must be "{FORMAT}"')
        stated = body.pop("contract_hash", None)
        spec = read_dataclass(cls, body, "$")
        if stated != spec.contract_hash:
            raise ValueError(f"spec: contract_hash is {stated}, but the contract's is {spec.contract_hash}")
        return spec


def _float32_spacing(value: float) -> float:
    """Return the distance between float32 numbers just below `value`'s next power of two."""
    return math.ldexp(1.0, max(math.frexp(value)[1], -125) - 24)


def _agreed_numbers(values: tuple[float, ...]) -> float | list[float]:
    """Return one number where all are the same: two ways to write one contract have one hash."""
    return float(values[0]) if len(set(values)) == 1 else [float(v) for v in values]


def _plain(value: Any) -> Any:
    if hasattr(value, "__dataclass_fields__"):
        fields = value.__dataclass_fields__.values()
        kept = (f for f in fields if not f.metadata.get("sparse") or getattr(value, f.name) != f.default)
        return {f.name: _plain(getattr(value, f.name)) for f in kept}
    if isinstance(value, tuple | list):
        return [_plain(v) for v in value]
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return value.value if isinstance(value, StrEnum) else value


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"spec: {name} is not JSON")


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    body = dict(pairs)
    if len(body) != len(pairs):
        raise ValueError(f"spec: a key appears twice among {[k for k, _ in pairs]}")
    return body
