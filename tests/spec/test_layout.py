"""Where each value of each signal lies in a sample: term- and time-major, oldest and newest first."""

from dataclasses import replace

import numpy as np
import pytest

from learn_rt.layout import observe
from learn_rt.spec import Kind, Major, Order, Signal, Spec


def spec_of(*inputs: Signal) -> Spec:
    outputs = (Signal("target", "rad", (2,), scale=0.5, offset=(1.0, -1.0)),)
    return Spec("policy", Kind.POINTWISE, 0.02, inputs, outputs)


A = Signal("a", "rad", (2,), history=3)
B = Signal("b", "rad", history=3)
# a(t) = (10 t, 10 t + 1), b(t) = 100 + t
RECORDING = {"a": np.arange(5)[:, None] * 10.0 + [0, 1], "b": 100.0 + np.arange(5)}


def last_sample(**layout: object) -> list[float]:
    spec = spec_of(replace(A, **layout), replace(B, **layout))
    return observe(spec, RECORDING)[-1].tolist()


def test_term_major_is_one_signal_after_another():
    assert last_sample(major=Major.TERM) == [20, 21, 30, 31, 40, 41, 102, 103, 104]


def test_time_major_is_one_tick_after_another():
    assert last_sample(major=Major.TIME) == [20, 21, 102, 30, 31, 103, 40, 41, 104]


def test_newest_first_turns_each_block_around():
    assert last_sample(major=Major.TERM, order=Order.NEWEST) == [40, 41, 30, 31, 20, 21, 104, 103, 102]
    assert last_sample(major=Major.TIME, order=Order.NEWEST) == [40, 41, 104, 30, 31, 103, 20, 21, 102]


def test_only_neighbours_of_one_history_and_order_are_stacked():
    between = Signal("c", "1")
    recording = RECORDING | {"c": np.arange(5) + 7.0}
    assert observe(spec_of(A, between, B), recording)[-1].tolist() == [20, 21, 30, 31, 40, 41, 11, 102, 103, 104]
    longer = spec_of(A, replace(B, history=2))
    assert observe(longer, RECORDING)[-1].tolist() == [20, 21, 30, 31, 40, 41, 103, 104]


def test_before_the_first_tick_the_history_holds_the_first_value():
    assert observe(spec_of(replace(B, major=Major.TERM)), RECORDING)[:3].tolist() == [
        [100, 100, 100],
        [100, 100, 101],
        [100, 101, 102],
    ]


def test_units_become_what_the_graph_takes():
    signal = Signal("a", "rad", (2,), scale=(0.5, 2.0), offset=(10.0, 1.0))
    assert observe(spec_of(signal), RECORDING)[2].tolist() == [(20 - 10) / 0.5, (21 - 1) / 2.0]


@pytest.mark.parametrize(
    ("recording", "message"),
    [
        ({"a": RECORDING["a"]}, "lacks 'b'; it holds a"),
        (RECORDING | {"a": np.zeros((5, 3))}, r"a must have shape \(5, 2\), got \(5, 3\)"),
        (RECORDING | {"b": np.zeros(4)}, r"b must have shape \(5,\), got \(4,\)"),
    ],
)
def test_a_recording_that_does_not_fit_names_the_signal(recording, message):
    with pytest.raises(ValueError, match=message):
        observe(spec_of(A, B), recording)


def test_two_ways_to_write_one_scale_are_one_contract():
    alone, each = spec_of(replace(A, scale=0.25)), spec_of(replace(A, scale=(0.25, 0.25)))
    assert alone.contract_hash == each.contract_hash
    assert spec_of(replace(A, scale=(0.25, 0.5))).contract_hash != alone.contract_hash


def test_the_order_of_elements_is_part_of_the_contract_and_of_the_file():
    there, here = (spec_of(replace(A, elements=names)) for names in (("hip", "knee"), ("knee", "hip")))
    assert there.contract_hash != here.contract_hash != spec_of(A).contract_hash
    assert Spec.from_json(there.to_json()) == there
    assert '"elements"' not in spec_of(A).to_json()  # as files were before signals had them


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"elements": ("hip",)}, "a.elements must be 2 distinct names"),
        ({"elements": ("hip", "hip")}, "a.elements must be 2 distinct names"),
        ({"scale": (1.0, 2.0, 3.0)}, "a.scale must be one number or 2, got 3"),
        ({"scale": (1.0, 0.0)}, "a.scale must be finite and not 0"),
        ({"offset": (1.0, float("nan"))}, "offset finite"),
    ],
)
def test_a_signal_that_does_not_hold_together_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        replace(A, **change)


def test_what_comes_back_has_the_elements_of_the_output_it_is():
    with pytest.raises(ValueError, match="input last must have the elements of target"):
        spec_of(Signal("last", "rad", (3,), feedback_of="target"))
