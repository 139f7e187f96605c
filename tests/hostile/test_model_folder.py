"""Broken and hostile model folders end in one clear error: never a crash, a hang, much memory, or a wrong answer."""

from __future__ import annotations

import hashlib
import io
import itertools
import resource
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from learn_rt.runtime import load


@pytest.fixture
def folder(small_version: Path, tmp_path: Path) -> Path:
    """A good version folder of ONNX files, to be spoilt; its window has 7 samples."""
    copy = Path(shutil.copytree(small_version, tmp_path / "1", ignore=shutil.ignore_patterns("*.pt", "*.pt2")))
    seal(copy)
    return copy


def seal(folder: Path) -> None:
    """List the folder's files as they are now, as an attacker can."""
    files = sorted(p for p in folder.iterdir() if p.name != "SHA256SUMS")
    lines = [f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.name}\n" for p in files]
    (folder / "SHA256SUMS").write_text("".join(lines))


def refused(folder: Path) -> str:
    """Load and return the error's one message."""
    with pytest.raises(RuntimeError) as error:
        load(folder, "native")
    assert str(error.value)
    return str(error.value)


def test_a_changed_file_is_named(folder: Path) -> None:
    data = bytearray((folder / "step.onnx").read_bytes())
    data[len(data) // 2] ^= 1
    (folder / "step.onnx").write_bytes(data)
    assert "step.onnx: is not the file that SHA256SUMS lists" in refused(folder)


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "..", ".hidden", "a\\b"])
def test_checksums_name_only_files_of_the_folder(folder: Path, name: str) -> None:
    with (folder / "SHA256SUMS").open("a") as sums:
        sums.write(f"{'0' * 64}  {name}\n")
    assert "is not a file of this folder" in refused(folder)


def test_a_file_beside_the_list_is_not_used(folder: Path) -> None:
    lines = (folder / "SHA256SUMS").read_text().splitlines(keepends=True)
    (folder / "SHA256SUMS").write_text("".join(s for s in lines if "step.onnx" not in s))
    assert "step.onnx: is not listed in SHA256SUMS" in refused(folder)


@pytest.mark.parametrize("name", ["model.onnx", "step.onnx"])
def test_a_truncated_graph_is_an_error(folder: Path, name: str) -> None:
    whole = (folder / name).read_bytes()
    for size in {0, 1, 7, len(whole) // 3, len(whole) // 2, len(whole) - 1}:
        (folder / name).write_bytes(whole[:size])
        seal(folder)
        assert refused(folder)


@pytest.mark.parametrize("name", ["model.onnx", "step.onnx"])
def test_flipped_bits_end_in_an_error_or_the_golden_answers(folder: Path, name: str) -> None:
    whole = (folder / name).read_bytes()
    random = np.random.default_rng(3)
    errors = 0
    for _ in range(400):
        data = bytearray(whole)
        for _ in range(int(random.integers(1, 4))):
            data[int(random.integers(len(data)))] ^= 1 << int(random.integers(8))
        (folder / name).write_bytes(data)
        seal(folder)
        try:
            load(folder, "native")  # a changed name or a last bit of a weight may pass: the golden samples did
        except RuntimeError:
            errors += 1
    assert errors > 100


def save_graph(folder: Path, nodes: list[onnx.NodeProto], initializers: list[onnx.TensorProto] | None = None) -> None:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 7, 5])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 2])
    graph = helper.make_graph(nodes, "g", [x], [y], initializers or [])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    seal(folder)


def test_a_cycle_is_named(folder: Path) -> None:
    save_graph(folder, [helper.make_node("Relu", ["b"], ["a"]), helper.make_node("Relu", ["a"], ["b"])])
    assert 'reads "b", which nothing before it writes' in refused(folder)


def test_an_operator_that_is_lacking_is_named(folder: Path) -> None:
    save_graph(folder, [helper.make_node("Det", ["x"], ["y"])])
    assert "model.onnx: the native engine lacks the operator Det" in refused(folder)


def test_an_attribute_that_nobody_knows_is_named(folder: Path) -> None:
    save_graph(folder, [helper.make_node("Relu", ["x"], ["y"], leak=0.5)])
    assert "attribute leak is not supported" in refused(folder)


@pytest.mark.parametrize("shape", [[2**40], [2**20, 2**20], [2**62, 4], [-1], [1] * 9, [65536, 65536, 65536, 65536]])
def test_giant_dimensions_take_no_memory(folder: Path, shape: list[int]) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=shape, raw_data=b"\0" * 16)
    save_graph(folder, [helper.make_node("MatMul", ["x", "w"], ["y"])], [tensor])
    assert refused(folder)
    target = numpy_helper.from_array(np.array(shape, np.int64), "shape")
    save_graph(folder, [helper.make_node("Expand", ["x", "shape"], ["y"])], [target])
    assert refused(folder)
    save_graph(folder, [helper.make_node("ConstantOfShape", ["shape"], ["y"])], [target])
    assert refused(folder)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # KiB


def test_a_graph_that_doubles_itself_takes_bounded_memory(folder: Path) -> None:
    names = ["x", *[f"t{i}" for i in range(60)]]
    save_graph(folder, [helper.make_node("Concat", [a, a], [b], axis=1) for a, b in itertools.pairwise(names)])
    assert "too large" in refused(folder) or "too much memory" in refused(folder)


def test_weights_beside_the_file_are_an_error(folder: Path) -> None:
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="/etc/passwd")
    save_graph(folder, [helper.make_node("Add", ["x", "w"], ["y"])], [tensor])
    assert "keeps its data in another file" in refused(folder)


