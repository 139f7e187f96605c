"""The README's table of the print holds the report's figures, and leaves the rest of the README alone."""

import json

import pytest

from learn_rt.benchmarks.printing.readme_table import BEGIN, END, main
from learn_rt.benchmarks.printing.report import METHODS

LATENCY = {"p50": 1.0, "p99": 2.0, "p999": 3.0, "max": 4.0, "n": 5, "missed": 0}


def report() -> dict:
    def methods(first: float) -> dict:
        keys = ("rms_um", "contour_rms_um", "contour_p99_um", "contour_max_um")
        return {m: {k: first + 10 * i + j for j, k in enumerate(keys)} for i, m in enumerate(METHODS)}

    return {
        "source": "part.gcode",
        "train": {"windows": 12345, "epochs": 2, "seconds": 61.4, "reused": False},
        "accuracy": {"r2": 0.9, "mae_um": 1.0, "rmse_um": 2.0, "corr": 0.95},
        "closed_loop": {"linear": methods(500.0), "nonlinear": methods(100.0)},
        "parity": {"onnx": 1e-7, "torchscript": 1e-7, "step": 1e-7},
        "latency_us": {"inproc": LATENCY, "unix": LATENCY, "grpc": LATENCY},
        "hiccup_us": LATENCY,
        "seconds_total": 100.0,
    }


def test_the_table_holds_every_method_of_both_printers(tmp_path):
    source, readme = tmp_path / "report.json", tmp_path / "README.md"
    source.write_text(json.dumps(report()))
    readme.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    assert main([str(source), str(readme)]) == 0
    text = readme.read_text()
    assert text.startswith(f"before\n{BEGIN}\n")
    assert text.endswith(f"{END}\nafter\n")
    assert "old" not in text
    rows = [line.split("|") for line in text.splitlines() if line.startswith("| The ")]
    assert len(rows) == 8
    contour = next(r for r in rows if "non-linear" in r[1] and r[2].strip() == "contour RMS")
    assert [float(c) for c in contour[3:-1]] == [101 + 10 * i for i in range(len(METHODS))]
    assert "12,345 windows learned in 61 s" in text


@pytest.mark.parametrize("text", ["no markers", f"{END}{BEGIN}", f"{BEGIN}{END}{BEGIN}{END}"])
def test_a_readme_without_its_markers_is_left_as_it_is(text, tmp_path, capsys):
    source, readme = tmp_path / "report.json", tmp_path / "README.md"
    source.write_text(json.dumps(report()))
    readme.write_text(text)
    assert main([str(source), str(readme)]) == 1
    assert readme.read_text() == text
    assert "README must hold" in capsys.readouterr().err
