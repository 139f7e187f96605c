"""Someone's model read: its graph, which of its inputs is what, what it says of itself, and itself to compare with."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from learn_rt.export.imports import torch_source
from learn_rt.export.imports.metadata import Told, read_metadata
from learn_rt.export.imports.onnx_file import prepare, read_onnx
from learn_rt.export.imports.roles import Roles, find_roles
from learn_rt.export.imports.spec_file import Given
from learn_rt.spec import Kind, Spec


@dataclass(frozen=True, slots=True)
class Source:
    """`call` is a torch module's own answer; an ONNX graph is its own."""

    label: str
    digest: str
    graph: onnx.ModelProto
    roles: Roles
    told: Told
    call: torch_source.Call | None


def read_source(model: str, given: Given) -> Source:
    """Return what `model` (a file, or package.module:Net) holds.

    Raises: ValueError: what is wrong with it, or what the spec file must say first.
    """
    path = Path(model)
    states = given.rows("states")
    if path.suffix == ".onnx" and path.is_file():
        graph = read_onnx(path)
        roles = find_roles(graph.graph, states, given.wanted)
        entries = {p.key: p.value for p in graph.metadata_props} if given.uses_metadata else {}
        told = read_metadata(entries, roles.n_outputs)
        return Source("onnx", _sha256(path), graph, roles, told, None)
    if path.is_file():
        module, label, digest = torch_source.load_script(path), "torchscript", _sha256(path)
    elif torch_source.MODULE.fullmatch(model):
        module, label, digest = torch_source.load_module(model), "module", ""
    else:
        raise ValueError(f"{model}: no such file, and not package.module:Net")
    rows = [{"shape": []} | row for row in given.rows("inputs")]
    if not rows:
        raise ValueError("missing: the inputs, by name, in the spec file: a torch module does not tell its shapes")
    widths = [np.prod(np.atleast_1d(row["shape"]), dtype=int) * row.get("history", 1) for row in rows]
    graph, call = torch_source.to_graph(module, int(sum(widths)), given.body.get("window", 1), states, model)
    graph = prepare(graph, model)
    digest = digest or hashlib.sha256(graph.SerializeToString(deterministic=True)).hexdigest()
    return Source(label, digest, graph, find_roles(graph.graph, states, []), Told((), (), (), {}), call)


def stem(model: str) -> str:
    """Return a model's name for want of another: the file's or the class's."""
    last = model.rpartition(":")[2] if torch_source.MODULE.fullmatch(model) else Path(model).stem
    return re.sub(r"[^A-Za-z0-9_-]", "-", last).strip("-_")[:64] or "imported"


def own_answer(call: torch_source.Call, spec: Spec, roles: Roles) -> Callable[..., NDArray[np.float32]]:
    """Return the source itself as a function of samples, to compare what was made of it with."""

    def answer(samples: NDArray[np.float32]) -> NDArray[np.float32]:
        if spec.kind is not Kind.STATEFUL:
            return call([samples])[0].reshape(len(samples), -1)
        shapes = [np.zeros((len(samples), *c.state.shape), np.float32) for c in roles.states]
        states = [np.moveaxis(s, 0, c.batch_axis).copy() for s, c in zip(shapes, roles.states, strict=True)]
        for sample in np.ascontiguousarray(samples.swapaxes(0, 1)):
            y, *states = call([sample, *states])
        return y.reshape(len(samples), -1)

    return answer


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
