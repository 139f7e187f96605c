"""The contract that all stages share: strict JSON both ways, and a hash that identifies what two ends agree on."""

import hashlib
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from learn_rt.spec import Envelope, Kind, Normalization, Scope, Signal, Spec, State, Weights


def printer_spec() -> Spec:
    return Spec(
        name="printer",
        kind=Kind.WINDOW,
        dt_s=0.002,
        window=49,
        preview=16,
        inputs=(
            Signal("x_ref", "mm", range_valid=(-500.0, 500.0), range_trained=(0.0, 220.0)),
            Signal("velocity", "mm/s", shape=(2,)),
        ),
        outputs=(Signal("offset_x", "mm", envelope=Envelope(value=0.4, rate=40.0, second=2000.0)),),
        states=(State("tail", (48, 3), Scope.STREAM), State("h0", (56,), Scope.LANE)),
        normalization=Normalization(inside_graph=True, mean=(0.1, 1e-17), std=(1.0, 1 / 3)),
        tolerance=1e-6,
        provenance={"seed": 7, "data_sha256": "00"},
    )


def body() -> dict:
    return json.loads(printer_spec().to_json())


def test_json_brings_back_the_same_spec_in_full_precision():
    assert Spec.from_json(printer_spec().to_json()) == printer_spec()


def test_the_hash_is_sha256_of_the_sorted_compact_contract():
    contract = {
        "kind": "window", "dt_s": 0.002, "dtype": "float32", "window": 49, "preview": 16, "horizon": 0,
        "inputs": [
            {"name": "x_ref", "unit": "mm", "shape": [], "history": 1, "major": "time", "order": "oldest",
             "scale": 1.0, "offset": 0.0, "feedback_of": None},
            {"name": "velocity", "unit": "mm/s", "shape": [2], "history": 1, "major": "time", "order": "oldest",
             "scale": 1.0, "offset": 0.0, "feedback_of": None},
        ],
        "outputs": [
            {"name": "offset_x", "unit": "mm", "shape": [], "history": 1, "major": "time", "order": "oldest",
             "scale": 1.0, "offset": 0.0, "feedback_of": None},
        ],
    }  # fmt: skip
    text = json.dumps(contract, sort_keys=True, separators=(",", ":"))
    assert printer_spec().contract_hash == hashlib.sha256(text.encode()).hexdigest()


def test_a_retrained_model_keeps_its_hash():
    retrained = replace(
        printer_spec(),
        name="printer-2",
        normalization=Normalization(inside_graph=True, mean=(5.0,), std=(6.0,)),
        tolerance=2e-6,
        provenance={"seed": 8},
        outputs=(replace(printer_spec().outputs[0], envelope=Envelope(1.0, 1.0, 1.0)),),
    )
    assert retrained.contract_hash == printer_spec().contract_hash


