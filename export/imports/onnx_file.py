"""An ONNX file from anywhere, read with care: bounded, float, its weights in the file or beside it, one graph."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import onnx
import onnx.inliner
import onnx.version_converter
from onnx import TensorProto
from onnx.external_data_helper import ExternalDataInfo

MAX_BYTES = 512 << 20  # what a loader of the model folder accepts
OPSETS = range(13, 27)  # what the runtime reads
WRITTEN_OPSET = 20


def read_onnx(path: Path) -> onnx.ModelProto:
    """Return the file's model, its weights in it, functions inlined, at an opset that the runtime reads.

    Raises: ValueError: what is wrong with the file; OSError.
    """
    if path.stat().st_size > MAX_BYTES:
        raise ValueError(f"{path}: larger than {MAX_BYTES} bytes")
    try:
        model = onnx.ModelProto.FromString(path.read_bytes())
    except Exception:  # protobuf's DecodeError, of whichever of its implementations runs
        raise ValueError(f"{path}: not an ONNX file") from None
    if not model.graph.node and not model.graph.output:
        raise ValueError(f"{path}: not an ONNX file: it has no graph")
    _take_in(model, path)
    return prepare(model, str(path))


def prepare(model: onnx.ModelProto, where: str) -> onnx.ModelProto:
    """Return the model with functions inlined, at an opset that the runtime reads; it must pass ONNX's checker."""
    for tensor in tensors(model.graph):
        if tensor.data_type not in TensorProto.DataType.values():
            raise ValueError(f"{where}: {tensor.name} is of no type that ONNX has")
        if tensor.data_type in (TensorProto.FLOAT16, TensorProto.BFLOAT16):
            raise ValueError(f"{where}: {tensor.name} is stored in half precision: export the model in float32")
    try:
        if model.functions:
            model = onnx.inliner.inline_local_functions(model)
        onnx.checker.check_model(model)
        opset = next((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), 0)
        if opset not in OPSETS:
            model = onnx.version_converter.convert_version(model, WRITTEN_OPSET)
            model.ir_version = max(model.ir_version, 9)  # of that opset
    except (onnx.checker.ValidationError, RuntimeError, ValueError, IndexError) as error:
        cause = next(iter(str(error).strip().splitlines()), repr(error))
        raise ValueError(f"{where}: ONNX's own checks refuse it: {cause}") from None
    return model


def tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    """Yield every tensor that a graph holds, in its nodes' attributes and in the graphs inside them too."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
            for inner in (attribute.g, *attribute.graphs):
                yield from tensors(inner)


def _take_in(model: onnx.ModelProto, path: Path) -> None:
    """Read weights that lie in files beside the model's, and nowhere else."""
    folder = path.parent.resolve()
    total = path.stat().st_size
    for tensor in tensors(model.graph):
        if tensor.data_location != TensorProto.EXTERNAL:
            continue
        info = ExternalDataInfo(tensor)
        file = (folder / info.location).resolve()
        if not info.location or folder not in file.parents or not file.is_file():
            raise ValueError(f"{path}: the weights of {tensor.name} are to be in {info.location!r}: no file beside it")
        start, length = int(info.offset or 0), int(info.length or file.stat().st_size)
        total += length
        if start < 0 or length < 0 or start + length > file.stat().st_size or total > MAX_BYTES:
            raise ValueError(f"{path}: the weights of {tensor.name} are to be {length} bytes of {info.location!r}")
        with file.open("rb") as opened:
            opened.seek(start)
            tensor.raw_data = opened.read(length)
        tensor.data_location = TensorProto.DEFAULT
        del tensor.external_data[:]
