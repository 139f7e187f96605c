"""The code in docs/model-folder.md runs as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from test_export_folder import SAMPLES, SPEC, Gain


def test_the_python_example_of_the_documentation_exports(tmp_path, monkeypatch, capsys):
    text = (Path(__file__).parents[2] / "docs" / "model-folder.md").read_text()
    (block,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(block, {"module": Gain(2.0), "spec": SPEC, "held_out": np.asarray(SAMPLES)})
    printed = capsys.readouterr().out
    assert printed.startswith("models/gain/1 [('model.onnx', ")
    assert "model.pt" in printed
