"""The demo's stages: told, timed, not redone, and clear when they fail."""

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from learn_rt.benchmarks.printing.stages import Failed, Stages, fingerprint, sources


def make(tmp_path: Path) -> tuple[Stages, StringIO]:
    out = StringIO()
    return Stages(Console(file=out, width=200), 3, tmp_path / "memory.json", tmp_path / "logs"), out


def test_a_stage_says_what_it_did_and_how_long_it_took(tmp_path: Path) -> None:
    stages, out = make(tmp_path)
    with stages.stage("train", "two models") as notes:
        notes.append("reused")
    assert "1/3 train     two models, reused 0." in out.getvalue()
    assert stages.seconds["train"] >= 0.0


def test_work_is_remembered_by_its_inputs(tmp_path: Path) -> None:
    key = fingerprint([], ["a"])
    make(tmp_path)[0].mark_done("data", key)
    again, _ = make(tmp_path)
    assert again.is_done("data", key)
    assert not again.is_done("data", fingerprint([], ["b"]))
    assert not again.is_done("train", key)


def test_a_fingerprint_tells_contents_names_and_borders_apart(tmp_path: Path) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    a.write_text("xy")
    b.write_text("z")
    seen = {
        fingerprint([a, b]),
        fingerprint([b, a]),
        fingerprint([a]),
        fingerprint([a], ["xy"]),
        fingerprint([a], ["x", "y"]),
    }
    assert len(seen) == 5
    before = fingerprint([a])
    a.write_text("xyz")
    assert fingerprint([a]) != before


def test_a_failing_command_is_one_line_with_its_cause(tmp_path: Path) -> None:
    stages, _ = make(tmp_path)
    with pytest.raises(Failed, match=r"learn-serve .*nowhere failed: .*nowhere.*learn-serve|serve\.log") as caught:
        stages.run("serve", "learn-serve", tmp_path / "nowhere")
    assert "\n" not in str(caught.value)
    assert "nowhere" in (tmp_path / "logs" / "serve.log").read_text()


def test_a_command_returns_what_it_prints(tmp_path: Path) -> None:
    stages, _ = make(tmp_path)
    assert "--listen" in stages.run("help", "learn-serve", "--help")


def test_the_sources_of_a_package_hold_its_machines() -> None:
    names = {p.name for p in sources("learn_rt.train")}
    assert {"plant.py", "ender3v2.toml"} <= names
