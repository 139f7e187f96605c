"""A net of every system is measured with no model named: made, stepped natively, and answering as model.onnx."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from learn_rt.benchmarks import plugin
from learn_rt.benchmarks.latency.folders import found_by_default
from learn_rt.benchmarks.latency.own_models import OWN_MODELS, write_own_model
from learn_rt.benchmarks.latency.streams import make_stream
from learn_rt.runtime import load


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
    stream = make_stream(model.version_folder, spec)
    answers, flags = loaded.session().run(np.concatenate([stream.samples, stream.samples]))
    period = len(stream.samples)
    assert (flags[period:] == 0).all()
    assert np.abs(answers[period:] - stream.answers).max() <= stream.tolerance
    assert np.abs(stream.answers).max() > 0
