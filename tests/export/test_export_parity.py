"""The bound that every written file is held to, and what happens to one that breaks it."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from learn_rt.export import ParityError, export, formats, parity
from learn_rt.spec import Kind, Signal, Spec, State
from learn_rt.train.core.servable import Servable


class Scaled(Servable):
    """y = gain x, which claims a rounding error of `claim` [m]."""

    def __init__(self, gain: float, claim: float = 0.0) -> None:
        super().__init__()
        self.claim = claim
        self.register_buffer("gain", torch.tensor(gain))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gain

    def states(self) -> tuple[State, ...]:
        return ()

    def step(self, x: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        return (self.forward(x),)

    def rounding(self, x: Tensor) -> Tensor:
        return x.new_full((len(x),), self.claim)


SPEC = Spec("scaled", Kind.POINTWISE, 0.01, (Signal("a", "m"),), (Signal("y", "m"),))
SAMPLES = np.array([[1.0], [-4.0], [2.0]], np.float32)  # times a gain of 2: scale 8 m


@pytest.mark.parametrize(
    ("claim", "tolerance"),
    [(0.0, 8e-6), (2e-5, 2e-5), (1.0, 8e-5)],
    ids=["1e-6 of the scale at least", "the linear path's own bound", "1e-5 of the scale at most"],
)
def test_the_tolerance_follows_the_scale_and_the_linear_path(claim, tolerance):
    found = parity.truth(Scaled(2.0, claim).double(), SAMPLES, SPEC)
    assert found.scale == 8.0
    assert found.tolerance <= tolerance
    assert found.tolerance == pytest.approx(tolerance, rel=0.01)


def test_the_printer_nets_own_bound_covers_what_float32_loses_in_its_filters(trained):
    module, x = copy.deepcopy(trained.module), torch.from_numpy(trained.held_out)
    module.target_std.zero_()  # the recurrent net's share is zero
    with torch.no_grad():
        single, exact = module(x), copy.deepcopy(module).double()(x.double())
    lost = (single.double() - exact).abs().amax(1)
    assert (lost <= module.rounding(x)).all()
    assert lost.max() > 0


def test_each_batch_size_is_really_called_and_no_sample_is_left_out():
    seen: dict[int, set[float]] = {}

    def answer(x: np.ndarray) -> np.ndarray:
        seen.setdefault(len(x), set()).update(x[:, 0].tolist())
        return x

    samples = np.arange(23, dtype=np.float32)[:, None]
    assert parity.max_error(answer, samples, samples.astype(np.float64)) == 0
    assert seen == {batch: set(range(23)) for batch in (1, 2, 7)}


def test_the_error_is_the_worst_of_all_samples_and_batches():
    samples = np.arange(23, dtype=np.float32)[:, None]
    expected = samples.astype(np.float64)
    assert parity.max_error(lambda x: x + 0.25 * (x == 17) * (len(x) == 7), samples, expected) == 0.25


@pytest.mark.parametrize("answer", [lambda x: x * np.nan, lambda x: np.repeat(x, 2, 1)], ids=["nan", "shape"])
def test_an_answer_that_is_no_answer_is_infinitely_wrong(answer):
    assert parity.max_error(answer, SAMPLES, SAMPLES.astype(np.float64)) == np.inf


def test_a_file_that_is_wrong_by_more_than_the_tolerance_is_not_written_and_nothing_is_left(tmp_path, monkeypatch):
    right = formats.FORMATS["torchscript"][0]

    def write_wrong(baked, spec, path):
        right.write(Scaled(2.0 * (1 + 1e-4)), spec, path)

    monkeypatch.setitem(formats.FORMATS, "torchscript", (replace(right, write=write_wrong),))
    with pytest.raises(ParityError, match=r"model\.pt is off by 8\.0\de-04") as raised:
        export(Scaled(2.0), SPEC, SAMPLES, tmp_path / "new" / "models", formats=("torchscript",))
    (row,) = raised.value.rows
    assert row.max_error == pytest.approx(8e-4, rel=0.01)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("module", "samples", "cause"),
    [
        (Scaled(float("nan")), SAMPLES, "gain holds a value that is not finite"),
        (Scaled(0.0), SAMPLES, "zero"),
        (Scaled(1.0), SAMPLES[:0], r"shape \(n, 1\)"),
        (Scaled(1.0), np.ones((3, 2)), r"shape \(n, 1\)"),
        (Scaled(1.0), SAMPLES * np.inf, "finite"),
        (Scaled(3e38), SAMPLES, "model.pt is off by inf"),
    ],
)
def test_a_module_or_samples_that_cannot_be_judged_are_refused(tmp_path, module, samples, cause):
    with pytest.raises(ValueError, match=cause):
        export(module, SPEC, samples, tmp_path / "models", formats=("torchscript",))
    assert not (tmp_path / "models").exists()


def test_golden_samples_are_held_out_windows_with_the_float64_answers(trained, version):
    with np.load(version / "golden.npz", allow_pickle=False) as golden:
        x, y = golden["x"], golden["y"]
    assert x.dtype == np.float32
    assert y.dtype == np.float64
    assert all(any(np.array_equal(w, h) for h in trained.held_out) for w in x)
    with torch.no_grad():
        exact, held_out = copy.deepcopy(trained.module).double(), torch.from_numpy(trained.held_out).double()
        np.testing.assert_allclose(y, exact(torch.from_numpy(x).double()).numpy(), rtol=1e-12)
        assert np.abs(y).max() == pytest.approx(float(exact(held_out).abs().max()), rel=1e-12)
