"""Checkpoints: whole or not at all, and read without running anything."""

from __future__ import annotations

import contextlib
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from learn_rt.train.core import checkpoint
from learn_rt.train.printer.model import OffsetNet, OffsetNetConfig
from learn_rt.train.printer.untrained import write_untrained

SMALL = OffsetNetConfig(steps=6, preview=2, front_size=4, hidden_size=5)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_untrained(tmp_path / "net.ckpt", SMALL, n_windows=8)
    return tmp_path / "net.ckpt"


def test_a_checkpoint_gives_back_module_spec_and_windows(path: Path) -> None:
    module, spec, windows = checkpoint.load_servable(path)
    assert isinstance(module, OffsetNet)
    assert not module.training
    assert (spec.window, spec.preview, spec.n_features, spec.n_outputs) == (7, 2, 5, 2)
    assert windows.shape == (8, 7, 5)
    assert windows.dtype == np.float32
    assert spec.normalization.mean == tuple(map(float, module.mean))


def test_every_cut_of_the_file_is_one_clear_error(path: Path) -> None:
    whole = path.read_bytes()
    for size in (0, 1, 100, len(whole) // 2, len(whole) - 30):
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match=r"net\.ckpt: not a checkpoint") as caught:
            checkpoint.load(path)
        assert "\n" not in str(caught.value)


def test_a_pickle_that_runs_code_is_refused_and_does_not_run(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "ran",))

    path = tmp_path / "evil.ckpt"
    path.write_bytes(pickle.dumps({"format": checkpoint.FORMAT, "model": Evil()}, protocol=2))
    with pytest.raises(ValueError, match="not a checkpoint"):
        checkpoint.load(path)
    torch.save({"format": checkpoint.FORMAT, "model": Evil()}, path)
    with pytest.raises(ValueError, match="not a checkpoint"):
        checkpoint.load(path)
    assert not (tmp_path / "ran").exists()


def test_damaged_bytes_in_the_pickle_are_one_error(path: Path) -> None:
    with zipfile.ZipFile(path) as file:
        members = {name: file.read(name) for name in file.namelist()}
    random = np.random.default_rng(1)
    for _ in range(300):
        with zipfile.ZipFile(path, "w") as file:
            for name, data in members.items():
                damaged = bytearray(data)
                if name.endswith("data.pkl"):
                    for at in random.integers(0, len(data), 3):
                        damaged[at] = random.integers(256)
                file.writestr(name, bytes(damaged))
        with contextlib.suppress(ValueError):  # a name or a number may change without harm
            checkpoint.load_servable(path)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("format", "learn_rt.checkpoint/9", "not a checkpoint of format"),
        ("model", None, "'model' must be a dict"),
        ("spec", "{}", "do not fit"),
        ("config", {"net": {"steps": 9, "preview": 2}}, "do not fit"),
        ("system", "spaceship", "no system=spaceship"),
        ("config", {"net": {"hidden_size": 10**6}}, "net.hidden_size must be 1 to 2048"),
        ("held_out", torch.zeros(1).expand(10**12, 7, 5), "held_out must be plain float32"),
        ("held_out", torch.zeros(3, 7, 5).to_sparse(), "held_out must be plain float32"),
        ("held_out", torch.zeros(3, 7, 4), "held_out must be plain float32"),
    ],
)
def test_parts_that_do_not_belong_together_are_an_error(path: Path, key: str, value: Any, message: str) -> None:
    contents = torch.load(path, weights_only=True)
    torch.save(contents | {key: value}, path)
    with pytest.raises(ValueError, match=message):
        checkpoint.load_servable(path)


def test_a_write_that_fails_leaves_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = path.read_bytes()

    def fail(contents: Any, file: Any) -> None:
        file.write(b"half of it")
        raise OSError("disk full")

    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises(OSError, match="disk full"):
        checkpoint.save(path, {})
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]
