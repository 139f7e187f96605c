"""The filter inside a model, exported by itself, stands in for missed answers in a client."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from learn_rt import runtime
from learn_rt.client import connect
from learn_rt.export import export_servable
from learn_rt.export.cli import main
from learn_rt.export.linear_path import linear_path
from learn_rt.spec import Kind


@pytest.fixture(scope="module")
def linear(trained: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The version folder that learn-export --linear-path writes."""
    out = tmp_path_factory.mktemp("linear")
    assert main([str(trained.checkpoint), "--linear-path", "--format", "onnx", "--out", str(out)]) == 0
    return out / "printer-linear" / "1"


def smooth(n: int) -> np.ndarray:
    t = 0.002 * np.arange(n)[:, None]
    position = 100 + 10 * np.sin(2 * np.pi * np.array([0.7, 1.1]) * t)
    velocity = np.gradient(position, 0.002, axis=0)
    return np.concatenate([position, np.full((n, 1), 0.2), velocity], axis=1).astype(np.float32)


def test_it_answers_what_the_filters_do_without_the_net(linear: Path, trained: Any) -> None:
    samples, window = smooth(60), trained.spec.window
    answers, flags = runtime.load(linear, "native").session().run(samples)
    whole = trained.module
    windows = torch.from_numpy(np.stack([samples[k - window + 1 : k + 1] for k in range(window - 1, 60)]))
    with torch.no_grad():
        signals = whole.signals(windows[:, 1:], windows[:, :-1])
        place = windows[:, -1 - whole.config.preview]
        want = whole.polynomial(signals.flatten(1) @ whole.filters.weight.T, place).numpy()
    free = flags[window - 1 :] == flags[-1]
    assert free.any()
    np.testing.assert_allclose(answers[window - 1 :][free], want[free], atol=1e-4)


def test_a_client_gives_its_answers_in_place_of_missed_ones(linear: Path, version: Path) -> None:
    sent, seen = smooth(300), smooth(300)
    sent[100], seen[100] = np.nan, seen[99]
    fallback = runtime.load(linear, "native").session()
    fallback.begin(seen[0])
    want, _ = fallback.run(seen)
    address, options = f"inproc:{version.parent.parent}", {"on_miss": "fallback", "fallback_model": str(linear)}
    # A sample that is not fit latches the fault: every answer from there on is the fallback's, until it is cleared.
    inputs: Any = {"": {"not_finite": "miss"}}
    with connect(address, "printer", rest=seen[0], fault_after=1, inputs=inputs, **options) as client:
        assert not any(client.predict(sample, 10.0).by_policy for sample in sent[:100])
        given = [client.predict(sample, 10.0) for sample in sent[100:200]]
        client.clear_fault()
        back = [client.predict(sample, 10.0) for sample in sent[200:]]
    assert all(p.by_policy for p in given)
    settled = np.array([not p.limited for p in given])  # the hand-over is through
    assert settled[-1]
    np.testing.assert_array_equal(np.array([p.values for p in given])[settled], want[100:200][settled])
    assert not any(p.by_policy for p in back)


def test_a_fallback_of_other_signals_is_refused(linear: Path, cart_version: Path, version: Path) -> None:
    address = f"inproc:{version.parent.parent}"
    with pytest.raises(ConnectionError, match=r"fallback_model .*: must answer samples, this is a rollout"):
        connect(address, "printer", on_miss="fallback", fallback_model=str(cart_version))


def test_a_carried_net_has_it_too(tmp_path: Path) -> None:
    from learn_rt.spec import Envelope
    from learn_rt.train.printer.carried import CarriedOffsetNet
    from learn_rt.train.printer.contract import Limits, offset_spec
    from learn_rt.train.printer.model import OffsetNetConfig

    net = CarriedOffsetNet(OffsetNetConfig(steps=6, preview=2, front_size=8, hidden_size=8)).eval()
    ranges = dict.fromkeys(("x_ref", "y_ref", "z_ref", "vx_ref", "vy_ref"), (-100.0, 300.0))
    spec = offset_spec(net, Limits(220, 220, 250, 200, Envelope(0.5, 20, 10_000)), ranges, {})
    path, plain, windows = linear_path(net, spec, smooth(120).reshape(3, 40, 5))
    assert (plain.name, plain.kind, plain.window, plain.preview) == ("printer-carried-linear", Kind.WINDOW, 7, 2)
    assert windows.shape == (3 * 34, 7, 5)
    np.testing.assert_array_equal(windows[0], smooth(120)[:7])
    folder = export_servable(path, plain, windows, tmp_path, formats=("onnx",))
    answers, _ = runtime.load(folder, "native").session().run(smooth(20))
    assert np.isfinite(answers).all()
    with pytest.raises(ValueError, match="needs held-out samples"):
        linear_path(net, spec, smooth(6).reshape(2, 3, 5))


def test_a_model_without_one_says_so(tmp_path: Path) -> None:
    from rollout_net import Cart, cart_spec

    with pytest.raises(ValueError, match="cart has no linear path: only models with a fitted filter inside have one"):
        linear_path(Cart(), cart_spec(), np.zeros((1, 30, 4), np.float32))
