"""Model and sample files that want to run code, to read elsewhere, or to fill the memory: one line of error each."""

from __future__ import annotations

import pickle
import sys
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from learn_rt.export.import_cli import main

SPEC = "dt_s: 0.1\ninputs:\n- {name: q, unit: m, shape: 3}\noutputs:\n- {name: u, unit: m, shape: 3}\n"


class Boom:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def small_model() -> onnx.ModelProto:
    x = helper.make_tensor_value_info("q", TensorProto.FLOAT, [None, 3])
    y = helper.make_tensor_value_info("u", TensorProto.FLOAT, [None, 3])
    weight = numpy_helper.from_array(np.eye(3, dtype=np.float32), "w")
    graph = helper.make_graph([helper.make_node("MatMul", ["q", "w"], ["u"])], "g", [x], [y], [weight])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "s.yaml").write_text(SPEC)
    np.savez(tmp_path / "x.npz", x=np.random.default_rng(0).normal(size=(20, 3)))
    onnx.save(small_model(), tmp_path / "m.onnx")
    return tmp_path


def refusal(folder: Path, model: str, capsys, samples: str = "x.npz") -> str:
    arguments = [str(folder / model), "--spec", str(folder / "s.yaml"), "--samples", str(folder / samples)]
    assert main([*arguments, "--out", str(folder / "models")]) == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("learn-import: ")
    assert not (folder / "models").exists()
    return line


def test_the_files_of_these_tests_are_fine_before_they_are_made_bad(folder):
    arguments = [str(folder / "m.onnx"), "--spec", str(folder / "s.yaml"), "--samples", str(folder / "x.npz")]
    assert main([*arguments, "--out", str(folder / "models")]) == 0


@pytest.mark.parametrize("how", ["zip", "legacy", "bare"])
def test_a_pickle_is_not_loaded(how, folder, capsys):
    ran = folder / "ran"
    if how == "bare":
        (folder / "p.pt").write_bytes(pickle.dumps(Boom(ran)))
    else:
        torch.save({"net": Boom(ran)}, folder / "p.pt", _use_new_zipfile_serialization=how == "zip")
    assert "pickle" in refusal(folder, "p.pt", capsys)
    assert not ran.exists()


def test_a_pickle_among_the_samples_is_not_loaded(folder, capsys):
    ran = folder / "ran"
    np.savez(folder / "bad.npz", x=np.array([Boom(ran)], dtype=object))
    refusal(folder, "m.onnx", capsys, "bad.npz")
    assert not ran.exists()


@pytest.mark.parametrize("location", ["../secret.bin", "/etc/hostname", "link.bin", "", "."])
def test_weights_outside_the_model_s_folder_are_not_read(location, folder, capsys):
    (folder / "in").mkdir()
    (folder / "secret.bin").write_bytes(bytes(36))
    (folder / "in" / "link.bin").symlink_to(folder / "secret.bin")
    model = small_model()
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.append(onnx.StringStringEntryProto(key="location", value=location))
    (folder / "in" / "m.onnx").write_bytes(model.SerializeToString())
    assert "the weights of w are to be in" in refusal(folder, "in/m.onnx", capsys)


@pytest.mark.parametrize(
    ("key", "value"), [("length", "9" * 12), ("offset", "1000"), ("offset", "-4"), ("length", "x")]
)
def test_weights_beyond_their_file_are_an_error(key, value, folder, capsys):
    (folder / "w.bin").write_bytes(bytes(36))
    model = small_model()
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for k, v in (("location", "w.bin"), (key, value)):
        tensor.external_data.append(onnx.StringStringEntryProto(key=k, value=v))
    (folder / "m.onnx").write_bytes(model.SerializeToString())
    refusal(folder, "m.onnx", capsys)


def test_weights_beside_the_model_are_taken_into_the_folder(folder):
    onnx.save(small_model(), folder / "e.onnx", save_as_external_data=True, location="e.data", size_threshold=0)
    arguments = [str(folder / "e.onnx"), "--spec", str(folder / "s.yaml"), "--samples", str(folder / "x.npz")]
    assert main([*arguments, "--out", str(folder / "models")]) == 0
    written = onnx.load(folder / "models" / "e" / "1" / "model.onnx")
    assert np.array_equal(numpy_helper.to_array(written.graph.initializer[0]), np.eye(3))


def test_truncated_and_flipped_files_are_one_line(folder, capsys):
    whole = (folder / "m.onnx").read_bytes()
    random = np.random.default_rng(0)
    for i in range(0, len(whole), 7):
        (folder / "m.onnx").write_bytes(whole[:i])
        refusal(folder, "m.onnx", capsys)
    for _ in range(40):
        changed = bytearray(whole)
        changed[random.integers(len(whole))] ^= 1 << int(random.integers(8))
        (folder / "m.onnx").write_bytes(bytes(changed))
        arguments = [str(folder / "m.onnx"), "--spec", str(folder / "s.yaml"), "--samples", str(folder / "x.npz")]
        assert main([*arguments, "--out", str(folder / "models")]) in (0, 1)
        assert "Traceback" not in capsys.readouterr().err


def test_samples_that_unpack_to_more_than_memory_are_refused(folder, capsys):
    with zipfile.ZipFile(folder / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive, archive.open("x.npy", "w") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": (1 << 28, 1)})
        for _ in range(1100):
            file.write(bytes(1 << 20))
    assert "larger than" in refusal(folder, "m.onnx", capsys, "bomb.npz")


def test_a_file_that_holds_no_model_is_one_line(folder, capsys):
    for name, content in (("m.onnx", b""), ("m.pt", b"PK\x03\x04"), ("m.pt", b""), ("m.onnx", bytes(1000))):
        (folder / name).write_bytes(content)
        refusal(folder, name, capsys)


def test_half_precision_and_foreign_operators_are_named(folder, capsys):
    model = small_model()
    model.graph.node[0].op_type, model.graph.node[0].domain = "Magic", "com.example"
    model.opset_import.append(helper.make_opsetid("com.example", 1))
    onnx.save(model, folder / "m.onnx")
    assert "Magic" in refusal(folder, "m.onnx", capsys)
    model = small_model()
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.eye(3, dtype=np.float16), "w"))
    onnx.save(model, folder / "m.onnx")
    assert "w is stored in half precision" in refusal(folder, "m.onnx", capsys)


def test_help_does_not_wait_for_torch(capsys):
    import subprocess

    code = "import sys\nfrom learn_rt.export.import_cli import main\ntry:\n    main(['--help'])\nfinally:\n"
    code += "    assert 'torch' not in sys.modules and 'onnx' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "example: learn-import policy.onnx" in done.stdout
