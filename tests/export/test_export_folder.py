"""The model folder: versions whole or not at all, numbers that only grow, names that stay inside."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from learn_rt.export import export, folder, names
from learn_rt.spec import Kind, Signal, Spec, State
from learn_rt.train.core.servable import Servable


class Gain(Servable):
    """y = gain x: the smallest model there is."""

    def __init__(self, gain: float) -> None:
        super().__init__()
        self.register_buffer("gain", torch.tensor(gain))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gain

    def states(self) -> tuple[State, ...]:
        return ()

    def step(self, x: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        return (self.forward(x),)


SPEC = Spec("gain", Kind.POINTWISE, 0.01, (Signal("a", "m"),), (Signal("y", "m"),))
SAMPLES = np.array([[1.0], [-4.0], [2.0]], np.float32)


def write(out: Path, gain: float = 2.0, **options):
    options.setdefault("formats", ("torchscript",))
    return export(Gain(gain), options.pop("spec", SPEC), SAMPLES, out, **options)


def state(root: Path) -> dict[str, str]:
    files = (p for p in root.rglob("*") if p.is_file())
    return {str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_a_version_folder_holds_its_files_and_their_sums_and_nothing_is_left_beside_it(tmp_path):
    report = write(tmp_path / "deep" / "models")
    model = tmp_path / "deep" / "models" / "gain"
    assert report.folder == model / "1"
    assert sorted(p.name for p in model.iterdir()) == ["1", "config.pbtxt"]
    files = ["SHA256SUMS", "golden.npz", "model.pt", "spec.json"]
    assert sorted(p.name for p in report.folder.iterdir()) == files
    done = subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=report.folder, capture_output=True)
    assert done.returncode == 0
    assert len((report.folder / "SHA256SUMS").read_text().splitlines()) == 3


def test_other_weights_make_the_next_version_and_leave_the_first_as_it_was(tmp_path):
    first = write(tmp_path).folder
    before = state(first)
    assert write(tmp_path, gain=3.0).version == 2
    assert write(tmp_path, gain=4.0, version=9).version == 9
    assert write(tmp_path, gain=5.0).version == 10
    assert state(first) == before


def test_the_same_export_again_changes_nothing(tmp_path):
    write(tmp_path)
    before = state(tmp_path)
    again = write(tmp_path)
    assert (again.version, again.added) == (1, ())
    assert state(tmp_path) == before


def test_another_format_is_added_to_the_version_and_the_files_that_were_there_stay_the_same_files(tmp_path):
    first = write(tmp_path).folder
    before, inode = state(first), (first / "model.pt").stat().st_ino
    with (first / "model.pt").open("rb") as held:  # a server that has the version loaded
        again = write(tmp_path, formats=("pt2", "torchscript"))
        assert hashlib.sha256(held.read()).hexdigest() == before["model.pt"]
    assert (again.folder, again.added) == (first, ("model.pt2",))
    after = state(first)
    assert set(after) - set(before) == {"model.pt2"}
    assert {n for n in before if before[n] != after[n]} == {"SHA256SUMS"}
    assert (first / "model.pt").stat().st_ino == inode
    assert folder.read_sums(first).keys() == {"golden.npz", "model.pt", "model.pt2", "spec.json"}
    assert sorted(p.name for p in first.parent.iterdir()) == ["1", "config.pbtxt"]


def test_a_version_that_is_another_model_is_not_written_over(tmp_path):
    write(tmp_path)
    before = state(tmp_path)
    with pytest.raises(FileExistsError, match="leave --version out"):
        write(tmp_path, gain=3.0, version=1)
    assert state(tmp_path) == before


def test_nothing_is_added_to_a_version_whose_files_were_changed(tmp_path):
    first = write(tmp_path).folder
    (first / "model.pt").write_bytes(b"other")
    with pytest.raises(ValueError, match=r"model\.pt is missing or not the file"):
        write(tmp_path, formats=("pt2",))


def test_a_model_of_other_dimensions_does_not_fit_under_the_name(tmp_path):
    write(tmp_path)
    wider = replace(SPEC, inputs=(Signal("a", "m"), Signal("b", "m")), outputs=(Signal("y", "m"), Signal("z", "m")))
    with pytest.raises(ValueError, match=r"config\.pbtxt must hold `input .* dims: \[ 2 \]"):
        export(Gain(2.0), wider, np.ones((3, 2)), tmp_path, formats=("torchscript",))
    assert sorted(p.name for p in (tmp_path / "gain").iterdir()) == ["1", "config.pbtxt"]


def test_lines_that_the_owner_adds_to_config_pbtxt_stay(tmp_path):
    write(tmp_path)
    config = tmp_path / "gain" / "config.pbtxt"
    edited = config.read_text() + "instance_group [ { kind: KIND_CPU } ]\n"
    config.write_text(edited)
    assert write(tmp_path, gain=3.0).version == 2
    assert config.read_text() == edited


def test_the_name_given_is_the_name_in_every_file(tmp_path):
    report = write(tmp_path, name="left-arm_2")
    assert report.folder == tmp_path / "left-arm_2" / "1"
    assert Spec.from_json((report.folder / "spec.json").read_bytes()).name == "left-arm_2"
    assert 'name: "left-arm_2"' in (tmp_path / "left-arm_2" / "config.pbtxt").read_text()


def test_a_version_that_followers_or_triton_cannot_use_is_noted(tmp_path):
    triton = "Triton serves model.onnx, which this version lacks: add it with --format onnx"
    assert write(tmp_path).notes == (triton,)
    assert write(tmp_path, gain=3.0).notes == (triton,)
    slower = replace(SPEC, dt_s=0.02)
    first, second = write(tmp_path, gain=4.0, spec=slower).notes
    assert first.startswith("the contract is not that of version 2")
    assert second == triton


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../up", "a/b", "/etc", ".hidden", "-x", "a b", "a\n", "é", "１", "a" * 65]
)
def test_a_name_that_is_no_plain_folder_name_is_refused_before_anything_is_written(tmp_path, name):
    with pytest.raises(ValueError, match="name must be"):
        write(tmp_path / "models", name=name)
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize("version", [0, -1, names.MAX_VERSION + 1])
def test_a_version_that_is_no_positive_number_is_refused(tmp_path, version):
    with pytest.raises(ValueError, match="version must be"):
        write(tmp_path / "models", version=version)
    assert not (tmp_path / "models").exists()


def test_only_plain_numbers_are_versions(tmp_path):
    for name in ("1", "12", "0", "03", "2.tmp", ".tmp-1", "x", "１"):
        (tmp_path / name).mkdir()
    (tmp_path / "7").write_text("a file")
    assert folder.versions(tmp_path) == [1, 12]
    assert folder.versions(tmp_path / "none") == []


def test_exporters_of_one_model_at_the_same_time_take_turns(tmp_path):
    found: list[int] = []

    def one(number: int) -> None:
        with folder.staging(tmp_path / "m") as stage:
            (stage / "spec.json").write_text(str(number))
            taken = max(folder.versions(stage.parent), default=0) + 1
            found.append(int(folder.publish(stage, taken, SPEC).name))

    threads = [threading.Thread(target=one, args=(i,)) for i in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(found) == list(range(1, 9))
    assert sorted(p.name for p in (tmp_path / "m").iterdir()) == [*map(str, range(1, 9)), "config.pbtxt"]


def test_a_process_killed_at_any_moment_leaves_no_half_version(tmp_path):
    """The child is killed (SIGKILL) at its first, second, ... use of the file system, until one comes through."""
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("killed_exports.py"), tmp_path],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    kills = dict(line.split() for line in done.stdout.splitlines())
    assert int(kills["publish"]) > 15
    assert int(kills["add"]) > 15


KILLED = """
import os, signal, sys
from test_export_folder import write
def kill(text):
    if text.startswith("comparing"):
        os.kill(os.getpid(), signal.SIGKILL)
write(__import__("pathlib").Path(sys.argv[1]), say=kill)
"""


def test_what_a_killed_export_left_is_removed_by_the_next(tmp_path):
    command = [sys.executable, "-c", KILLED, tmp_path]
    done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True)
    assert done.returncode == -9, done.stderr
    left = sorted(p.name for p in (tmp_path / "gain").iterdir())
    assert left[0] == ".lock"
    assert left[1].startswith(".tmp-")
    assert len(left) == 2
    assert write(tmp_path).version == 1
    assert sorted(p.name for p in (tmp_path / "gain").iterdir()) == ["1", "config.pbtxt"]
