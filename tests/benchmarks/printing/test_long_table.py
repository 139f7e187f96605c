"""The long table: who wins is who wins, and the commands say what they need."""

from pathlib import Path

import pytest
from rich.console import Console

from learn_rt.benchmarks.cli import main as bench
from learn_rt.benchmarks.printing import demo, table
from learn_rt.benchmarks.printing.contour import Figures
from learn_rt.benchmarks.printing.stages import Stages
from learn_rt.benchmarks.printing.variations import MISMATCH, Case, winners
from learn_rt.benchmarks.printing.workshop import Recipe, Workshop, unseen_of


def um(contour: float) -> Figures:
    return Figures(2 * contour, contour, 3 * contour, 5 * contour)


def make_case() -> Case:
    """Ours is best as tuned for; mistuned the shaper is; re-tuned the inverse is."""
    nominal = {"planned": um(30), "zv": um(5), "inverse": um(2), "ours": um(1)}
    mistuned = {"planned": um(31), "zv": um(6), "inverse": um(15), "ours": um(9)}
    as_tuned = {name: mistuned if name == "damping double" else nominal for name in MISMATCH}
    retuned = {name: {"zv": um(5), "inverse": um(2.5)} for name in MISMATCH}
    return Case(nominal, mistuned, as_tuned, retuned)


def test_a_shaper_that_wins_is_said_to_win(capsys: pytest.CaptureFixture[str]) -> None:
    case = make_case()
    assert case.worst("ours") == ("damping double", 9)
    assert case.worst("ours", retuned=True) is None
    assert winners(case) == {
        "as tuned": "ours",
        "worst mismatch": "zv",
        "worst mismatch, re-tuned": "inverse",
        "motor errors": "zv",
    }
    table._show(Console(width=120), Recipe(), case)
    said = capsys.readouterr().out
    assert "worst mismatch: ZV shaper is best" in said
    assert "as tuned: learn-rt is best" in said


def test_the_part_that_is_printed_is_the_part_kept_out(tmp_path: Path) -> None:
    for name in ("bearing", "cube", "star"):
        (tmp_path / f"{name}.gcode").write_text(f"; {name}\n")
    parts = sorted(tmp_path.glob("*.gcode"))
    renamed = tmp_path / "mine.g"
    renamed.write_text("; cube\n")
    assert unseen_of(parts, renamed) == "cube"
    renamed.write_text("; mine\n")
    assert unseen_of(parts, renamed) == "bearing"


def test_work_is_done_once_for_the_same_inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("bearing", "cube", "star"):
        (tmp_path / f"{name}.gcode").write_text(f"; {name}\n")
    done: list[str] = []

    def shop() -> Workshop:
        stages = Stages(Console(quiet=True), 1, tmp_path / "memory.json", tmp_path / "logs")

        def run(name: str, script: str, *arguments: str | Path) -> str:
            done.append(script)
            Path(arguments[arguments.index("--out") + 1]).mkdir(parents=True)
            return ""

        monkeypatch.setattr(stages, "run", run)
        return Workshop(tmp_path / "work", stages, tmp_path, "bearing")

    shop().data(Recipe())
    again = shop()
    folder = again.data(Recipe())
    assert done == ["learn-data"]
    assert again.reused == {"data ender3v2"}
    (tmp_path / "cube.gcode").write_text("; another cube\n")
    assert shop().data(Recipe()) == folder
    assert done == ["learn-data", "learn-data"]


def test_names_tell_the_printer() -> None:
    assert Recipe().name == "printer"
    assert Recipe(plant="linear").name == "printer-linear"
    assert Recipe("fast", "linear").name == "printer-fast-linear"


@pytest.mark.parametrize("arguments", [[], ["dance"], ["print", "--machine", "toaster"]])
def test_a_wrong_use_of_learn_bench_exits_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        bench(arguments)
    assert ended.value.code == 2
    assert "learn-bench" in capsys.readouterr().err


def test_failures_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = tmp_path / "empty.gcode"
    empty.write_text("; nothing\n")
    assert demo.main(["--gcode", str(empty), "--parts", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    with pytest.raises(SystemExit) as ended:
        bench(
            ["print", "--gcode", str(tmp_path / "none.gcode"), "--parts", str(tmp_path), "--work", str(tmp_path / "w")]
        )
    assert ended.value.code == 1
    said = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in said if line.strip()] == ["demo", "learn-bench print"]
