"""A rollout's spec says how its answers come back as inputs, or it is refused, in Python as in the runtime."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rollout_net import cart_spec

from learn_rt.spec import Envelope, Kind, Signal, Spec


def test_a_row_is_the_state_and_then_the_action() -> None:
    spec = cart_spec()
    assert (spec.n_features, spec.n_outputs, spec.n_actions) == (4, 3, 1)
    assert Spec.from_json(spec.to_json()) == spec


def wrong(change: Callable[[Spec], dict[str, Any]]) -> Callable[[], Spec]:
    return lambda: replace(cart_spec(), **change(cart_spec()))


BAD: dict[str, Callable[[Spec], dict[str, Any]]] = {
    "no feedback": lambda s: {"inputs": (replace(s.inputs[0], feedback_of=None), *s.inputs[1:])},
    "of another": lambda s: {"inputs": (replace(s.inputs[0], feedback_of="angle"), *s.inputs[1:])},
    "another order": lambda s: {"inputs": (s.inputs[1], s.inputs[0], *s.inputs[2:])},
    "another unit": lambda s: {"inputs": (replace(s.inputs[0], unit="mm"), *s.inputs[1:])},
    "no action": lambda s: {"inputs": s.inputs[:3]},
    "a state missing": lambda s: {"inputs": (*s.inputs[:2], s.inputs[3])},
    "an action that comes back": lambda s: {"inputs": (*s.inputs, replace(s.inputs[3], name="u", feedback_of="speed"))},
    "a preview": lambda s: {"preview": 1},
    "an envelope": lambda s: {"outputs": (replace(s.outputs[0], envelope=Envelope(1, 1, 1e3)), *s.outputs[1:])},
    "a history": lambda s: {"inputs": (*s.inputs[:3], Signal("push", "N", history=2))},
    "no horizon": lambda s: {"horizon": 0},
}


@pytest.mark.parametrize("name", BAD)
def test_another_row_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"rollout|horizon"):
        wrong(BAD[name])()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda b: b["inputs"][0].pop("feedback_of"), r"expected the output of the same place.*\$\.inputs\[0\]"),
        (lambda b: b["inputs"][3].update(feedback_of="speed"), r"which no output feeds - at \$\.inputs\[3\]"),
        (lambda b: b["inputs"].pop(), r"its actions - at \$\.inputs"),
        (lambda b: b.update(preview=1), r"must be 0 for a rollout - at \$\.preview"),
        (lambda b: b.update(horizon=0), r"does not fit the kind - at \$\.horizon"),
    ],
)
def test_the_runtime_refuses_them_too(
    cart_version: Path, tmp_path: Path, change: Callable[[dict[str, Any]], Any], says: str
) -> None:
    from learn_rt.runtime import load

    folder = Path(shutil.copytree(cart_version, tmp_path / "1"))
    body = json.loads((folder / "spec.json").read_text())
    change(body)
    (folder / "spec.json").write_text(json.dumps(body))
    import hashlib

    lines = (folder / "SHA256SUMS").read_text().splitlines()
    kept = [line for line in lines if not line.endswith("  spec.json")]
    digest = hashlib.sha256((folder / "spec.json").read_bytes()).hexdigest()
    (folder / "SHA256SUMS").write_text("\n".join([*kept, f"{digest}  spec.json"]) + "\n")
    with pytest.raises(RuntimeError, match=says):
        load(folder)


def test_kind_and_contract_hold_the_horizon() -> None:
    spec = cart_spec()
    assert spec.kind is Kind.ROLLOUT
    assert replace(spec, horizon=5).contract_hash != spec.contract_hash
