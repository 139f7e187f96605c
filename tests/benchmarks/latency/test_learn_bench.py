"""`learn-bench latency` from model folder to JSON, on a model that only copies: real session, server and loops."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("learn_rt._latency", reason="the timing loops are not built")
pytest.importorskip("learn_rt._serve", reason="the server is not built")

from learn_rt.benchmarks.cli import main
from learn_rt.benchmarks.latency import gate
from learn_rt.benchmarks.latency.baseline import compare
from learn_rt.benchmarks.latency.bench import Bench
from learn_rt.benchmarks.latency.folders import ModelFolder, find_models
from learn_rt.benchmarks.latency.gate import Case, WrongAnswer
from learn_rt.benchmarks.latency.streams import Unmeasurable
from learn_rt.export import export_empty
from learn_rt.spec import Kind, Signal, Spec

FIGURES = ["p50", "p99", "p999", "max", "n", "missed"]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with one small windowed model."""
    inputs = (Signal("a", "mm"), Signal("b", "mm"))
    spec = Spec("copy", Kind.WINDOW, 0.002, inputs, (Signal("y", "mm"),), window=5)
    folder = tmp_path_factory.mktemp("models")
    export_empty(spec, folder, "copy")
    return folder


@pytest.fixture(scope="module")
def bench(repository: Path) -> Iterator[Bench]:
    """The place to measure it."""
    with Bench(find_models(repository)) as place:
        yield place


@pytest.mark.parametrize("transport", ["inproc", "shm", "unix", "grpc"])
def test_a_gate_measures_verifies_and_judges_over_every_transport(bench: Bench, transport: str) -> None:
    report = gate.run(bench, Case("copy", transport, "paced"), seconds=0.3)
    assert report.model.compared > 0
    assert report.model.worst <= bench.subject("copy").stream.tolerance
    assert report.empty.worst == 0.0
    body = json.loads(json.dumps(report.as_dict(), allow_nan=False))
    assert [list(body[key]) for key in ("latency_us", "empty_us", "hiccup_us", "settle_us")] == [FIGURES] * 4
    # So few answers say nothing of p99, on any machine.
    assert body["judgements"][1]["verdict"] == "not judged"
    if transport != "inproc":
        assert body["what"].startswith(transport)
        assert min(body["stages_us"][stage]["max"] for stage in ("queue", "wire", "compute")) > 0


def test_a_gate_fails_on_one_wrong_answer_in_the_stream(repository: Path) -> None:
    with Bench(find_models(repository)) as place:
        place.subject("copy").stream.answers[3] += 1.0
        with pytest.raises(WrongAnswer, match=r"copy over native: an answer is 1\.00e\+00 away"):
            gate.run(place, Case("copy", "inproc", "closed"), seconds=0.05)


def test_a_folder_that_is_no_model_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "broken" / "1").mkdir(parents=True)
    (tmp_path / "broken" / "1" / "spec.json").write_text("{}")
    with Bench([ModelFolder("broken", tmp_path / "broken" / "1")]) as place, pytest.raises(ValueError, match="format"):
        gate.run(place, Case("broken", "inproc", "closed"), seconds=0.05)


def test_a_pointwise_model_is_compared_call_by_call(tmp_path: Path) -> None:
    spec = Spec("point", Kind.POINTWISE, 0.002, (Signal("a", "mm"), Signal("b", "mm")), (Signal("y", "mm"),))
    export_empty(spec, tmp_path, "point")
    with Bench(find_models(tmp_path)) as place:
        (comparison,) = compare(place, "point", seconds=0.1)
    assert comparison.ours.compared > 0
    assert comparison.baseline.latency.n > 0
    assert comparison.reason.startswith("one answer against one answer")


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """The place to measure a rollout and a stateful model."""
    signals, folder = (Signal("a", "mm"),), tmp_path_factory.mktemp("others")
    row = (Signal("a", "mm", feedback_of="a"), Signal("push", "N"))
    export_empty(Spec("ahead", Kind.ROLLOUT, 0.002, row, signals, window=3, horizon=2), folder, "ahead")
    export_empty(Spec("carried", Kind.STATEFUL, 0.002, signals, signals), folder, "carried")
    with Bench(find_models(folder)) as place:
        yield place


