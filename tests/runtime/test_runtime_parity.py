"""Every way of running a model gives the numbers of model.onnx in ONNX Runtime."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from runtime_models import Exported, make_path, windows_of

from learn_rt.runtime import Flag, load


def bound(model: Exported, windows: np.ndarray, truth: np.ndarray) -> float:
    """max(1e-6 of the scale, what float32 costs the linear path), never above 1e-5 of the scale."""
    scale = np.abs(truth).max()
    with torch.no_grad():
        rounding = float(model.module.rounding(torch.from_numpy(windows)).max())
    return float(np.clip(rounding, 1e-6 * scale, 1e-5 * scale))


@pytest.mark.parametrize("name", ["short", "long"])
def test_stepping_through_a_path_gives_model_onnx_on_each_window(
    name: str, request: pytest.FixtureRequest, path: np.ndarray
) -> None:
    exported: Exported = request.getfixturevalue(name)
    windows = windows_of(path, exported.spec.window)
    truth = exported.truth(windows)
    answers, flags = load(exported.folder, "native").session().run(path)
    full = exported.spec.window - 1
    assert (flags[:full] & Flag.WARMING_UP).all()
    assert not (flags[full:] & Flag.WARMING_UP).any()
    assert (answers[:full] == [s.nominal for s in exported.spec.outputs]).all()
    kept = (flags[full:] & Flag.LIMITED) == 0
    assert kept.mean() > 0.9
    assert np.abs(answers[full:] - truth)[kept].max() <= bound(exported, windows, truth)
    assert np.abs(truth).max() > 0


@pytest.mark.parametrize("name", ["short", "long"])
def test_infer_gives_model_onnx(name: str, request: pytest.FixtureRequest, path: np.ndarray) -> None:
    exported: Exported = request.getfixturevalue(name)
    windows = windows_of(path[:400], exported.spec.window)
    truth = exported.truth(windows)
    answers = load(exported.folder, "native").infer(windows)
    assert np.abs(answers - truth).max() <= bound(exported, windows, truth)


def test_step_settle_and_run_give_the_same_bits(short: Exported, path: np.ndarray) -> None:
    model = load(short.folder, "native")
    chunk, chunk_flags = model.session().run(path[:300])
    one, settled = model.session(), model.session()
    for k, sample in enumerate(path[:300]):
        answer, flags = one.step(sample)
        assert (answer == chunk[k]).all()
        assert flags == chunk_flags[k]
        assert (settled.step(sample)[0] == answer).all()
        settled.settle()
        settled.settle()  # a second time does nothing


@pytest.mark.parametrize("name", ["short", "long"])
def test_a_rehearsal_changes_no_answer(name: str, request: pytest.FixtureRequest, path: np.ndarray) -> None:
    model = load(request.getfixturevalue(name).folder, "native")
    expected, _ = model.session().run(path[:300])
    session = model.session()
    session.rehearse()
    for k, sample in enumerate(path[:300]):
        assert (session.step(sample)[0] == expected[k]).all()
        if k % 3:
            session.settle()
        if k % 2:
            session.rehearse()


@pytest.mark.parametrize("backend", ["onnxruntime", "torchscript"])
def test_other_backends_stream_the_same_numbers(backend: str, short: Exported, path: np.ndarray) -> None:
    try:
        model = load(short.folder, backend)
    except RuntimeError as error:
        if "liblearn_rt_torchscript.so" in str(error):
            pytest.skip("the TorchScript plugin is not built")
        raise
    assert model.backend == backend
    expected, expected_flags = load(short.folder, "native").session().run(path[:200])
    answers, flags = model.session().run(path[:200])
    assert (flags == expected_flags).all()
    np.testing.assert_allclose(answers, expected, atol=1e-5 * np.abs(expected).max())


def test_the_answer_to_rest_is_the_windows_at_once(short: Exported, path: np.ndarray) -> None:
    session = load(short.folder).session()
    session.begin(path[50])
    answers, flags = session.run(path[50:60])
    assert not (flags & Flag.WARMING_UP).any()
    padded = np.concatenate([np.repeat(path[50:51], short.spec.window - 1, 0), path[50:60]])
    truth = short.truth(windows_of(padded, short.spec.window))
    kept = (flags & Flag.LIMITED) == 0
    assert kept[0]
    np.testing.assert_allclose(answers[kept], truth[kept], atol=1e-5 * max(np.abs(truth).max(), 1e-3))


def test_flush_answers_as_if_the_last_sample_stood(short: Exported, path: np.ndarray) -> None:
    model = load(short.folder)
    session, longer = model.session(), model.session()
    session.run(path[:100])
    answers, flags = session.flush()
    standing = np.concatenate([path[:100], np.repeat(path[99:100], short.spec.preview, 0)])
    expected, expected_flags = longer.run(standing)
    assert answers.shape == (short.spec.preview, 2)
    assert (answers == expected[100:]).all()
    assert (flags == expected_flags[100:]).all()


def test_flushing_before_any_sample_answers_the_nominal_value(short: Exported) -> None:
    answers, flags = load(short.folder).session().flush()
    assert (answers == 0).all()
    assert (flags == Flag.WARMING_UP).all()


def test_two_sessions_do_not_know_of_each_other(short: Exported, path: np.ndarray) -> None:
    model = load(short.folder)
    alone, _ = model.session().run(path[:60])
    first, second = model.session(), model.session()
    other = make_path(60, seed=5)
    for k in range(60):
        assert (first.step(path[k])[0] == alone[k]).all()
        second.step(other[k])
