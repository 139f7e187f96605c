"""The timing loops, fed from a graph whose answers are known; what they time is never asserted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from learn_rt.benchmarks.latency.measure import CLOSED, COLD, PACED, SPUN, STAGES, Mode, in_turn

pytest.importorskip("learn_rt._latency", reason="the timing loops are not built")
from learn_rt._latency import Hiccup, OrtArm, Turn, evicted_bytes
from learn_rt.benchmarks.latency.baseline import ort_library

PERIOD_NS = 1_000_000


@pytest.fixture
def graph(tmp_path: Path) -> str:
    """A step graph that adds up: y = state.sum.next = state.sum + x."""

    def value(name: str) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 2])

    nodes = [
        helper.make_node("Add", ["x", "state.sum"], ["y"]),
        helper.make_node("Identity", ["y"], ["state.sum.next"]),
    ]
    inputs, outputs = [value("x"), value("state.sum")], [value("y"), value("state.sum.next")]
    model = helper.make_model(
        helper.make_graph(nodes, "sum", inputs, outputs), opset_imports=[helper.make_opsetid("", 20)], ir_version=10
    )
    onnx.save(model, tmp_path / "step.onnx")
    return str(tmp_path / "step.onnx")


def summing(graph: str) -> OrtArm:
    """ONNX Runtime on the graph, from C++."""
    return OrtArm(ort_library(), graph, 0, 2, 2, [("state.sum", "state.sum.next", [1, 2])])


# To and fro, so that the sum repeats with the stream.
SAMPLES = np.array([[1, 2], [3, 4], [-1, -2], [-3, -4]], np.float32)
SUMS = SAMPLES.cumsum(0)


def test_states_are_carried_from_one_call_to_the_next(graph: str) -> None:
    arm = summing(graph)
    np.testing.assert_array_equal([arm.ask(sample) for sample in SAMPLES], SUMS)
    np.testing.assert_array_equal(arm.ask(SAMPLES[0]), SUMS[0])


@pytest.mark.parametrize("mode", [CLOSED, PACED, COLD, SPUN], ids=lambda mode: mode.name)
def test_every_answer_is_compared_and_the_stream_goes_on_from_block_to_block(graph: str, mode: Mode) -> None:
    (arm,), hiccup = in_turn([Turn(summing(graph), SAMPLES, SUMS)], mode, 0.3, PERIOD_NS / 1e9)
    assert arm.worst == 0.0
    assert arm.compared == arm.latency.n + 12 * mode.warm_up
    assert {len(arm.stages[name].counts) for name in STAGES} == {12}
    assert {arm.stages[name].n for name in STAGES} == {arm.latency.n}
    assert hiccup.n > 0


@pytest.mark.parametrize("wrong", [0.25, np.nan])
def test_one_wrong_answer_among_many_is_seen(graph: str, wrong: float) -> None:
    answers = SUMS.copy()
    answers[2, 1] += wrong
    (arm,), _ = in_turn([Turn(summing(graph), SAMPLES, answers)], CLOSED, 0.05, PERIOD_NS / 1e9)
    assert arm.worst == (0.25 if wrong == 0.25 else np.inf)


def test_a_paced_block_never_has_more_ticks_than_its_schedule_and_counts_from_the_scheduled_time(graph: str) -> None:
    block = Turn(summing(graph), SAMPLES).run(50 * PERIOD_NS, PERIOD_NS, True, False, 0)
    n = int(block["latency"]["counts"].sum())
    assert 1 <= n <= 51
    # The call follows the wake-up: from the schedule on, an answer takes as long as both.
    assert block["latency"]["max"] >= max(block["stages"]["late"]["max"], block["stages"]["compute"]["max"])
    assert block["compared"] == 0


def test_what_comes_later_than_the_period_is_missed(graph: str) -> None:
    block = Turn(summing(graph), SAMPLES).run(1_000_000, 1, False, False, 0)
    assert block["missed"] == block["latency"]["counts"].sum()  # no answer takes less than a nanosecond


def test_before_a_cold_tick_more_is_read_than_the_caches_hold() -> None:
    assert evicted_bytes() >= 5 << 20


def test_a_sleeper_that_never_had_its_turn_was_late_once() -> None:
    assert Hiccup(PERIOD_NS).stop()["counts"].sum() == 1


def test_the_sleeper_counts_until_it_is_stopped_and_not_after() -> None:
    hiccup = Hiccup(PERIOD_NS)
    first = hiccup.stop()
    assert hiccup.stop()["counts"].sum() == first["counts"].sum()


def test_a_stream_of_another_shape_is_refused(graph: str) -> None:
    with pytest.raises(ValueError, match=r"samples must have shape \(period, 2\)"):
        Turn(summing(graph), np.zeros((4, 3), np.float32))
    with pytest.raises(ValueError, match=r"answers must have shape \(period, 2\)"):
        Turn(summing(graph), SAMPLES, SUMS[:3])


def test_onnxruntimes_own_message_comes_back(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"loading: .*missing\.onnx"):
        OrtArm(ort_library(), str(tmp_path / "missing.onnx"), 0, 2, 2, [])
    with pytest.raises(RuntimeError, match="cannot be opened"):
        OrtArm(str(tmp_path / "none.so"), "", 0, 2, 2, [])


def test_a_block_records_as_many_ticks_as_asked_for_however_short_it_is(graph: str) -> None:
    block = Turn(summing(graph), SAMPLES).run(1, PERIOD_NS, False, False, 3, at_least=500)
    assert int(block["latency"]["counts"].sum()) == 500
