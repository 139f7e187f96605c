"""A net of every system is measured with no model named: made, stepped natively, and answering as model.onnx."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from learn_rt.benchmarks import plugin
from learn_rt.benchmarks.latency.folders import ModelFolder, found_by_default
from learn_rt.benchmarks.latency.own_models import OWN_MODELS, write_own_model
from learn_rt.benchmarks.latency.rollout_stream import rollout_stream
from learn_rt.benchmarks.latency.streams import make_stream
from learn_rt.runtime import Flag, Model, load
from learn_rt.spec import Kind, Spec


def test_the_plugin_names_the_nets_before_they_are_made() -> None:
    assert tuple(OWN_MODELS) == plugin.OWN_MODELS


def test_what_the_demo_left_takes_the_place_of_its_systems_net() -> None:
    models, own = found_by_default(list(OWN_MODELS))
    assert sorted([*(m.name for m in models), *own]) == sorted({*OWN_MODELS, *(m.name for m in models)})


@pytest.mark.parametrize("name", list(OWN_MODELS))
def test_a_net_of_every_system_runs_natively(name: str, tmp_path: Path) -> None:
    model = write_own_model(name, tmp_path)
    spec = model.spec()
    loaded = load(model.version_folder)
    assert loaded.choice == "native"
    if spec.kind is Kind.ROLLOUT:
        rolls_out_as_its_stream_says(loaded, model, spec)
        return
    stream = make_stream(model.version_folder, spec)
    period, lead = len(stream.samples), len(stream.answers) - len(stream.samples)
    answers, flags = loaded.session().run(np.tile(stream.samples, (2 + lead // period, 1)))
    assert (flags[period:] == 0).all()
    assert np.abs(answers[-period:] - stream.answers[-period:]).max() <= stream.tolerance
    assert np.abs(answers[:lead] - stream.answers[:lead]).max(initial=0.0) <= stream.tolerance
    assert np.abs(stream.answers).max() > 0


def rolls_out_as_its_stream_says(loaded: Model, model: ModelFolder, spec: Spec) -> None:
    k, n = 5, spec.n_outputs
    stream = rollout_stream(model.version_folder, spec, k)
    session = loaded.rollouts(max_candidates=k, max_horizon=spec.horizon)
    compared = 0
    for sample, expected in zip(stream.samples, stream.answers, strict=True):
        session.observe(sample[:n], sample[n : spec.n_features])
        states, flags = session.rollout(sample[spec.n_features :].reshape(k, spec.horizon, -1))
        if np.isnan(expected[0]):
            continue
        assert not np.isnan(expected).any()
        assert not (flags & Flag.WARMING_UP).any()
        assert np.abs(states.reshape(-1) - expected).max() <= stream.tolerance
        compared += 1
    assert compared == len(stream.samples) // spec.window
