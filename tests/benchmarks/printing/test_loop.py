"""Offsets asked from a real server, tick by tick, are those of the module on each whole window."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from learn_rt.benchmarks.latency.serving import serving
from learn_rt.benchmarks.printing.parts import read_part
from learn_rt.benchmarks.printing.printer import Printer, Stretch
from learn_rt.train.core.checkpoint import load_servable
from learn_rt.train.printer.machine import load_machine
from learn_rt.train.printer.plant import LINEAR
from learn_rt.train.printer.untrained import write_untrained

pytest.importorskip("learn_rt._client", reason="the client is not built")
pytest.importorskip("learn_rt._serve", reason="the server is not built")
MACHINE = load_machine("ender3v2")


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Small nets are slower on many threads, much slower when the machine is busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("run") / "untrained.pt"
    write_untrained(path)
    return path


@pytest.fixture(scope="module")
def addresses(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    from learn_rt.export.cli import main

    repository = tmp_path_factory.mktemp("models")
    assert main([str(checkpoint), "--format", "onnx", "--out", str(repository)]) == 0
    with serving(repository, checkpoint.with_name("s.sock"), None) as served:
        yield served | {"inproc": f"inproc:{repository}"}


@pytest.fixture(scope="module")
def stretch(tmp_path_factory: pytest.TempPathFactory) -> Stretch:
    path = tmp_path_factory.mktemp("part") / "zigzag.gcode"
    turns = [f"G1 X{100 + 3 * i} Y{100 + 5 * (i % 2)} E1" for i in range(6)]
    path.write_text("\n".join(["G90", "M83", "G1 X100 Y100 Z0.2 F3600", *turns]) + "\n")
    part = read_part(path, MACHINE)
    return part.stretch(part.layers[0])


@pytest.mark.parametrize("transport", ["inproc", "unix", "grpc"])
def test_every_tick_gets_the_answer_to_its_own_window(
    transport: str, addresses: dict[str, str], checkpoint: Path, stretch: Stretch
) -> None:
    from learn_rt.benchmarks.printing.loop import Served

    module, spec, _ = load_servable(checkpoint)
    x = stretch.samples
    still = x[[0, -1]].copy()
    before, after = np.repeat(still[:1], spec.window - 1 - spec.preview, 0), np.repeat(still[1:], spec.preview, 0)
    windows = np.lib.stride_tricks.sliding_window_view(np.concatenate([before, x, after]), spec.window, axis=0)
    with torch.no_grad():
        wanted = module.double()(torch.from_numpy(windows.swapaxes(1, 2).astype(np.float64))).numpy()
    served = Served.at(addresses[transport], spec.name)
    got = served.offsets(stretch)
    assert got.shape == (len(x), 2)
    assert np.abs(wanted).max() > 1e-3
    assert served.flags["answers"] == len(x)
    assert served.flags["warming_up"] == served.flags["refused"] == served.flags["late"] == 0
    if not served.flags["limited"]:
        assert got == pytest.approx(wanted, abs=1e-5 * np.abs(wanted).max())
    assert not got[0].any()


def test_the_offsets_move_the_nozzle(addresses: dict[str, str], stretch: Stretch) -> None:
    from learn_rt.benchmarks.printing.loop import Served

    printer = Printer(MACHINE, LINEAR)
    moved = Served.at(addresses["grpc"], "printer").print(printer, stretch) - printer.print(stretch)
    assert 1e-4 < np.abs(moved).max() < 1.0
    assert np.abs(moved[-1]).max() < 1e-3


def test_a_model_that_is_not_served_is_an_error(addresses: dict[str, str], stretch: Stretch) -> None:
    from learn_rt.benchmarks.printing.loop import Served

    with pytest.raises(ConnectionError, match="missing"):
        Served.at(addresses["unix"], "missing").offsets(stretch)
