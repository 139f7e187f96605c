"""The README's table is what latency.json says, between its markers and nowhere else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from learn_rt.benchmarks.latency.readme_table import BEGIN, END, main, replace

FIGURES = {"p50": 1.234, "p99": 56.78, "p999": 901.2, "max": 3456.7, "n": 1200, "missed": 1}


def body() -> dict[str, Any]:
    """A small latency.json."""
    gate = {"model": "printer", "transport": "unix", "mode": "paced", "verdict": "not judged", "pinning": "apart"}
    gate |= {"latency_us": FIGURES, "empty_us": FIGURES | {"p50": 1.0}, "hiccup_us": FIGURES | {"p50": 90.0}}
    beside = {"model": "printer", "against": "onnxruntime, step.onnx", "reason": "one ONNX step"}
    beside |= {"settle_us": FIGURES | {"p50": 65.0}}
    beside |= {"latency_us": FIGURES, "baseline_us": FIGURES, "speedup": {"p50": 7.0, "low": 6.5, "high": 7.5}}
    machine = {"cpu": "A CPU", "cpus": 2, "kernel": "6.1", "virtual": True, "load": 0.1, "scheduler": "SCHED_OTHER"}
    gates = [gate, gate | {"model": "other"}]
    return {"format": "learn_rt.latency/1", "machine": machine, "gates": gates, "beside": [beside]}


def test_the_table_replaces_what_was_between_the_markers(tmp_path: Path) -> None:
    source, readme = tmp_path / "latency.json", tmp_path / "README.md"
    source.write_text(json.dumps(body()))
    readme.write_text(f"above\n{BEGIN}\nold\n{END}\nbelow\n")
    assert main([str(source), str(readme)]) == 0
    text = readme.read_text()
    assert text.startswith(f"above\n{BEGIN}\n|")
    assert text.endswith(f"{END}\nbelow\n")
    assert "old" not in text
    assert text.count("Unix socket") == 1, "the first model's alone"
    figures = "1.23 | 56.8 | 901 | 3457 | 1200 | 1 / 56.8 | 90 / 56.8"
    assert f"| Unix socket | at the control rate | {figures} | not judged |" in text
    assert "One ONNX step: 1.23 / 56.8 (p50 / p99), ours 1.23 / 56.8, 7.0 times [6.5, 7.5] as fast" in text
    assert "ours then settles for 65 / 56.8" in text
    assert "A CPU, virtual machine with 2 CPUs" in text


@pytest.mark.parametrize("readme", ["", BEGIN, f"{END} {BEGIN}", f"{BEGIN}{END}{BEGIN}", f"{BEGIN}{END}{END}"])
def test_a_readme_without_its_markers_is_left_alone(readme: str) -> None:
    with pytest.raises(ValueError, match="once each"):
        replace(readme, "table")


def test_another_files_format_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, readme = tmp_path / "latency.json", tmp_path / "README.md"
    source.write_text("{}")
    readme.write_text(f"{BEGIN}{END}")
    assert main([str(source), str(readme)]) == 1
    assert "format" in capsys.readouterr().err
    assert readme.read_text() == f"{BEGIN}{END}"
