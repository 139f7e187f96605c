"""`learn-bench serve` measures what it says, and would notice a wrong answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from learn_rt.benchmarks.cli import main
from learn_rt.benchmarks.latency.histogram import BITS, Blocks
from learn_rt.benchmarks.latency.streams import run_onnx
from learn_rt.benchmarks.serving.cases import CASES
from learn_rt.benchmarks.serving.compare import difference, median, ratio
from learn_rt.benchmarks.serving.many_streams import many_streams
from learn_rt.benchmarks.serving.place import Place
from learn_rt.benchmarks.serving.swaps import swaps, two_versions

OF_THEIR_OWN = ("streams-32x1khz", "deadline-500us", "swaps-20")  # cases with a test of their own


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with Place() as found:
        yield found


@pytest.mark.parametrize(
    "name", [name for name in CASES if name not in ("streams-32x1khz", "deadline-500us", "swaps-20")]
)
def test_a_case_has_answers_that_were_all_checked(place: Place, name: str) -> None:
    result = CASES[name][0](place, 0.6).as_dict()
    assert result["case"] == name
    assert (result["lost"], result["wrong"]) == (0, 0)
    assert result["compared"] > 20
    assert 0 < result["ours_us"]["p50"] <= result["ours_us"]["p99"] <= result["ours_us"]["max"]
    if name.endswith("-spin"):  # no figure of it is asserted: how far it can poll is the machine's
        assert set(result["cpu_share"]) == {"client", "server"}
    if name == "soak":
        assert result["ok"]
    else:
        assert result["echo_us"]["n"] > 20
        assert result["difference_us"]["low"] <= result["difference_us"]["value"] <= result["difference_us"]["high"]


def test_a_stopped_server_makes_predict_wait_for_its_deadline_and_no_longer_answer(place: Place) -> None:
    result = CASES["deadline-500us"][0](place, 1.0).as_dict()
    assert result["ours_us"]["n"] > 100
    assert result["unmarked"] == 0
    assert result["outside_envelope"] == 0
    # The bare wait and ours are the same wait: both return at the deadline, never before it.
    assert result["ours_us"]["p50"] > 0
    assert result["echo_us"]["p50"] > 0


def test_streams_run_at_once_and_each_is_checked(place: Place) -> None:
    result = many_streams(place, 0.6, n=3, pairs=2).as_dict()
    assert (result["case"], result["lost"], result["wrong"]) == ("streams-3x1khz", 0, 0)
    assert result["compared"] > 50
    assert -100 <= result["later_than_1ms_points"]["value"] <= 100
    assert min(cpu for side in result["cpu_us_per_answer"].values() for cpu in side.values()) > 0


def test_the_case_of_many_streams_runs_as_many_as_asked_for(tmp_path: Path) -> None:
    arguments = ["--streams", "2", "--seconds", "1", "--out", str(tmp_path)]
    with pytest.raises(SystemExit, match="0"):
        main(["serve", "--case", "streams-32x1khz", *arguments])
    (case,) = json.loads((tmp_path / "serve.json").read_text())["cases"]
    assert (case["case"], case["lost"], case["wrong"]) == ("streams-2x1khz", 0, 0)
    assert "; 2 connections" in case["setting"]


@pytest.mark.parametrize("streams", ["0", "257", "x"])
def test_streams_that_cannot_be_are_refused(streams: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["serve", "--streams", streams])
    assert "must be 1 to 256 streams" in capsys.readouterr().err


def test_versions_are_swapped_under_streams_and_each_answer_is_held_to_its_own(place: Place) -> None:
    result = swaps(place, 0.6, n=3, times=2).as_dict()
    assert (result["case"], result["lost"], result["wrong"], result["unversioned"]) == ("swaps-2", 0, 0, 0)
    assert result["swaps"] == 3 * 2
    assert result["compared"] > 50
    assert result["faded"] > 0
    assert result["echo_us"]["n"] > 20


def test_an_answer_of_another_version_than_it_says_is_counted_as_wrong(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = (folder / "model.onnx" for folder in two_versions(place))
    monkeypatch.setattr(
        "learn_rt.benchmarks.serving.swaps.run_onnx", lambda graph, x: run_onnx({one: two, two: one}[graph], x)
    )
    assert swaps(place, 0.3, n=1, times=1).wrong > 20


def test_one_wrong_answer_is_counted(place: Place) -> None:
    place.stream.answers[3] += 1.0
    try:
        assert CASES["unix-closed-cpp"][0](place, 0.6).wrong > 0
        assert CASES["unix-paced-python"][0](place, 0.6).wrong > 0
    finally:
        place.stream.answers[3] -= 1.0


def _blocks(values_ns: list[int]) -> Blocks:
    return Blocks.read([{"buckets": np.array([v]), "counts": np.array([5]), "max": v} for v in values_ns])


def test_what_counts_is_the_median_of_the_blocks_and_not_of_all_ticks() -> None:
    assert max(value for value in (300, 900)) < 2**BITS  # so small that a bucket is a nanosecond
    ours, echo = _blocks([400, 400, 900]), _blocks([300, 300, 300])
    assert difference(ours, echo, "p50").value == pytest.approx(0.1)
    assert ratio(ours, echo, "p99").value == pytest.approx(4 / 3)
    found = median(np.arange(21.0))
    assert 4 < found.low < found.value == 10 < found.high < 16


def test_a_case_by_name_prints_json_and_writes_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["serve", "--case", "unix-closed-cpp", "--seconds", "0.3", "--out", str(tmp_path), "--json"])
    printed: dict[str, Any] = json.loads(capsys.readouterr().out)[0]
    written = json.loads((tmp_path / "serve.json").read_text())
    assert written["cases"] == [printed]
    assert {"case", "ours_us", "echo_us", "difference_us", "hiccup_us", "lost", "wrong"} <= set(printed)


def test_a_case_that_is_not_there_is_refused_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["serve", "--case", "nothing"])
    assert "nothing" in capsys.readouterr().err
