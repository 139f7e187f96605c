"""What is worth a line on the screen after an export, though nothing is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from learn_rt.export.config_pbtxt import config_file
from learn_rt.export.folder import versions
from learn_rt.spec import Kind, Spec


def notes(version: Path, spec: Spec) -> Iterator[str]:
    """Yield one line each for a version that its followers cannot follow, and for one that Triton cannot serve."""
    earlier = [v for v in versions(version.parent) if v < int(version.name)]
    if earlier:
        before = version.parent / str(earlier[-1]) / "spec.json"
        if before.is_file() and Spec.from_json(before.read_bytes()).contract_hash != spec.contract_hash:
            yield f"the contract is not that of version {earlier[-1]}: streams that run on it cannot move to this one"
    if spec.kind is Kind.STATEFUL and spec.forgetting is None:
        yield "two histories still differ at the held-out sequences' end: a stream that breaks cannot be continued"
    if not (version / config_file(spec)).is_file():
        yield "Triton serves model.onnx, which this version lacks: add it with --format onnx"