@pytest.mark.parametrize("transport", ["inproc", "unix", "grpc"])
@pytest.mark.parametrize("name", ["ahead", "carried"])
def test_rollouts_and_stateful_models_are_measured_by_the_same_rules(others: Bench, name: str, transport: str) -> None:
    report = gate.run(others, Case(name, transport, "paced"), seconds=0.3)
    assert report.model.compared > 0
    assert report.model.worst <= others.subject(name).stream.tolerance
    assert report.empty.worst == 0.0
    assert report.model.stages["compute"].figures().max > 0


def test_rollouts_are_not_judged_over_shared_memory(others: Bench) -> None:
    with pytest.raises(Unmeasurable, match="ahead: rollouts are not served over shared memory"):
        gate.run(others, Case("ahead", "shm", "paced"), seconds=0.3)


@pytest.mark.parametrize(("name", "graph"), [("ahead", "model.onnx"), ("carried", "step.onnx")])
def test_rollouts_and_stateful_models_run_beside_onnxruntime(others: Bench, name: str, graph: str) -> None:
    (comparison,) = compare(others, name, seconds=0.1)
    assert comparison.against.endswith(graph)
    assert comparison.ours.compared > 0
    assert comparison.baseline.latency.n > 0


def test_one_wrong_state_of_one_candidate_fails_the_gate(others: Bench) -> None:
    answers = others.subject("ahead").stream.answers
    known = int(np.flatnonzero(~np.isnan(answers[:, 0]))[0])
    answers[known, -1] += 1.0
    try:
        with pytest.raises(WrongAnswer, match="ahead over native: an answer is 1"):
            gate.run(others, Case("ahead", "inproc", "closed"), seconds=0.05)
    finally:
        answers[known, -1] -= 1.0


def test_a_kind_that_cannot_be_measured_leaves_the_others_measurable(repository: Path, tmp_path: Path) -> None:
    row = (Signal("a", "mm", feedback_of="a"), Signal("push", "N"))
    rollout = Spec("ahead", Kind.ROLLOUT, 0.01, row, (Signal("a", "mm"),), window=3, horizon=2)
    (export_empty(rollout, tmp_path, "ahead") / "model.onnx").unlink()
    with Bench([*find_models(repository), *find_models(tmp_path)]) as place:
        with pytest.raises(Unmeasurable, match=r"holds no model\.onnx"):
            gate.run(place, Case("ahead", "unix", "closed"), seconds=0.05)
        assert gate.run(place, Case("copy", "unix", "closed"), seconds=0.05).model.compared > 0


def test_one_command_prints_a_table_and_writes_the_json(
    repository: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--models", str(repository), "--transports", "inproc", "--seconds", "0.2", "--out", str(tmp_path)]
    with pytest.raises(SystemExit, match="0"):
        main(["latency", *arguments])
    said = capsys.readouterr().out
    assert "copy: one prediction" in said
    assert max(map(len, said.splitlines())) <= 80, "an ordinary terminal"
    assert "…" not in said
    body: dict[str, Any] = json.loads((tmp_path / "latency.json").read_text())
    assert [(g["transport"], g["mode"]) for g in body["gates"]] == [
        ("inproc", "closed"),
        ("inproc", "paced"),
        ("inproc", "cold"),
    ]
    assert [(c["against"], c["reason"].partition(":")[0]) for c in body["beside"]] == [
        ("onnxruntime, model.onnx", "one window against one window")  # the model has no states
    ]


def test_what_cannot_be_measured_is_left_out_aloud_and_the_rest_stands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = (Signal("a", "mm", feedback_of="a"), Signal("push", "N"))
    export_empty(Spec("ahead", Kind.ROLLOUT, 0.002, row, (Signal("a", "mm"),), window=3, horizon=2), tmp_path, "ahead")
    arguments = ["--models", str(tmp_path), "--transports", "inproc,shm", "--seconds", "0.1", "--out", str(tmp_path)]
    with pytest.raises(SystemExit, match="0"):
        main(["latency", *arguments])
    assert capsys.readouterr().err.count("left out: ahead: rollouts are not served over shared memory") == 1
    gates = json.loads((tmp_path / "latency.json").read_text())["gates"]
    assert [g["transport"] for g in gates] == ["inproc", "inproc", "inproc"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--transports", "tcp"], 2, "must be among inproc,shm,unix,grpc, got 'tcp'"),
        (["--seconds", "-1"], 2, "must be a finite number above 0"),
        (["--models", "nowhere"], 1, "nowhere holds no model"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    arguments: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["latency", *arguments])
    assert exit_.value.code == code
    assert message in capsys.readouterr().err
