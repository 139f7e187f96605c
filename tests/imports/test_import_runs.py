"""Imported policies on the runtime: by name, with histories and feedback kept inside, and through a server."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from policies import DEFAULT, HISTORIES, JOINTS, NAMES, SCALE, GruWalker, LstmWalker, sklearn_regressor, write_onnx

from learn_rt.export.import_cli import main
from learn_rt.layout import observe
from learn_rt.runtime import Flag, Model, load
from learn_rt.runtime.signals import Observation

GIVEN = NAMES[:-1]  # actions come back by themselves


@pytest.fixture(scope="module")
def walk(walker: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("models")
    files = ["--spec", str(walker / "spec.yaml"), "--samples", str(walker / "recording.npz"), "--out", str(out)]
    assert main([str(walker / "walk.onnx"), *files]) == 0
    return out / "walk" / "1"


@pytest.fixture(scope="module")
def model(walk: Path) -> Model:
    return load(walk)


@pytest.fixture(scope="module")
def closed(walker: Path, model: Model, recording: dict[str, Any]) -> np.ndarray:
    """The policy's own file in a loop, its last actions put into the observation by hand: actions (60, 4)."""
    session = onnxruntime.InferenceSession(walker / "walk.onnx", providers=["CPUExecutionProvider"])
    actions = np.zeros((61, 4))  # what came back at each tick
    for t in range(60):
        seen = {name: recording[name][: t + 1] for name in GIVEN} | {"actions": actions[: t + 1] * SCALE + DEFAULT}
        sample = observe(model.spec, seen)[-1:]
        actions[t + 1] = session.run(None, {"obs": sample})[0][0]
    return actions[1:]


def test_the_session_keeps_histories_and_feedback(model, recording, closed):
    assert model.choice == "native"
    answers, flags = model.signals().run({name: recording[name] for name in GIVEN})
    assert (flags == 0).all()
    np.testing.assert_allclose(answers["joint_pos_target"], closed * SCALE + DEFAULT, rtol=0, atol=3e-6)


def test_tick_by_tick_and_after_begin_it_is_the_same(model, recording):
    whole, _ = model.signals().run({name: recording[name] for name in GIVEN})
    session = model.signals()
    for _ in range(2):
        session.begin()
        for t in range(10):
            answer, flags = session.step({name: recording[name][t] for name in GIVEN})
            session.settle()
            assert flags == 0
            np.testing.assert_array_equal(answer["joint_pos_target"], whole["joint_pos_target"][t])


def test_an_observation_makes_the_samples_of_a_model_run_elsewhere(model, recording, closed):
    observation, plain = Observation(model.spec), model.session()
    for t in range(20):
        sample = observation.sample({name: recording[name][t] for name in GIVEN})
        answer, _ = plain.step(sample)
        units = observation.answer(answer)
        np.testing.assert_allclose(answer, closed[t], rtol=0, atol=1e-5)
        np.testing.assert_allclose(units["joint_pos_target"], answer * SCALE + DEFAULT, rtol=1e-6)


def test_another_joint_order_is_refused_by_name_or_turned(model, recording, closed):
    other = [JOINTS[i] for i in (2, 0, 3, 1)]
    with pytest.raises(ValueError, match='joint_vel: element 0 is "hip_l" in the model and "knee_l" here'):
        model.signals(elements={"joint_vel": other})
    with pytest.raises(ValueError, match='the model\'s element "hip_l" is not among those given'):
        model.signals(elements={"joint_vel": ["a", "b", "c", "d"]}, reorder=True)
    with pytest.raises(ValueError, match="command: the model's spec names no elements"):
        model.signals(elements={"command": ["x", "y", "z"]})
    named = dict.fromkeys(("joint_pos", "joint_vel", "joint_pos_target"), other)
    turned = {name: recording[name][:, [2, 0, 3, 1]] if name in named else recording[name] for name in GIVEN}
    answers, _ = model.signals(elements=named, reorder=True).run(turned)
    want = (closed * SCALE + DEFAULT)[:, [2, 0, 3, 1]]
    np.testing.assert_allclose(answers["joint_pos_target"], want, rtol=0, atol=3e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"joint_vel": None}, "missing: joint_vel"),
        ({"actions": np.zeros(4)}, "the model takes no 'actions': it takes base_ang_vel, projected_gravity, command"),
        ({"joint_pos": np.zeros(12)}, r"joint_pos must have shape \(4,\), got \(12,\): give its newest value only"),
        ({"command": np.zeros(2)}, r"command must have shape \(3,\), got \(2,\)"),
    ],
)
def test_signals_that_do_not_fit_are_named(change, message, model, recording):
    tick = {name: recording[name][0] for name in GIVEN} | change
    with pytest.raises(ValueError, match=message):
        model.signals().step({name: value for name, value in tick.items() if value is not None})


def test_a_refused_sample_starts_the_histories_again(model, recording):
    ticks = [{name: recording[name][t] for name in GIVEN} for t in range(8)]
    session, fresh = model.signals(), model.signals()
    for tick in ticks[:4]:
        session.step(tick)
    answer, flags = session.step(ticks[4] | {"command": np.full(3, np.nan)})
    assert flags == Flag.REFUSED
    np.testing.assert_allclose(answer["joint_pos_target"], DEFAULT, rtol=1e-6)  # an action of zero
    for tick in ticks[5:]:
        np.testing.assert_array_equal(
            session.step(tick)[0]["joint_pos_target"], fresh.step(tick)[0]["joint_pos_target"]
        )


