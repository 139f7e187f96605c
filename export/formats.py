"""The files a format consists of: what writes each, and what opens it again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from learn_rt.export import onnx_format, pt2_format, replay, torchscript
from learn_rt.export.replay import Opened
from learn_rt.spec import Kind, Spec, State
from learn_rt.train.core.servable import Servable


@dataclass(frozen=True, slots=True)
class Artifact:
    """One file of a version folder; `label` is its row in the table."""

    label: str
    file: str
    write: Callable[[Servable, Spec, Path], None]
    open: Callable[[Path, Spec], Opened]


STEP = Artifact("step", "step.onnx", onnx_format.write_step, replay.open_step)
STEP_PT = Artifact("torchscript", "model.pt", torchscript.write_step, replay.open_torchscript_step)
FORMATS: dict[str, tuple[Artifact, ...]] = {
    "onnx": (Artifact("onnx", "model.onnx", onnx_format.write_model, replay.open_onnx), STEP),
    "torchscript": (Artifact("torchscript", "model.pt", torchscript.write_torchscript, replay.open_torchscript),),
    "pt2": (Artifact("pt2", "model.pt2", pt2_format.write_pt2, replay.open_pt2),),
    "aoti": (Artifact("aoti", "model.aoti.pt2", pt2_format.write_aoti, replay.open_aoti),),
}
ALL = ("onnx", "torchscript")  # what `all` means: pt2 is a second of work that few need yet, aoti a minute


def artifacts(formats: Sequence[str], kind: Kind, states: Sequence[State]) -> list[Artifact]:
    """Return the files to write for `formats`: a model without states has no step of its own, a stateful one nothing
    else, in either form.

    Raises: ValueError: an unknown format, or none, or not the one that a stateful model must be written in.
    """
    unknown = [f for f in formats if f not in FORMATS]
    if unknown or not formats:
        raise ValueError(f"formats must be among {', '.join(FORMATS)}, got {list(formats)}")
    chosen = [a for f in dict.fromkeys(formats) for a in FORMATS[f]]
    if kind is Kind.STATEFUL:
        if STEP not in chosen:
            raise ValueError(f"a stateful model is written as step.onnx, and model.pt beside it: got {list(formats)}")
        return [STEP, *([STEP_PT] if "torchscript" in formats else [])]
    return [a for a in chosen if states or a is not STEP]
