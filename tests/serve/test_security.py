"""Who may speak to learn-serve: TLS, certificates of clients, tokens, and what it does not listen on."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton
from certificates import Certificates, certificates
from tritonclient.utils import InferenceServerException

from learn_rt.v1 import predictor_pb2 as pb
from learn_rt.v1 import predictor_pb2_grpc as rpc

SERVING = b"\x08\x01"  # a HealthCheckResponse
DESCRIBE = pb.DescribeRequest(model="printer")


@pytest.fixture(scope="module")
def files(once: Any) -> Certificates:
    return certificates(once)


@pytest.fixture(scope="module")
def guarded(served: Any, files: Certificates, launch_once: Any, tmp_path_factory: Any) -> Iterator[dict[str, str]]:
    """Targets by scheme of a server with TLS, clients' certificates and tokens."""
    options = ("--tls-client-ca", files["ca.pem"], "--tokens", files["tokens"], "--listen", "grpc://127.0.0.1:0")
    socket = tmp_path_factory.mktemp("socket") / "s"
    with launch_once(served.repository, *files.server(*options), "--listen", f"unix:{socket}") as serving:
        tls, plain, unix = serving.addresses
        yield {"grpcs": tls.removeprefix("grpcs://"), "grpc": plain.removeprefix("grpc://"), "unix": unix}
        status, logged = serving.stop()
    assert status == 0
    assert files.token not in logged


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {token}"),)


def of_client(files: Certificates, name: str = "client") -> grpc.ChannelCredentials:
    return grpc.ssl_channel_credentials(*files.pem("ca.pem", f"{name}.key", f"{name}.pem"))


def refusal(stub: Any, metadata: Any = ()) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as caught:
        stub.Describe(DESCRIBE, metadata=metadata, timeout=20)
    return caught.value.code(), caught.value.details()


def test_the_right_certificate_and_token_come_in(guarded: dict[str, str], files: Certificates) -> None:
    with grpc.secure_channel(guarded["grpcs"], of_client(files)) as channel:
        stub = rpc.PredictorStub(channel)
        assert stub.Describe(DESCRIBE, metadata=bearer(files.token), timeout=20).version == 1


@pytest.mark.parametrize("over", ["grpcs", "grpc"])
@pytest.mark.parametrize(
    ("metadata", "cause"),
    [
        ((), "no token: send `authorization: Bearer TOKEN`"),
        (bearer("0" * 64), "the token is not one that this server knows"),
        (bearer(""), "the token is not one that this server knows"),
        ((("authorization", "Basic eDp5"),), "the authorization is no bearer token: `Bearer TOKEN`"),
        (bearer("a") + bearer("b"), "more than one authorization"),
    ],
)
def test_no_other_token_does(
    guarded: dict[str, str], files: Certificates, over: str, metadata: tuple[tuple[str, str], ...], cause: str
) -> None:
    opened = grpc.secure_channel(guarded["grpcs"], of_client(files)) if over == "grpcs" else None
    with opened or grpc.insecure_channel(guarded["grpc"]) as channel:
        assert refusal(rpc.PredictorStub(channel), metadata) == (grpc.StatusCode.UNAUTHENTICATED, cause)
        with pytest.raises(grpc.RpcError) as caught:
            list(rpc.PredictorStub(channel).Predict(iter([]), metadata=metadata, timeout=20))
        assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize("over", ["grpcs", "grpc"])
def test_health_needs_no_token(guarded: dict[str, str], files: Certificates, over: str) -> None:
    opened = grpc.secure_channel(guarded["grpcs"], of_client(files)) if over == "grpcs" else None
    with opened or grpc.insecure_channel(guarded["grpc"]) as channel:
        assert channel.unary_unary("/grpc.health.v1.Health/Check")(b"", timeout=20) == SERVING


def test_the_owners_unix_socket_needs_none(guarded: dict[str, str]) -> None:
    with grpc.insecure_channel(guarded["unix"]) as channel:
        assert rpc.PredictorStub(channel).Describe(DESCRIBE, timeout=20).version == 1


@pytest.mark.parametrize("who", ["nobody", "stranger"])
def test_a_client_without_a_certificate_of_the_authority_is_hung_up_on(
    guarded: dict[str, str], files: Certificates, who: str
) -> None:
    credentials = of_client(files, who) if who != "nobody" else grpc.ssl_channel_credentials(*files.pem("ca.pem"))
    with grpc.secure_channel(guarded["grpcs"], credentials) as channel:
        assert refusal(rpc.PredictorStub(channel), bearer(files.token))[0] is grpc.StatusCode.UNAVAILABLE