def test_weights_that_are_not_there_are_named(folder: Path) -> None:
    save_graph(folder, [helper.make_node("MatMul", ["x", "weights"], ["y"], name="layer")])
    assert 'MatMul "layer": reads "weights", which nothing before it writes' in refused(folder)


@pytest.mark.parametrize("kind", [np.float16, np.int8, np.uint64, np.str_, np.complex64])
def test_weights_of_a_type_that_is_not_read_are_named(folder: Path, kind: type) -> None:
    weights = numpy_helper.from_array(np.zeros((5, 2)).astype(kind), "weights")
    save_graph(folder, [helper.make_node("MatMul", ["x", "weights"], ["y"])], [weights])
    assert "tensor weights has element type" in refused(folder)


def test_whole_numbers_as_weights_are_an_error(folder: Path) -> None:
    weights = numpy_helper.from_array(np.zeros((5, 2), np.int64), "weights")
    save_graph(folder, [helper.make_node("MatMul", ["x", "weights"], ["y"], name="layer")], [weights])
    assert 'MatMul "layer": whole numbers where floats are expected' in refused(folder)


def test_graphs_in_graphs_are_an_error_however_deep(folder: Path) -> None:
    body = helper.make_graph([], "end", [], [])
    for _ in range(15):  # Python's protobuf reads no more
        body = helper.make_graph([helper.make_node("If", ["x"], ["y"], then_branch=body)], "body", [], [])
    save_graph(folder, list(body.node))
    assert "the native engine lacks the operator If" in refused(folder)


def test_a_function_that_calls_itself_is_an_error(folder: Path) -> None:
    save_graph(folder, [helper.make_node("Again", ["x"], ["y"], domain="own")])
    model = onnx.load(folder / "model.onnx")
    again = helper.make_node("Again", ["x"], ["y"], domain="own")
    model.functions.append(helper.make_function("own", "Again", ["x"], ["y"], [again], [helper.make_opsetid("own", 1)]))
    model.opset_import.append(helper.make_opsetid("own", 1))
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    seal(folder)
    assert "the native engine lacks the operator own.Again" in refused(folder)


def compressed(arrays: dict[str, np.ndarray]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def stored(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, data in members.items():
            file.writestr(name, data)
    return buffer.getvalue()


def npy(header: str) -> bytes:
    text = header.encode()
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


F4 = "{'descr': '<f4', 'fortran_order': False, 'shape': (%s), }"


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (lambda: b"", "truncated"),
        (lambda: b"PK" * 50, "no zip directory"),
        (lambda: compressed({"x": np.zeros((9, 7, 5), np.float32)}), "compressed"),
        (lambda: stored({"x.npy": npy(F4 % "1099511627776, 1024, 5")}), "larger than the file"),
        (lambda: stored({"x.npy": npy(F4 % ("9" * 30 + ","))}), "dimension is too large"),
        (lambda: stored({"x.npy": npy(F4.replace("<f4", "|O") % "3,")}), "expected '<f4' or '<f8' elements"),
        (lambda: stored({"x.npy": npy("{}")}), "lacks"),
        (lambda: stored({"../x.npy": npy(F4 % "0,"), "y.npy": npy(F4 % "0,")}), "must hold the arrays x and y"),
        (lambda: stored({"x.npy": npy(F4 % "0, 7, 5"), "y.npy": npy(F4 % "0, 2")}), "must have shape"),
        (lambda: stored({f"{i}.npy": npy(F4 % "0,") for i in range(100)}), "more than 64 arrays"),
    ],
)
def test_golden_samples_are_read_with_care(folder: Path, data: Callable[[], bytes], says: str) -> None:
    (folder / "golden.npz").write_bytes(data())
    seal(folder)
    with pytest.raises(RuntimeError, match=says):
        load(folder)


def test_flipped_bits_of_the_golden_samples_never_crash(folder: Path) -> None:
    whole = (folder / "golden.npz").read_bytes()
    random = np.random.default_rng(4)
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(3):
            data[int(random.integers(len(data)))] ^= 1 << int(random.integers(8))
        (folder / "golden.npz").write_bytes(data)
        seal(folder)
        try:
            load(folder, "native")
        except RuntimeError as error:
            assert str(error)  # noqa: PT017 - either is right, a crash is not


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"kind": "window"', '"kind": "oracle"', "expected pointwise, window, stateful or rollout - at \\$.kind"),
        ('"window": 7', '"window": 1e400', "not JSON"),
        ('"window": 7', '"window": 99999999', "expected a whole number from 1 to 65536 - at \\$.window"),
        ('"preview": 2', '"preview": 7', "\\$.preview"),
        ('"dt_s": 0.002', '"dt_s": NaN', "not JSON"),
        ('"dt_s": 0.002', '"dt_s": 0.002, "dt_s": 0.002', "appears twice"),
        ('"dt_s": 0.002', '"dt_s": 0.002, "frame": 1', 'unknown key "frame" - at \\$'),
        ('"dt_s": 0.002', '"dt_s": ' + "[" * 100_000, "nested deeper|not JSON"),
    ],
)
def test_a_spec_is_read_strictly(folder: Path, old: str, new: str, says: str) -> None:
    text = (folder / "spec.json").read_text()
    assert old in text
    (folder / "spec.json").write_text(text.replace(old, new, 1))
    seal(folder)
    with pytest.raises(RuntimeError, match=says):
        load(folder)
