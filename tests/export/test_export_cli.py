"""learn-export as a user meets it: results on stdout, one line of error on stderr, exit 0, 1 or 2."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from learn_rt.export import formats
from learn_rt.export.cli import main


def test_it_writes_the_folder_and_prints_the_table(trained, tmp_path, capsys):
    out = tmp_path / "models"
    assert main([str(trained.checkpoint), "--format", "torchscript", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "max error mm" in printed
    assert "model.pt" in printed
    assert f"{out}/printer/1" in printed
    assert (out / "printer" / "1" / "model.pt").is_file()


def test_json_says_what_the_table_says(trained, tmp_path, capsys):
    arguments = [str(trained.checkpoint), "--format", "torchscript", "--out", str(tmp_path), "--name", "a", "--json"]
    assert main([*arguments, "--version", "3"]) == 0
    report = json.loads(capsys.readouterr().out)
    folder = tmp_path / "a" / "3"
    assert (report["name"], report["version"], report["folder"]) == ("a", 3, str(folder))
    spec = json.loads((folder / "spec.json").read_text())
    assert report["contract_hash"] == spec["contract_hash"]
    (row,) = report["rows"]
    assert row["bytes"] == (folder / "model.pt").stat().st_size
    assert row["max_error"] <= row["bound"] == spec["tolerance"]
    assert set(row["latency_us"]) == {"p50", "p99", "p999", "max", "n", "missed"}
    assert 0 < row["latency_us"]["p50"] <= row["latency_us"]["p99"] <= row["latency_us"]["max"]


def test_a_format_that_fails_parity_exits_1_shows_the_table_and_leaves_nothing(trained, tmp_path, capsys, monkeypatch):
    right = formats.FORMATS["torchscript"][0]

    def write_wrong(baked, spec, path):
        baked.target_std.mul_(1.001)
        right.write(baked, spec, path)

    monkeypatch.setitem(
        formats.FORMATS, "torchscript", (formats.Artifact("torchscript", "model.pt", write_wrong, right.open),)
    )
    out = tmp_path / "models"
    assert main([str(trained.checkpoint), "--format", "torchscript", "--out", str(out)]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "max error" in printed.err
    assert "model.pt is off by" in printed.err.strip().splitlines()[-1]
    assert not out.exists()


def test_a_file_that_is_no_checkpoint_is_one_line_of_error(tmp_path, capsys):
    damaged = tmp_path / "damaged.pt"
    damaged.write_bytes(b"PK\x03\x04 not a checkpoint")
    for path in (damaged, tmp_path / "missing.pt"):
        assert main([str(path), "--out", str(tmp_path / "models")]) == 1
        err = capsys.readouterr().err
        assert err.startswith("learn-export: ")
        assert path.name in err
        assert len(err.strip().splitlines()) == 1
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize(
    "arguments",
    [[], ["c.pt", "--format", "tflite"], ["c.pt", "--name", "../up"], ["c.pt", "--version", "0"], ["c.pt", "--qat"]],
)
def test_a_wrong_option_exits_2(arguments, capsys):
    with pytest.raises(SystemExit) as raised:
        main(arguments)
    assert raised.value.code == 2
    assert "usage: learn-export" in capsys.readouterr().err


def test_help_gives_an_example_and_does_not_wait_for_torch():
    script = """
import sys
from learn_rt.export.cli import main
try:
    main(["--help"])
finally:
    assert "torch" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "example: learn-export " in done.stdout
