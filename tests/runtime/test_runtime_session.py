"""What a session does beside the arithmetic: refusing, flagging, limiting, and saying what it was given wrongly."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from runtime_models import Exported

from learn_rt.runtime import Flag, load
from learn_rt.spec import Envelope, Spec


def seal(folder: Path) -> Path:
    """List a folder's files as they are now."""
    files = sorted(p for p in folder.iterdir() if p.name != "SHA256SUMS")
    sums = (f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.name}\n" for p in files)
    (folder / "SHA256SUMS").write_text("".join(sums))
    return folder


def with_spec(exported: Exported, folder: Path, **changes: object) -> Path:
    """Return a copy of a version folder with another spec, its checksums made anew."""
    shutil.copytree(exported.folder, folder)
    (folder / "spec.json").write_text(dataclasses.replace(exported.spec, **changes).to_json())
    return seal(folder)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_sample_that_is_not_finite_is_refused_and_the_window_starts_again(
    bad: float, short: Exported, path: np.ndarray
) -> None:
    session = load(short.folder).session()
    session.run(path[:100])
    broken = path[100].copy()
    broken[3] = bad
    _, flags = session.step(broken)
    assert flags & Flag.REFUSED
    answers, flags = session.run(path[101:150])
    full = short.spec.window - 1
    assert (flags[:full] & Flag.WARMING_UP).all()
    assert not (flags[full:] & (Flag.WARMING_UP | Flag.REFUSED)).any()
    fresh, _ = load(short.folder).session().run(path[101:150])
    kept = (flags & Flag.LIMITED) == 0
    assert kept[full:].any()
    assert (answers[kept] == fresh[kept]).all()


def test_ranges_refuse_and_flag(short: Exported, path: np.ndarray, tmp_path: Path) -> None:
    first, *others = (dataclasses.replace(s, range_valid=None, range_trained=None) for s in short.spec.inputs)
    ranged = dataclasses.replace(first, range_valid=(-1000.0, 1000.0), range_trained=(0.0, 200.0))
    session = load(with_spec(short, tmp_path / "1", inputs=(ranged, *others))).session()
    sample = path[0].copy()
    for x, expected in ((100.0, 0), (201.0, Flag.OUT_OF_TRAINED_RANGE), (1001.0, Flag.REFUSED)):
        sample[0] = x
        assert session.step(sample)[1] & (Flag.OUT_OF_TRAINED_RANGE | Flag.REFUSED) == expected


def test_every_answer_stays_inside_the_envelope_refusals_too(short: Exported, path: np.ndarray, tmp_path: Path) -> None:
    value, rate, second = 0.02, 0.5, 40.0
    outputs = tuple(dataclasses.replace(s, envelope=Envelope(value, rate, second)) for s in short.spec.outputs)
    session = load(with_spec(short, tmp_path / "1", outputs=outputs)).session()
    samples = path[:3000].copy()
    samples[::217, 2] = np.nan
    answers, flags = session.run(samples)
    assert (flags & Flag.LIMITED).any()
    y = np.concatenate([np.zeros((2, 2)), answers.astype(np.float64)])
    dt = short.spec.dt_s
    assert np.abs(y).max() <= value
    assert np.abs(np.diff(y, axis=0)).max() <= rate * dt
    assert np.abs(np.diff(y, 2, axis=0)).max() <= second * dt**2


def test_a_load_says_which_backend_it_took(short: Exported) -> None:
    model = load(short.folder)
    assert model.backend == "native"
    assert model.choice == "native"
    assert model.spec == short.spec
    assert json.loads(model.spec_json)["contract_hash"] == short.spec.contract_hash


def test_an_unknown_backend_is_an_error(short: Exported) -> None:
    with pytest.raises(RuntimeError, match='unknown backend "tpu": expected auto, native, onnxruntime or torchscript'):
        load(short.folder, "tpu")


def test_a_model_off_its_golden_samples_is_not_run(short: Exported, tmp_path: Path) -> None:
    folder = with_spec(short, tmp_path / "1", tolerance=1e-12)
    with pytest.raises(RuntimeError, match=r"no backend can run it: native \(golden sample .* tolerance 1e-12"):
        load(folder)


def test_shapes_and_types_are_checked_with_advice(short: Exported, path: np.ndarray) -> None:
    model = load(short.folder)
    session = model.session()
    with pytest.raises(ValueError, match=r"a sample must have shape \(5,\), got \(4,\): pass several to run\(\)"):
        session.step(path[0, :4])
    with pytest.raises(ValueError, match=r"samples must have shape \(n, 5\), got \(5,\): pass one to step\(\)"):
        session.run(path[0])
    with pytest.raises(ValueError, match=r"windows must have shape \(n, 7, 5\), got \(7, 5\)"):
        model.infer(path[:7])
    with pytest.raises(TypeError, match="a sample must be an array of numbers, got dtype"):
        session.step(np.array(["a"] * 5))
    answer, _ = session.step([float(v) for v in path[0]])
    assert answer.dtype == np.float32


def test_the_spec_itself_is_read(short: Exported) -> None:
    assert isinstance(load(short.folder).spec, Spec)


def test_auto_falls_back_and_says_why(short: Exported, path: np.ndarray, tmp_path: Path) -> None:
    """An operator that the native engine lacks, but that changes nothing."""
    folder = Path(shutil.copytree(short.folder, tmp_path / "1"))
    for name in ("model.onnx", "step.onnx"):
        model = onnx.load(folder / name)
        writer = next(n for n in model.graph.node if "y" in n.output)
        writer.output[list(writer.output).index("y")] = "y.before"
        model.graph.node.append(onnx.helper.make_node("Einsum", ["y.before"], ["y"], "same", equation="bi->bi"))
        onnx.save(model, folder / name)
    model = load(seal(folder))
    assert model.backend == "onnxruntime"
    lacking = 'step.onnx: the native engine lacks the operator Einsum (node "same")'
    assert model.choice == f"onnxruntime; not native ({lacking})"
    expected, _ = load(short.folder).session().run(path[:60])
    np.testing.assert_allclose(model.session().run(path[:60])[0], expected, atol=1e-5 * np.abs(expected).max())


def test_auto_tries_the_backends_in_one_order(short: Exported, tmp_path: Path) -> None:
    """An operator that nobody knows: TorchScript is left, where its plugin is built."""
    folder = Path(shutil.copytree(short.folder, tmp_path / "1"))
    for name in ("model.onnx", "step.onnx"):
        model = onnx.load(folder / name)
        model.graph.node[0].op_type = "Nobodys"
        (folder / name).write_bytes(model.SerializeToString())
    try:
        said = load(seal(folder)).choice
        assert said.startswith("torchscript; not native (")
    except RuntimeError as error:
        said = str(error)
        assert "no backend can run it: native (" in said
        assert said.index("onnxruntime (") < said.index("torchscript (")
    assert said.index("native (") < said.index("onnxruntime (")


@pytest.mark.parametrize("backend", ["native", "onnxruntime"])
def test_without_a_step_graph_whole_windows_are_run(
    backend: str, short: Exported, path: np.ndarray, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(short.folder, tmp_path / "1"))
    (folder / "step.onnx").unlink()
    answers, flags = load(seal(folder), backend).session().run(path[:60])
    expected, expected_flags = load(short.folder).session().run(path[:60])
    assert (flags == expected_flags).all()
    np.testing.assert_allclose(answers, expected, atol=1e-5 * np.abs(expected).max())