def test_tritonclient_infers_over_tls_with_a_token(guarded: dict[str, str], files: Certificates, served: Any) -> None:
    windows = served.sliding(served.path(20))
    x = triton.InferInput("x", list(windows.shape), "FP32")
    x.set_data_from_numpy(windows)
    keys = {"root_certificates": "ca.pem", "private_key": "client.key", "certificate_chain": "client.pem"}
    ssl = {option: files[name] for option, name in keys.items()}
    with triton.InferenceServerClient(guarded["grpcs"], ssl=True, **ssl) as client:
        answers = client.infer("printer", [x], headers=dict(bearer(files.token))).as_numpy("y")
        with pytest.raises(InferenceServerException, match="no token"):
            client.infer("printer", [x])
    np.testing.assert_allclose(answers, served.oracle(windows), rtol=0, atol=2 * served.spec.tolerance)


def fails(*arguments: str | Path) -> str:
    """Return the one line that learn-serve says when it cannot start."""
    command = [sys.executable, "-m", "learn_rt.serve.cli", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    return line.removeprefix("learn-serve: ")


@pytest.mark.parametrize(
    ("options", "cause"),
    [
        ("--listen grpc://0.0.0.0:0", "is open to the network: listen on grpcs://0.0.0.0:0 with .* or say --insecure"),
        ("--listen grpc://[::]:0", "is open to the network"),
        ("--listen grpcs://127.0.0.1:0", "grpcs://127.0.0.1:0 needs --tls-cert and --tls-key"),
        ("--listen grpc://0.0.0.0:0 --insecure --tokens @tokens", "would show the tokens to the network"),
        ("--listen unix:/tmp/s --tokens @tokens", "--tokens guards TCP addresses, and there is none"),
        ("--tls-cert @server.pem --tls-key @server.key", "--tls-cert is for a grpcs:// address, and there is none"),
        ("--listen grpcs://127.0.0.1:0 --tls-cert @server.pem", "--tls-cert and --tls-key go together"),
        ("--tls-client-ca @ca.pem", "--tls-client-ca needs --tls-cert and --tls-key"),
        ("@tls --tls-cert @server.pem --tls-key @client.key", r"client.key is no private key in PEM, .* mismatch"),
        ("@tls --tls-cert @token --tls-key @server.key", "token is no certificate in PEM"),
        (
            "@tls --tls-cert @expired.pem --tls-key @expired.key",
            r"expired.pem has expired on 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC: renew it",
        ),
        ("@tls --tls-cert @none.pem --tls-key @server.key", "none.pem: No such file or directory"),
        ("--tokens @token", "token, line 1 is not `sha256:SALT:HASH`, as `learn-serve --hash-token` writes it"),
        ("--tokens @empty", "empty holds no token: nobody could come in"),
    ],
)
def test_what_would_be_open_or_broken_is_one_line(served: Any, files: Certificates, options: str, cause: str) -> None:
    (files.folder / "empty").write_text("# nobody yet\n")
    options = options.replace("@tls", "--listen grpcs://127.0.0.1:0")
    line = fails(served.repository, *re.sub("@", f"{files.folder}/", options).split())
    assert re.search(cause, line), line
    assert files.token not in line


def test_insecure_is_said_aloud(launch: Any, served: Any) -> None:
    with launch(served.repository, "--listen", "grpc://0.0.0.0:0", "--insecure", "--json") as serving:
        assert serving.addresses[0].startswith("grpc://0.0.0.0:")


def hash_token(token: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "learn_rt.serve.cli", "--hash-token"]
    return subprocess.run(command, input=token, capture_output=True, text=True, timeout=60, check=False)


def test_a_hashed_token_lets_in(launch: Any, served: Any, tmp_path: Path) -> None:
    token = "correct-horse-battery-staple"
    first, second = hash_token(token + "\n"), hash_token(token)
    assert first.returncode == second.returncode == 0
    assert first.stdout != second.stdout  # a salt each
    assert token not in first.stdout + first.stderr
    (tmp_path / "tokens").write_text(first.stdout)
    options = ("--listen", "grpc://127.0.0.1:0", "--tokens", tmp_path / "tokens", "--json")
    with (
        launch(served.repository, *options) as serving,
        grpc.insecure_channel(serving.addresses[0].removeprefix("grpc://")) as channel,
    ):
        stub = rpc.PredictorStub(channel)
        assert stub.Describe(DESCRIBE, metadata=bearer(token), timeout=20).version == 1
        assert refusal(stub, bearer(token + "x"))[0] is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize("token", ["", "short", "with a space in it, yet long", "äöü" * 10])
def test_a_weak_token_is_not_hashed(token: str) -> None:
    done = hash_token(token)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("learn-serve: a token must have at least 24 printable ASCII characters")
