"""A recording that holds both the signals and the samples shows a wrong layout, and says by name what is wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from policies import WALKER_SPEC

from learn_rt.export.import_cli import main
from learn_rt.export.imports.samples import read_samples
from learn_rt.export.imports.source import read_source
from learn_rt.export.imports.spec_file import Given, draft, make_spec
from learn_rt.layout import observe
from learn_rt.spec import Spec


@pytest.fixture(scope="module")
def spec(walker: Path) -> Spec:
    given = Given(yaml.safe_load(WALKER_SPEC))
    source = read_source(str(walker / "walk.onnx"), given)
    return make_spec(draft(given, source.told, source.roles, "walk")[0], source.roles)


def save(path: Path, recording: dict, x: np.ndarray) -> Path:
    np.savez(path / "both.npz", **recording, x=x)
    return path / "both.npz"


def test_a_recording_and_its_samples_agree(spec, recording, tmp_path):
    x = observe(spec, recording)
    rounded = x + np.random.default_rng(0).uniform(-5e-4, 5e-4, x.shape)  # as three decimals of metadata leave it
    assert read_samples(save(tmp_path, recording, rounded), spec).shape == (60, spec.n_features)


def test_another_history_order_is_told(spec, recording, tmp_path):
    import dataclasses

    def other(**layout):
        inputs = tuple(dataclasses.replace(s, **layout) if s.history > 1 else s for s in spec.inputs)
        return observe(dataclasses.replace(spec, inputs=inputs), recording)

    with pytest.raises(ValueError, match="major: term, order: newest"):
        read_samples(save(tmp_path, recording, other(order="newest")), spec)
    with pytest.raises(ValueError, match="major: time, order: oldest"):
        read_samples(save(tmp_path, recording, other(major="time")), spec)


def test_a_joint_permutation_is_told_by_the_joints_names(spec, recording, tmp_path):
    robot_order = recording | {"joint_vel": recording["joint_vel"][:, [0, 2, 1, 3]]}
    message = "joint_vel, 2 ticks before the newest: x has 'knee_l' where the spec has element 1, 'hip_r'"
    with pytest.raises(ValueError, match=message):
        read_samples(save(tmp_path, recording, observe(spec, robot_order)), spec)


def test_a_position_that_is_not_relative_is_told_with_both_values(spec, recording, tmp_path):
    absolute = recording | {"joint_pos": recording["joint_pos"] + 0.2}
    with pytest.raises(ValueError, match=r"joint_pos, .* x has .* for 'hip_l' where the recording"):
        read_samples(save(tmp_path, recording, observe(spec, absolute)), spec)


def test_a_recording_without_a_signal_names_it(spec, recording, tmp_path):
    partial = {name: values for name, values in recording.items() if name != "joint_vel"}
    np.savez(tmp_path / "r.npz", **partial)
    with pytest.raises(ValueError, match=r"missing: joint_vel: .* the file holds base_ang_vel, projected_gravity"):
        read_samples(tmp_path / "r.npz", spec)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        ("inputs:\n- {name: hip, unit: rad}\n", "hip is none of the model's own (base_ang_vel, "),
        (
            "inputs:\n- {name: joint_vel, shape: 5}\n",
            "actions 12 leave 0 of the graph's 57 values for command",
        ),
        ("outputs:\n- {name: joint_pos_target, scale: [1, 2]}\n", "scale must be one number or 4, got 2"),
        ("kind: stateful\n", "a stateful model, but the graph has 0 states"),
        ("window: 9\n", "a pointwise model cannot have a window of 9"),
        ("horizon: 3\n", "unknown key 'horizon'"),
        ("inputs:\n- {name: command, units: m/s}\n", "inputs: command: unknown key 'units'"),
        ("outputs: &o []\ninputs: *o\n", "aliases"),
        ("dt_s: [\n", "not YAML"),
        (
            "states:\n- {name: h}\n",
            "no input 'h_in' or no output 'h_out'; it takes obs and gives actions",
        ),
    ],
)
def test_a_spec_file_that_does_not_fit_is_one_line(edit, message, walker, tmp_path, capsys):
    body = yaml.safe_load(WALKER_SPEC)
    try:
        body |= yaml.safe_load(edit) if "&" not in edit else {}
        text = yaml.safe_dump(body) if "&" not in edit else edit
    except yaml.YAMLError:
        text = edit
    if "inputs" in edit and "command" not in edit and "&" not in edit:
        text = yaml.safe_dump(body | {"inputs": [*body["inputs"], {"name": "command", "unit": "m/s"}]})
    (tmp_path / "s.yaml").write_text(text)
    samples = str(walker / "recording.npz")
    assert main([str(walker / "walk.onnx"), "--spec", str(tmp_path / "s.yaml"), "--samples", samples]) == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert message in line
