"""Writes docs/operators.md from what the native engine does: python tests/runtime/operators_page.py."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import onnx
from conformance import Outcome, outcomes
from node_cases import AS_GIVEN, CONSTANT, FIRST_FED, OPSETS

PAGE = Path(__file__).parents[2] / "docs" / "operators.md"

BOUNDS = Path(__file__).parents[2] / "runtime" / "tests" / "ulp_bounds.inc"

HEAD = f"""# Operators of the native engine

<!-- Written by tests/runtime/operators_page.py; a test fails when it is not current. -->

The engine reads ONNX files of opset {OPSETS[0]} to {OPSETS[1]} and computes in float32. Inputs and weights of double
are cast; int32, int64 and bool serve where shapes, indices and choices need them, and as what a graph computes on its
way to floats (`ArgMax`, `Cast`, comparisons). What depends on constants only is computed when the file is loaded.
What the engine lacks is one error that names the node, the operator and the attribute:

    LSTM "rnn": attribute direction = reverse is not supported, only forward
    the native engine lacks the operators Einsum (node "e1"), NonZero (node "n")

The backend `auto` then takes the next of native, onnxruntime, torchscript: a fixed order, and `Model.choice` says why.

LSTM, GRU and RNN run forward, with initial states, batches, both layouts, stacked layers (a node each), both kinds of
`linear_before_reset`, and peepholes. They have no other direction, no activations but the defaults (RNN: Tanh, Relu,
Sigmoid), no clip, and no sequences of different length in a batch.

A file may hold 2^24 elements a tensor, 2^27 in all (512 MiB of floats), and take 2^32 multiplications a step. What goes
beyond is refused before memory or time is spent on it, and so are weights that lie in another file.

## The standard's own node tests

From `onnx.backend.test` of onnx {onnx.__version__}: each test's graph on the engine, its answers against the expected
ones within 1e-5. "Weights constant": all inputs but the first one; "constants": computed when loading.
"""

NUMERICS = """## How exact it is

Against float64, on each instruction set that the machine has (`runtime/tests/test_functions.cpp`, `test_products.cpp`):

- Sums of n products (Gemm, MatMul, Conv, recurrent cells): at most ({k}) eps sum |w x| off, eps = 2^-24.
- The functions below, over every 4099th float and 400,000 more around 0, with zeros, infinities, NaN and denormals, in
  units of the last place of the exact answer. Answers below 2^-126 in magnitude may be anything up to 2^-126: a session
  counts denormals as zero.
- Sums of reductions, and layers of up to 4 outputs, are added in double.
- A whole net errs at most twice as much as torch's float32 does, in the largest and in the mean square
  (`tests/runtime/test_whole_models.py`).

| function | inputs | at most |
|---|---|---|
"""


def page() -> str:
    """Return the page as it should be."""
    by_op: dict[str, list[Outcome]] = defaultdict(list)
    left_out: dict[str, list[str]] = defaultdict(list)
    for outcome in outcomes():
        by_op[outcome.case.op].append(outcome)
        if outcome.reason:
            left_out[outcome.reason].append(outcome.case.name)
    lines = [HEAD, "| operator | passed | weights constant | constants | left out |", "|---|---|---|---|---|"]
    totals = [0, 0, 0, 0]
    for op, found in by_op.items():
        asked = [sum(o.passed == how for o in found) for how in (AS_GIVEN, FIRST_FED, CONSTANT)]
        row = [sum(asked), asked[1], asked[2], sum(bool(o.reason) for o in found)]
        totals = [a + b for a, b in zip(totals, row, strict=True)]
        lines.append(f"| {op} | " + " | ".join(str(n or "") for n in row) + " |")
    lines.append(f"| {len(by_op)} operators | " + " | ".join(str(n) for n in totals) + " |")
    lines += ["", "## Left out, and why", ""]
    for reason, names in sorted(left_out.items(), key=lambda item: len(item[1])):
        lines += [f"{reason[0].upper()}{reason[1:]} ({len(names)}): {', '.join(f'`{name}`' for name in names)}.", ""]
    return "\n".join(lines) + "\n" + _numerics()


def _numerics() -> str:
    """Return the page's part about rounding, with the bounds that the C++ tests hold the kernels to."""
    text = BOUNDS.read_text()
    (k,) = re.findall(r"^PRODUCTS\((.*)\)", text, re.M)
    rows = re.findall(r"^FUNCTION\((\w+), (.*), (.*), (.*)\)", text, re.M)
    return NUMERICS.format(k=k) + "".join(
        f"| {op} | {low} to {high} | {ulp} ULP |\n".replace("INFINITY", "inf") for op, low, high, ulp in rows
    )


if __name__ == "__main__":
    PAGE.write_text(page())
