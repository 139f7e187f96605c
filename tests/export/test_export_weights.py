"""Weights in fewer bits: what they cost is measured, said, kept to a limit, and nobody else's answers change."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from learn_rt.export import export
from learn_rt.export.cli import main
from learn_rt.export.folder import write_sums
from learn_rt.export.weights import LossError
from learn_rt.runtime import load
from learn_rt.spec import Kind, Signal, Spec, Weights
from learn_rt.train.core.checkpoint import load_servable
from learn_rt.train.gait.model import PoseNet, PoseNetConfig
from learn_rt.train.printer.model import OffsetNetConfig
from learn_rt.train.printer.untrained import write_untrained

N = 5


@pytest.fixture(scope="module")
def pose() -> tuple[PoseNet, Spec, np.ndarray]:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        module = PoseNet(PoseNetConfig(hidden=[96, 70], n_parameters=N)).eval()
    inputs = tuple(Signal(name, "1") for name in [*(f"p{i}" for i in range(N)), "phase"])
    spec = Spec("pose", Kind.POINTWISE, 0.01, inputs, tuple(Signal(f"y{i}", "1") for i in range(101)))
    return module, spec, np.random.default_rng(3).uniform(0, 1, (200, N + 1)).astype(np.float32)


@pytest.fixture(scope="module")
def int8(pose: tuple[PoseNet, Spec, np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Any:
    out = tmp_path_factory.mktemp("int8")
    return export(*pose, out, formats=("onnx",), weights="int8", weights_limit=0.05)


def errors(version: Path, backend: str, module: PoseNet, samples: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        right = module.double()(torch.from_numpy(samples).double()).numpy()
    module.float()
    return load(version, backend).infer(samples) - right


def test_the_spec_says_the_form_and_what_it_costs(int8: Any) -> None:
    spec = Spec.from_json((int8.folder / "spec.json").read_bytes())
    lost = spec.provenance["export"]["weights"]
    assert spec.weights is Weights.INT8
    assert lost == int8.weights
    assert 0 < lost["rms"] <= lost["limit"] == 0.05
    assert spec.tolerance is not None
    assert spec.weights_tolerance is not None
    assert lost["largest"] < spec.weights_tolerance < 2 * lost["largest"]


def test_the_cost_is_what_the_engine_shows(int8: Any, pose: tuple[PoseNet, Spec, np.ndarray]) -> None:
    module, _, samples = pose
    found = errors(int8.folder, "native", module, samples)
    right = load(int8.folder, "native").infer(samples) - found
    shares = np.sqrt(np.mean(found**2, 0)) / right.std(0)
    assert shares.max() == pytest.approx(int8.weights["rms"], rel=1e-2)
    assert np.abs(found).max() == pytest.approx(int8.weights["largest"], rel=1e-2)


def test_other_backends_stay_exact(int8: Any, pose: tuple[PoseNet, Spec, np.ndarray]) -> None:
    module, _, samples = pose
    spec = Spec.from_json((int8.folder / "spec.json").read_bytes())
    assert np.abs(errors(int8.folder, "onnxruntime", module, samples)).max() <= spec.tolerance
    graph = onnx.load(int8.folder / "model.onnx")
    assert {t.data_type for t in graph.graph.initializer} <= {onnx.TensorProto.FLOAT, onnx.TensorProto.INT64}
    assert [p.value for p in graph.metadata_props] == [(int8.folder / "spec.json").read_text()]


def test_bf16_loses_less_than_int8(int8: Any, pose: tuple[PoseNet, Spec, np.ndarray], tmp_path: Path) -> None:
    bf16 = export(*pose, tmp_path, formats=("onnx",), weights="bf16", weights_limit=0.05)
    assert 0 < bf16.weights["rms"] < int8.weights["rms"]


def test_int16_loses_a_hundredth_of_what_int8_does(
    int8: Any, pose: tuple[PoseNet, Spec, np.ndarray], tmp_path: Path
) -> None:
    int16 = export(*pose, tmp_path, formats=("onnx",), weights="int16")
    assert 0 < int16.weights["rms"] < int8.weights["rms"] / 100
    assert int16.weights["matrices"] == {"int16": 2}  # the first of the three is too small to be worth it
    found = errors(int16.folder, "native", *pose[::2])
    assert np.abs(found).max() == pytest.approx(int16.weights["largest"], rel=1e-2)


def test_mixed_weights_are_in_as_few_bits_as_the_limit_lets_them(
    int8: Any, pose: tuple[PoseNet, Spec, np.ndarray], tmp_path: Path
) -> None:
    kept = {}
    for share in (1.1, 0.9, 0.01):  # of what int8 loses
        limit = share * int8.weights["rms"]
        report = export(*pose, tmp_path / str(share), formats=("onnx",), weights="mixed", weights_limit=limit)
        assert report.weights["rms"] <= limit
        spec = Spec.from_json((report.folder / "spec.json").read_bytes())
        kept[share] = [str(form) for form in spec.weights_mix]
        assert load(report.folder, "native").spec.weights is Weights.MIXED
    assert kept[1.1] == ["int8", "int8"]
    assert sorted(kept[0.9]) == ["int16", "int8"]
    assert kept[0.01] == ["int16", "int16"]


def test_where_no_matrix_bears_fewer_bits_nothing_is_written(
    pose: tuple[PoseNet, Spec, np.ndarray], tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=r"none of the 2 matrices can be kept in fewer bits within 0.00%"):
        export(*pose, tmp_path / "models", formats=("onnx",), weights="mixed", weights_limit=1e-7)
    assert not (tmp_path / "models").exists()


def test_a_mix_for_other_matrices_is_refused(int8: Any, tmp_path: Path) -> None:
    folder = tmp_path / "1"
    shutil.copytree(int8.folder, folder)
    body = json.loads((folder / "spec.json").read_text())
    (folder / "spec.json").write_text(json.dumps(body | {"weights": "mixed", "weights_mix": ["int8"]}))
    (folder / "SHA256SUMS").unlink()
    write_sums(folder)
    with pytest.raises(RuntimeError, match="names the form of 1 matrices in weights_mix, and there are 2"):
        load(folder, "native")


def test_more_than_the_limit_writes_nothing(pose: tuple[PoseNet, Spec, np.ndarray], tmp_path: Path) -> None:
    with pytest.raises(LossError, match=r"int8 weights lose .*% of the standard deviation of y\d+, more than 0.01%"):
        export(*pose, tmp_path / "models", formats=("onnx",), weights="int8", weights_limit=1e-4)
    assert not (tmp_path / "models").exists()


def test_only_the_native_engine_stores_them(pose: tuple[PoseNet, Spec, np.ndarray], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="onnx format"):
        export(*pose, tmp_path, formats=("torchscript",), weights="int8")


def test_a_window_in_lanes_keeps_its_limit_and_answers_alike_as_a_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = tmp_path / "net.ckpt"
    write_untrained(checkpoint, OffsetNetConfig(steps=6, preview=2, hidden_size=40))
    arguments = [str(checkpoint), "--format", "onnx", "--weights", "bf16", "--json", "--out", str(tmp_path / "models")]
    assert main(arguments) == 0
    report = json.loads(capsys.readouterr().out)
    assert 0 < report["weights"]["rms"] < 0.01
    model = load(report["folder"], "native")
    _, spec, held_out = load_servable(checkpoint)
    assert spec.window == 7
    whole = model.infer(held_out[:5])
    for window, answer in zip(held_out[:5], whole, strict=True):
        assert np.array_equal(model.session().run(window)[0][-1], np.clip(answer, -0.5, 0.5)) or (
            model.session().run(window)[1][-1] != 0  # the envelope held it
        )