@pytest.mark.parametrize(
    "change",
    [
        {"dt_s": 0.001},
        {"window": 50},
        {"preview": 15},
        {"inputs": tuple(reversed(printer_spec().inputs))},
        {"outputs": (replace(printer_spec().outputs[0], unit="um"),)},
    ],
)
def test_what_two_ends_must_agree_on_changes_the_hash(change):
    assert replace(printer_spec(), **change).contract_hash != printer_spec().contract_hash


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda b: b.pop("dt_s"), r"missing key 'dt_s' at \$"),
        (lambda b: b.update(colour=1), r"unknown key 'colour' at \$"),
        (lambda b: b["inputs"][0].update(unit=3), r"expected str at \$.inputs\[0\].unit, got 3"),
        (lambda b: b["inputs"][0].update(range_valid=[1]), r"expected 2 elements at \$.inputs\[0\].range_valid, got 1"),
        (lambda b: b.update(window=True), r"expected int at \$.window, got True"),
        (lambda b: b.update(window=10**9), "window must be 1 to 65536"),
        (lambda b: b.update(preview=49), "preview at least 0 and below it"),
        (lambda b: b.update(kind="magic"), r"expected one of pointwise, .* at \$.kind, got 'magic'"),
        (lambda b: b.update(dt_s=0), "dt_s must be finite and above 0"),
        (lambda b: b.update(dt_s=10**400), r"expected float at \$.dt_s"),
        (lambda b: b.update(name="../up"), "name must be 1 to 64"),
        (lambda b: b["outputs"][0]["envelope"].update(rate=-1), r"envelope.rate must .* \$.outputs\[0\].envelope"),
        (lambda b: b["outputs"][0]["envelope"].update(second=0.02), "output offset_x: envelope.second of 0.02"),
        (lambda b: b["normalization"].update(inside_graph=False), "inside_graph must be true"),
        (lambda b: b.update(format="learn_rt.spec/2"), '"format" must be'),
        (lambda b: b.update(contract_hash="0" * 64), "contract_hash is 0000"),
        (lambda b: b["inputs"].append(b["inputs"][0]), "distinct names"),
    ],
)  # fmt: skip
def test_a_bad_spec_is_an_error_that_names_the_path(edit, message):
    changed = body()
    edit(changed)
    with pytest.raises(ValueError, match=message):
        Spec.from_json(json.dumps(changed))


@pytest.mark.parametrize("text", ['{"format": NaN}', '{"a": 1, "a": 2}', "[]", "", "{", "null", '"' + "x" * 100_000])
def test_what_is_not_a_spec_is_a_value_error(text):
    with pytest.raises(ValueError, match=r"."):
        Spec.from_json(text)


def test_deep_nesting_is_an_error_and_not_a_crash():
    with pytest.raises(ValueError, match="nested"):
        Spec.from_json("[" * 100_000)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=5))
def test_any_json_value_in_any_place_is_read_or_refused(value):
    for key in body():
        changed = body() | {key: value}
        try:
            spec = Spec.from_json(json.dumps(changed))
        except ValueError:
            continue
        assert Spec.from_json(spec.to_json()) == spec


def test_whole_numbers_and_floats_are_one_contract():
    assert replace(printer_spec(), dt_s=1).contract_hash == replace(printer_spec(), dt_s=1.0).contract_hash


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=1e-4))
def test_floats_survive_to_the_bit(dt_s):
    assert Spec.from_json(replace(printer_spec(), dt_s=dt_s).to_json()).dt_s == dt_s


def test_only_a_stateful_model_looks_further_ahead_than_its_window():
    signals = {"inputs": (Signal("a", "m"),), "outputs": (Signal("y", "m"),)}
    carried = Spec("carried", Kind.STATEFUL, 0.01, preview=24, **signals)
    assert Spec.from_json(carried.to_json()) == carried
    for kind, window in ((Kind.POINTWISE, 1), (Kind.WINDOW, 24)):
        with pytest.raises(ValueError, match="preview at least 0 and below it"):
            Spec("carried", kind, 0.01, window=window, preview=24, **signals)


def test_mixed_weights_name_each_matrix_and_others_none():
    mixed = replace(
        printer_spec(), weights=Weights.MIXED, weights_mix=(Weights.INT8, Weights.FP32), weights_tolerance=1e-3
    )
    assert Spec.from_json(mixed.to_json()) == mixed
    assert json.loads(mixed.to_json())["weights_mix"] == ["int8", "fp32"]
    assert "weights_mix" not in body()
    assert mixed.contract_hash == printer_spec().contract_hash
    for weights, mix in [
        (Weights.MIXED, ()),
        (Weights.INT8, (Weights.INT8,)),
        (Weights.MIXED, (Weights.INT8, Weights.MIXED)),
    ]:
        with pytest.raises(ValueError, match="weights_mix must hold the form of each matrix when weights are mixed"):
            replace(mixed, weights=weights, weights_mix=mix)