def test_between_answers_it_is_held_or_drawn_out(model, recording):
    slow = {name: recording[name][::4] for name in GIVEN}
    want = model.signals().run(slow)[0]["joint_pos_target"]
    fast = {name: recording[name] for name in GIVEN}
    held = model.signals(every=4).run(fast)[0]["joint_pos_target"]
    np.testing.assert_array_equal(held, np.repeat(want, 4, axis=0))
    lined = model.signals(every=4, between="linear").run(fast)[0]["joint_pos_target"]
    before = np.concatenate([want[:1], want[:-1]])
    part = np.tile(np.arange(1, 5) / 4, 15)[:, None]
    expected = np.repeat(before, 4, 0) + np.repeat(want - before, 4, 0) * part
    np.testing.assert_allclose(lined, expected, rtol=0, atol=1e-6)
    with pytest.raises(ValueError, match="between must be hold or linear, got cubic"):
        model.signals(between="cubic")
    with pytest.raises(ValueError, match="every must be 1 or more"):
        model.signals(every=0)


@pytest.mark.parametrize("net", [LstmWalker, GruWalker])
def test_recurrent_policies_run_native(net, plain):
    states = ["h", "c"] if net is LstmWalker else ["h"]
    zeros = [torch.zeros(2 if net is LstmWalker else 1, 1, 12) for _ in states]
    enter, leave = [f"{s}_in" for s in states], [f"{s}_out" for s in states]
    write_onnx(net(10), plain / "p.onnx", [torch.zeros(1, 10), *zeros], ["obs", *enter], ["actions", *leave])
    files = ["--spec", str(plain / "plain.yaml"), "--samples", str(plain / "x.npz"), "--out", str(plain / "m")]
    assert main([str(plain / "p.onnx"), *files]) == 0
    model = load(plain / "m" / "p" / "1")
    assert model.choice == "native"
    sequence = np.random.default_rng(9).normal(size=(40, 10)).astype(np.float32)
    answers, _ = model.session().run(sequence)
    session = onnxruntime.InferenceSession(plain / "p.onnx", providers=["CPUExecutionProvider"])
    carried = {name: z.numpy() for name, z in zip(enter, zeros, strict=True)}
    for sample, got in zip(sequence, answers, strict=True):
        want, *following = session.run(None, {"obs": sample[None], **carried})
        carried = dict(zip(enter, following, strict=True))
        np.testing.assert_allclose(got, want[0], rtol=0, atol=2e-6)


def test_a_scikit_learn_pipeline_runs_native(plain):
    sklearn_regressor(plain / "p.onnx", 10)
    (plain / "plain.yaml").write_text((plain / "plain.yaml").read_text().replace("shape: 4", "shape: 1"))
    files = ["--spec", str(plain / "plain.yaml"), "--samples", str(plain / "x.npz"), "--out", str(plain / "m")]
    assert main([str(plain / "p.onnx"), *files]) == 0
    assert load(plain / "m" / "p" / "1").choice == "native"


def test_a_server_serves_it(walk, recording, closed, tmp_path):
    pytest.importorskip("learn_rt._serve", reason="the server is not built")
    from learn_rt.benchmarks.latency.serving import serving
    from learn_rt.client import connect

    with serving(walk.parent.parent, tmp_path / "s", None) as listen, connect(listen["unix"], "walk") as client:
        observation = Observation(client.spec)
        for t in range(20):
            sample = observation.sample({name: recording[name][t] for name in GIVEN})
            prediction = client.predict(sample, 5.0)
            assert prediction.flags == 0
            np.testing.assert_allclose(prediction.values, closed[t], rtol=0, atol=1e-5)
            observation.answer(prediction.values)


def test_histories_are_as_the_fixture_says(model):
    assert tuple(s.history for s in model.spec.inputs) == HISTORIES


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda s: s["inputs"][3].update(major="sideways"), r"expected time or term - at \$.inputs\[3\].major"),
        (lambda s: s["inputs"][3].update(order="random"), r"expected oldest or newest - at \$.inputs\[3\].order"),
        (lambda s: s["inputs"][3].update(elements=["a"]), r"expected an array of 4 to 4 .* \$.inputs\[3\].elements"),
        (lambda s: s["inputs"][3].update(elements=["a", "b", "b", "c"]), r"a name appears twice - at .*elements"),
        (lambda s: s["inputs"][3].update(offset=[1, 2]), r"expected an array of 4 to 4 .* \$.inputs\[3\].offset"),
        (lambda s: s["inputs"][5].update(scale=[1, 2, 3, 0]), r"must not be 0 - at \$.inputs\[5\].scale"),
        (lambda s: s["inputs"][5].update(feedback_of="walk"), r"names no output - at \$.inputs\[5\].feedback_of"),
        (lambda s: s["inputs"][0].update(feedback_of="joint_pos_target"), "names an output of another size"),
    ],
)
def test_a_spec_whose_layout_does_not_hold_together_is_not_loaded(edit, message, walk, tmp_path):
    folder = Path(shutil.copytree(walk, tmp_path / "1"))
    spec = json.loads((folder / "spec.json").read_text())
    edit(spec)
    (folder / "spec.json").write_text(json.dumps(spec))
    files = sorted(p for p in folder.iterdir() if p.name != "SHA256SUMS")
    sums = (f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.name}\n" for p in files)
    (folder / "SHA256SUMS").write_text("".join(sums))
    with pytest.raises(RuntimeError, match=message):
        load(folder)
