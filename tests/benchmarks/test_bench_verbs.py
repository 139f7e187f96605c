"""`learn-bench` knows its verbs, and a failure is one line."""

from __future__ import annotations

import pytest

from learn_rt.benchmarks.cli import VERBS, main


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_tells_its_options(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([verb, "--help"])
    assert ended.value.code == 0
    assert f"usage: learn-bench {verb}" in capsys.readouterr().out


def test_a_failure_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["rollouts", "nowhere"])
    assert ended.value.code == 1
    assert capsys.readouterr().err.startswith("learn-bench rollouts: nowhere")


def test_an_unknown_verb_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["dance"])
    assert ended.value.code == 2
    assert "verbs: print" in capsys.readouterr().err
