"""Other users of the machine: what is ours they cannot read, and what is theirs is not taken for ours."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from learn_rt.client import connect

STRANGER = 65534
SEGMENT = 12 << 20


@pytest.fixture
def squatted() -> Iterator[str]:
    """The name of a segment that another user made, open to all."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to make another user's file")
    name = f"test-squatted-{os.getpid()}"
    path = Path(f"/dev/shm/learn-rt.{name}")
    with path.open("wb") as file:
        file.truncate(SEGMENT)
    path.chmod(0o666)
    os.chown(path, STRANGER, STRANGER)
    yield name
    path.unlink(missing_ok=True)


def test_another_users_segment_is_not_asked(squatted: str) -> None:
    with pytest.raises(ConnectionError, match=f"not this user's alone .owner {STRANGER}.: use a Unix socket"):
        connect(f"shm:{squatted}", "printer")


def test_another_users_segment_is_not_taken_over(squatted: str, served: Any) -> None:
    command = [sys.executable, "-m", "learn_rt.serve.cli", str(served.repository), "--listen", f"shm:{squatted}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    file = f"/dev/shm/learn-rt.{squatted}"
    assert done.stderr == f"learn-serve: shm:{squatted}: {file} is another user's: take another name\n"
    assert Path(file).stat().st_size == SEGMENT


def test_recordings_and_sockets_are_their_owners_alone_whatever_the_umask(
    launch: Any, served: Any, tmp_path: Path
) -> None:
    before = os.umask(0)
    try:
        with launch(served.repository, "--listen", f"unix:{tmp_path}/s") as serving:
            samples = served.path(20)
            with connect(f"unix:{tmp_path}/s", "printer", record=str(tmp_path / "boxes")) as client:
                client.run(samples)
                recording = client.dump()
            modes = [path.stat().st_mode & 0o777 for path in (tmp_path / "s", recording)]
            assert serving.stop()[0] == 0
    finally:
        os.umask(before)
    assert modes == [0o600, 0o600]


@pytest.mark.parametrize("name", ["../models/printer", "/etc", "..", "printer/../printer", ".hidden", "printer\0x", ""])
def test_a_name_that_leaves_the_repository_is_no_model(launch_server: str, name: str) -> None:
    import tritonclient.grpc as triton
    from tritonclient.utils import InferenceServerException

    with triton.InferenceServerClient(launch_server) as client:
        for call in (client.load_model, client.unload_model, client.get_model_metadata, client.get_model_config):
            with pytest.raises(InferenceServerException, match=r"NOT_FOUND"):
                call(name)
        with pytest.raises(InferenceServerException, match=r"NOT_FOUND|INVALID_ARGUMENT"):
            client.get_model_metadata("printer", model_version=name or "../1")


@pytest.fixture(scope="module")
def launch_server(launch_once: Any, served: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server."""
    address = f"unix:{tmp_path_factory.mktemp('names')}/s"
    with launch_once(served.repository, "--listen", address, "--drain-s", "0") as serving:
        yield address
        assert serving.stop()[0] == 0
