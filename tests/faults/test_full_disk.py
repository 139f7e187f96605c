"""A disk that is full: what cannot be written is said, what was there stays, and serving goes on."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from learn_rt.client import connect
from learn_rt.record import read

SMALL = "64k"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of 64 KiB."""
    mounted = tmp_path / "disk"
    mounted.mkdir()
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if mount is None or umount is None or os.geteuid() != 0:
        pytest.skip("needs root and mount, for a disk that is small")
    done = subprocess.run(
        [mount, "-t", "tmpfs", "-o", f"size={SMALL}", "none", str(mounted)], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        pytest.skip(f"may not mount a small disk: {done.stderr.strip()}")
    yield mounted
    subprocess.run([umount, "--lazy", str(mounted)], check=True)


def fill(disk: Path) -> Path:
    """Leave no room on it; return the file that takes it."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass
    return filler


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_recording_that_does_not_fit_is_said_and_leaves_the_ones_before(
    launch: Any, served: Any, disk: Path, tmp_path: Path
) -> None:
    samples = served.path(2000)
    listen = ("--listen", f"unix:{tmp_path}/s", "--metrics", "127.0.0.1:0", "--json", "--drain-s", "0")
    (boxes := disk / "boxes").mkdir()
    with launch(served.repository, *listen, "--record", boxes) as serving:
        with connect(f"unix:{tmp_path}/s", "printer", rest=samples[0]) as client:
            client.run(samples[:50])
            serving.process.send_signal(signal.SIGUSR1)
            serving.until("learn_rt_recordings_total", 1)
            (good,) = boxes.glob("*.lrec")
            before = good.read_bytes()
            filler = fill(disk)
            client.run(samples[50:])  # the disk has no say in this
            serving.process.send_signal(signal.SIGUSR1)
            serving.until("learn_rt_recording_failures_total", 1)
            assert good.read_bytes() == before
            assert files(boxes) == [good.name]
            assert client.predict(samples[-1], 10.0).values.shape == (2,)
            filler.unlink()
            serving.process.send_signal(signal.SIGUSR1)  # there is room again, but too little
            serving.until("learn_rt_recording_failures_total", 2)
            assert files(boxes) == [good.name]
        status, logged = serving.stop()
    assert status == 0
    assert logged.count("No space left on device") == 2
    assert read(good).reason == "request"


def test_a_client_that_cannot_write_its_recording_says_so_and_goes_on(served: Any, disk: Path) -> None:
    samples = served.path(100)
    with connect(
        f"inproc:{served.repository}", "printer", rest=samples[0], record=str(disk), connect_timeout_s=60
    ) as client:
        client.run(samples)
        filler = fill(disk)
        with pytest.raises(RuntimeError, match="No space left on device"):
            client.dump()
        assert files(disk) == ["filler"]
        assert client.predict(samples[-1], 10.0).values.shape == (2,)
        filler.unlink()
        assert read(client.dump()).reason == "request"


def test_an_export_that_does_not_fit_leaves_the_version_before(small: Any, small_version: Path, disk: Path) -> None:
    from learn_rt.export import export_servable

    subprocess.run(["mount", "-o", "remount,size=1m", str(disk)], check=True)
    models = disk / "models"
    shutil.copytree(small_version, models / "printer" / "1", ignore=shutil.ignore_patterns("model.pt*"))
    before = {path.name: path.read_bytes() for path in (models / "printer" / "1").iterdir()}
    fill(disk)
    with pytest.raises(OSError, match="No space left on device"):
        export_servable(small.module, small.spec, small.held_out, models, formats=("onnx",))
    assert [path.name for path in (models / "printer").iterdir() if path.is_dir()] == ["1"]
    assert {path.name: path.read_bytes() for path in (models / "printer" / "1").iterdir()} == before


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_log_on_a_full_disk_stops_nothing(served: Any, tmp_path: Path, form: str) -> None:
    listen = ["--listen", f"unix:{tmp_path}/s", "--log-format", form, "--drain-s", "0"]
    command = [sys.executable, "-m", "learn_rt.serve.cli", str(served.repository), *listen]
    samples = served.path(200)
    with Path("/dev/full").open("wb") as full, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=full) as server:
        assert server.stdout is not None
        assert server.stdout.readline()
        for _ in range(3):
            with connect(f"unix:{tmp_path}/s", "printer", rest=samples[0]) as client:
                client.run(samples)
        server.terminate()
        assert server.wait(30) == 0
