"""Layer files from an enemy: one error that names the file, no other file read, no memory without end."""

from __future__ import annotations

import resource
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from learn_rt.train.printer.layers import MAX_TICKS, UNITS, load_layers


@pytest.fixture
def layer(tmp_path: Path) -> Path:
    """A good file of 10 ticks, as another program may write it."""
    path = tmp_path / "layer01_ender3v2.mat"
    with h5py.File(path, "w") as file:
        group = file.create_group("simulation_data")
        for name in UNITS:
            group[name] = np.arange(10.0)[None]
        params = group.create_group("params")
        params["layer"], params["rate_hz"] = [[1.0]], [[500.0]]
        params["machine"] = np.array([[ord(c)] for c in "ender3v2"], np.uint16)
    return path


def test_a_file_of_another_program_is_read(layer: Path) -> None:
    (read,) = load_layers(layer.parent)
    assert (read.number, read.machine, read.rate_hz) == (1, "ender3v2", 500.0)
    assert read.reference.shape == (10, 3)


def replaced(name: str, make: Callable[[h5py.Group, str], object]) -> Callable[[h5py.Group], None]:
    def spoil(group: h5py.Group) -> None:
        del group[name]
        make(group, name)

    return spoil


def huge(group: h5py.Group, name: str) -> None:
    group.create_dataset(name, shape=(1, 10**13), dtype="f8", chunks=(1, 1024))


def huge_chunk(group: h5py.Group, name: str) -> None:
    group.create_dataset(name, shape=(1, 10), maxshape=(1, None), dtype="f8", chunks=(1, 10 * MAX_TICKS))


def beside(group: h5py.Group, name: str) -> None:
    group.create_dataset(name, shape=(10,), dtype="u1", external=[("/etc/passwd", 0, 10)])


def virtual(group: h5py.Group, name: str) -> None:
    layout = h5py.VirtualLayout(shape=(10,), dtype="f8")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", shape=(10,))
    group.create_virtual_dataset(name, layout)


def link(group: h5py.Group, name: str) -> None:
    group[name] = h5py.ExternalLink("/etc/passwd", "/x")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (replaced("x_ref", lambda group, name: None), "x_ref must be a dataset"),
        (replaced("x_ref", lambda group, name: group.create_group(name)), "x_ref must be a dataset"),
        (replaced("x_ref", lambda group, name: group.create_dataset(name, data=["a"] * 10)), "plain numbers"),
        (replaced("x_ref", lambda group, name: group.create_dataset(name, data=h5py.Empty("f8"))), "plain numbers"),
        (replaced("x_ref", huge), "at most 4,000,000 numbers, got 10000000000000"),
        (replaced("x_ref", huge_chunk), "at most 4,000,000"),
        (replaced("x_ref", beside), "plain numbers"),
        (replaced("x_ref", virtual), "plain numbers"),
        (replaced("x_ref", link), "x_ref must be a dataset of this file"),
        (replaced("params", link), "params must be a group of this file"),
        (replaced("x_ref", lambda group, name: group.create_dataset(name, data=np.full(10, np.nan))), "10 finite"),
        (replaced("x_ref", lambda group, name: group.create_dataset(name, data=np.full(10, 1e300))), "10 finite"),
        (replaced("x_ref", lambda group, name: group.create_dataset(name, data=np.zeros(9))), "10 finite"),
        (replaced("feature", lambda group, name: group.create_dataset(name, data=np.full(10, 1000))), "feature"),
        (replaced("layer_num", lambda group, name: group.create_dataset(name, data=np.full(10, 1e10))), "layer_num"),
        (replaced("params/layer", lambda group, name: group.create_dataset(name, data=[[np.inf]])), "number"),
        (replaced("params/rate_hz", lambda group, name: group.create_dataset(name, data=[[np.nan]])), "rate"),
        (replaced("params/machine", lambda group, name: group.create_dataset(name, data=[1e99])), "too large"),
    ],
)
def test_a_hostile_member_is_an_error_that_names_the_file(
    layer: Path, spoil: Callable[[h5py.Group], None], says: str
) -> None:
    with h5py.File(layer, "r+") as file:
        spoil(file["simulation_data"])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ValueError, match=says) as caught:
        load_layers(layer.parent)
    assert str(layer) in str(caught.value)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB
