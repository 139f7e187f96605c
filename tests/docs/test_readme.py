"""The README is true: its commands run one after another as they stand, and its links lead somewhere."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
# What is changed in the blocks: few windows to train on, and a latency gate that no machine can miss (a test asserts no
# timing). Everything else runs as it is written.
CHANGED = {
    "out=runs/printer": "out=runs/printer loop.epochs=1 stretches.train=32 targets.rounds=2",
    "name=arm out=runs/arm": "name=arm out=runs/arm loop.epochs=1",
    "--learn-transports inproc,unix": "--learn-transports inproc,unix --learn-budget-us 1e6 --learn-seconds 1",
}


def blocks() -> list[tuple[str, str]]:
    return re.findall(r"^```(bash|python)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def wait_until_served(address: str, seconds: float = 60.0) -> None:
    from learn_rt.client import connect

    end = time.monotonic() + seconds
    while True:
        try:
            connect(address, "printer").close()
            return
        except ConnectionError:
            if time.monotonic() > end:
                raise


@pytest.mark.timeout(900)
def test_the_readmes_blocks_run_as_they_stand(tmp_path):
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    environment.pop("PYTEST_ADDOPTS", None)
    socket = f"unix:{tmp_path}/learn.sock"
    server = None
    try:
        for kind, text in blocks():
            for written, changed in CHANGED.items():
                text = text.replace(written, changed)
            # a port and a socket of this test's own
            text = text.replace("grpc://127.0.0.1:8001", "grpc://127.0.0.1:0").replace("unix:/tmp/learn.sock", socket)
            served = re.search(r"^(learn-serve .*?) &$", text, re.MULTILINE)
            script = text.replace(served[0], "") if served else text
            command = ["bash", "-euo", "pipefail", "-c", script] if kind == "bash" else [sys.executable, "-c", script]
            done = subprocess.run(
                command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600, check=False
            )
            assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
            if served:
                server = subprocess.Popen(["bash", "-c", f"exec {served[1]}"], cwd=tmp_path, env=environment)
                wait_until_served(socket)
    finally:
        if server:
            server.send_signal(signal.SIGTERM)
            assert server.wait(20) == 0
    assert server, "the README serves a model"


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda p: p.name
)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        assert "://" in target or (page.parent / target).exists(), f"{page.name}: {target}"
