"""The security page is true: with what its commands make, its client comes in, and nobody else."""

from __future__ import annotations

import json
import os
import re
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from learn_rt.client import connect
from learn_rt.v1 import predictor_pb2 as pb
from learn_rt.v1 import predictor_pb2_grpc as rpc

PAGE = (Path(__file__).parents[2] / "docs" / "security.md").read_text()
SHELL, PYTHON = re.findall(r"^```\w*\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)[:2]
# A machine of this test's own in place of the laboratory's.
CHANGED = {"IP:10.0.0.7": "IP:127.0.0.1", "grpcs://0.0.0.0:8443": "grpcs://127.0.0.1:0", "models/": "{models}"}


@pytest.fixture(scope="module")
def address(small_version: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the server listens that the page's commands started; the current folder is where they ran."""
    folder = tmp_path_factory.mktemp("lab")
    script = SHELL
    for written, changed in CHANGED.items():
        assert written in script, f"security.md no longer says {written!r}"
        script = script.replace(written, changed.format(models=small_version.parent.parent))
    before, serve = script.rsplit("\nlearn-serve", 1)
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    run: dict[str, Any] = {"cwd": folder, "env": environment, "text": True}
    subprocess.run(["bash", "-euo", "pipefail", "-c", before], check=True, capture_output=True, **run)
    command = ["bash", "-c", f"exec learn-serve {serve.strip()} --tls-client-ca ca.pem --json"]
    with pytest.MonkeyPatch.context() as patch, subprocess.Popen(command, stdout=subprocess.PIPE, **run) as server:
        patch.chdir(folder)
        assert server.stdout is not None
        assert select.select([server.stdout], [], [], 60)[0], "not ready"
        (listen,) = json.loads(server.stdout.readline())["listen"]
        yield listen
        server.terminate()
        assert server.wait(30) == 0


def test_files_that_are_secret_are_their_owners_alone(address: str) -> None:
    assert Path("token").stat().st_mode & 0o077 == 0
    for key in ("ca.key", "server.key"):  # openssl's own way
        assert Path(key).stat().st_mode & 0o077 == 0
    assert Path("token").read_text().strip() not in Path("tokens").read_text()


def test_the_pages_client_comes_in_with_a_certificate_and_the_token(address: str) -> None:
    make = "openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=arm -keyout arm.key -out arm.csr"
    sign = "openssl x509 -req -in arm.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 365 -out arm.pem"
    for command in (make, sign):
        subprocess.run(command.split(), check=True, capture_output=True)
    assert 'tls_ca="ca.pem", token_file="token")' in PYTHON
    mutual = 'tls_ca="ca.pem", tls_cert="arm.pem", tls_key="arm.key", token_file="token")'
    code = PYTHON.replace('tls_ca="ca.pem", token_file="token")', mutual)
    code = code.replace("grpcs://robots.lab:8443", address)
    names: dict[str, Any] = {"connect": connect}
    exec(code, names)
    with names["client"] as client:
        assert not client.predict([110.0, 110.0, 0.2, 0.0, 0.0], 20.0).disconnected
    keys = [Path(name).read_bytes() for name in ("ca.pem", "arm.key", "arm.pem")]
    with grpc.secure_channel(address.removeprefix("grpcs://"), grpc.ssl_channel_credentials(*keys)) as channel:
        bearer = (("authorization", f"Bearer {Path('token').read_text().strip()}"),)
        described = rpc.PredictorStub(channel).Describe(
            pb.DescribeRequest(model="printer"), metadata=bearer, timeout=20
        )
        assert described.version == 1


def test_without_certificate_or_token_nobody_comes_in(address: str) -> None:
    with pytest.raises(ConnectionError, match="it may ask for a certificate of its CA"):
        connect(address, "printer", tls_ca="ca.pem", token_file="token")
