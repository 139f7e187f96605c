"""From someone's model to a version folder: read, conclude, lay out, judge by float64, publish."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from learn_rt.export import folder
from learn_rt.export.bake import check_held_out
from learn_rt.export.complete import versions_used
from learn_rt.export.config_pbtxt import config_file
from learn_rt.export.forgetting import forgetting
from learn_rt.export.golden import write_golden
from learn_rt.export.imports.graph import rewrite
from learn_rt.export.imports.samples import read_samples
from learn_rt.export.imports.source import Source, own_answer, read_source, stem
from learn_rt.export.imports.spec_file import draft, make_spec, read_spec_file
from learn_rt.export.imports.truth import Reference
from learn_rt.export.latency import latency_us, one_thread
from learn_rt.export.names import check_name
from learn_rt.export.notes import notes
from learn_rt.export.onnx_format import SPEC_KEY
from learn_rt.export.parity import CEILING, FLOOR, Truth, max_error, three_digits, truth
from learn_rt.export.pipeline import ParityError, Report, Row, place
from learn_rt.export.replay import Opened, open_onnx, open_step
from learn_rt.spec import Kind, Spec

OTHERS = 4.0  # times ONNX Runtime's own error: what another float32 implementation, summing in another order, may lose


def import_model(
    model: str,
    out: str | Path,
    *,
    spec_file: Path | None = None,
    samples_file: Path | None = None,
    name: str | None = None,
    version: int | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> tuple[Report, Spec]:
    """Write `model` to <out>/<name>/<version>/ and return what was written, how exact it is, and its spec.

    Raises: ParityError: the written file is too far from the source in float64; ValueError: what is missing or does not
    fit; OSError.
    """
    say("reading the model")
    given = read_spec_file(spec_file)
    source = read_source(model, given)
    body, missing = draft(given, source.told, source.roles, name or stem(model))
    if samples_file is None:
        missing.append("--samples, an .npz file of recorded signals or samples")
    if missing or samples_file is None:
        raise ValueError(f"missing: {'; '.join(missing)} (--draft prints a spec file to fill in)")
    spec = replace(make_spec(body, source.roles), states=tuple(c.state for c in source.roles.states))
    spec = replace(spec, name=check_name(name or spec.name))
    samples = check_held_out(read_samples(samples_file, spec), spec)
    say("evaluating the model in float64")
    with one_thread():
        reference = Reference(source.graph, source.roles, spec)
        truths = truth(reference, samples, spec)
        with folder.staging(Path(out) / spec.name) as stage:
            path = stage / config_file(spec)
            say(f"writing {path.name}")
            graph = rewrite(source.graph, source.roles, spec)
            path.write_bytes(graph.SerializeToString(deterministic=True))
            opened, truths = _judge(path, spec, samples, truths)
            if spec.kind is Kind.STATEFUL:
                say("measuring the forgetting length")
                spec = replace(spec, forgetting=forgetting(reference, samples, spec, truths.tolerance))
            spec = _complete(spec, source, reference, truths)
            _tell(graph, spec)
            path.write_bytes(graph.SerializeToString(deterministic=True))
            rows = [_row("step" if spec.kind is Kind.STATEFUL else "onnx", path, opened, samples, truths)]
            if source.call:
                own = own_answer(source.call, spec, source.roles)
                rows.insert(0, Row(source.label, model, *_measured(Opened(own, own), samples, truths)))
            if any(not row.max_error <= row.bound for row in rows):
                raise ParityError(rows)
            (stage / "spec.json").write_text(spec.to_json())
            write_golden(stage / "golden.npz", samples, truths.y, spec)
            target, added = place(stage, version, spec)
    concluded = (*source.roles.notes, *source.told.notes, *notes(target, spec))
    made = Report(
        spec.name, target, int(target.name), tuple(added), spec.contract_hash, truths.scale, tuple(rows), concluded
    )
    return made, spec


def _judge(path: Path, spec: Spec, samples: NDArray[np.float32], truths: Truth) -> tuple[Opened, Truth]:
    """Return the written file, opened, and the truth with the tolerance that its float32 needs: at most export's
    ceiling.
    """
    try:
        opened = open_step(path, spec) if spec.kind is Kind.STATEFUL else open_onnx(path, spec)
        error = max_error(opened.answer, samples, truths.y)
    except Exception as failed:  # ONNX Runtime's errors have no class of their own
        cause = next(iter(str(failed).strip().splitlines()), repr(failed))
        raise ValueError(f"ONNX Runtime does not run it at every batch: {cause}") from None
    tolerance = min(max(FLOOR * truths.scale, OTHERS * error), CEILING * truths.scale)
    return opened, replace(truths, tolerance=three_digits(tolerance))


def _row(label: str, path: Path, opened: Opened, samples: NDArray[np.float32], truths: Truth) -> Row:
    return Row(label, path.name, *_measured(opened, samples, truths, path.stat().st_size))


def _measured(opened: Opened, samples: NDArray[np.float32], truths: Truth, size: int = 0) -> tuple[Any, ...]:
    error = max_error(opened.answer, samples, truths.y)
    return size, error, truths.tolerance, latency_us(lambda: opened.once(samples[:1]))


def _complete(spec: Spec, source: Source, reference: Reference, truths: Truth) -> Spec:
    made: dict[str, Any] = {
        "source": source.label,
        "source_sha256": source.digest,
        "graph_sha256": reference.fingerprint,
    }
    made |= {"scale": float(f"{truths.scale:.6e}"), "n_held_out": len(truths.y), "versions": versions_used()}
    made |= {"metadata": source.told.kept} if source.told.kept else {}
    return replace(spec, tolerance=truths.tolerance, provenance={"import": made})


def _tell(graph: onnx.ModelProto, spec: Spec) -> None:
    del graph.metadata_props[:]
    graph.metadata_props.append(onnx.StringStringEntryProto(key=SPEC_KEY, value=spec.to_json()))
