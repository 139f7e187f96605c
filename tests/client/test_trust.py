"""The client over TLS: what it trusts, what it shows, and what it says of a server that it does not trust."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from certificates import Certificates, certificates
from rollout_net import cart_spec

from learn_rt import runtime
from learn_rt.client import connect

DATE = r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC"


@pytest.fixture(scope="module")
def files(once: Any) -> Certificates:
    return certificates(once)


@pytest.fixture(scope="module")
def guarded(repository: Path, serve_secure: Callable[..., tuple[Any, str]], files: Certificates) -> str:
    """The address of a server with TLS that asks for certificates and tokens."""
    return serve_secure(repository, files.server("--tls-client-ca", files["ca.pem"], "--tokens", files["tokens"]))[1]


def identity(files: Certificates, name: str = "client") -> dict[str, str]:
    return {"tls_ca": files["ca.pem"], "tls_cert": files[f"{name}.pem"], "tls_key": files[f"{name}.key"]}


def refusal(*arguments: Any, error: type[Exception] = ConnectionError, **keywords: Any) -> str:
    with pytest.raises(error) as caught:
        connect(*arguments, **keywords)
    return str(caught.value)


@contextmanager
def impostor(files: Certificates, name: str, address: str = "127.0.0.1:0") -> Iterator[str]:
    """Something that answers TLS with the certificate of that name; its address."""
    server = grpc.server(futures.ThreadPoolExecutor(1))
    port = server.add_secure_port(address, grpc.ssl_server_credentials([files.pem(f"{name}.key", f"{name}.pem")]))
    server.start()
    yield f"grpcs://127.0.0.1:{port}"
    server.stop(None).wait()


def _is_known(host: str) -> bool:
    try:
        return bool(socket.getaddrinfo(host, None))
    except OSError:
        return False


NAMED = pytest.param(
    "localhost", marks=pytest.mark.skipif(not _is_known("localhost"), reason="this machine knows no localhost by name")
)


@pytest.mark.parametrize("host", ["127.0.0.1", NAMED])
@pytest.mark.parametrize("wait", ["doze", "spin"])
def test_answers_are_those_of_a_session(
    guarded: str, files: Certificates, repository: Path, path: Any, host: str, wait: Any
) -> None:
    samples = path(100)
    address = guarded.replace("127.0.0.1", host)
    with connect(address, "printer", **identity(files), token_file=files["token"], wait=wait) as client:
        answers, _ = client.run(samples)
    session = runtime.load(repository / "printer" / "1").session()
    np.testing.assert_array_equal(answers, np.stack([session.step(s)[0] for s in samples]))


def test_a_token_that_is_not_known_is_the_cause(guarded: str, files: Certificates) -> None:
    known = identity(files)
    assert "UNAUTHENTICATED: no token: send" in refusal(guarded, "printer", **known)
    wrong = refusal(guarded, "printer", **known, token="x" * 32)
    assert wrong.endswith("UNAUTHENTICATED: the token is not one that this server knows")
    assert "x" * 32 not in wrong


def test_without_a_certificate_of_its_own_the_cause_says_which(guarded: str, files: Certificates) -> None:
    for keywords in ({"tls_ca": files["ca.pem"]}, identity(files, "stranger")):
        assert refusal(guarded, "printer", **keywords, token_file=files["token"]).endswith(
            "(it may ask for a certificate of its CA: tls_cert and tls_key)"
        )


def test_a_server_that_is_not_trusted_is_refused_with_the_cause(guarded: str, files: Certificates) -> None:
    trusted = {"tls_ca": files["ca.pem"]}
    with impostor(files, "expired") as address:
        assert re.search(rf"\(certificate has expired on {DATE}\)$", refusal(address, "printer", **trusted))
    with impostor(files, "elsewhere") as address:
        assert refusal(address, "printer", **trusted).endswith("Peer name 127.0.0.1 is not in peer certificate")
    with impostor(files, "server") as address:
        for unknown in ({"tls_ca": files["other.pem"]}, {}):
            assert refusal(address, "printer", **unknown).endswith("(unable to get local issuer certificate)")
    assert refusal(guarded.replace("grpcs", "grpc"), "printer").endswith("(it may speak TLS: grpcs://)")


def test_a_certificate_of_the_clients_that_is_over_is_said_with_its_date(guarded: str, files: Certificates) -> None:
    over = {"tls_ca": files["ca.pem"], "tls_cert": files["expired.pem"], "tls_key": files["expired.key"]}
    said = refusal(guarded, "printer", **over, token_file=files["token"])
    assert re.search(rf"tls_cert \S+expired.pem has expired on {DATE}: renew it$", said), said


def test_a_certificate_that_expires_is_the_last_error(
    repository: Path, serve_secure: Callable[..., tuple[Any, str]], files: Certificates
) -> None:
    process, address = serve_secure(repository, files.server())
    with connect(address, "printer", tls_ca=files["ca.pem"]) as client:
        process.terminate()
        process.wait(20)
        with impostor(files, "expired", address.removeprefix("grpcs://")):
            end = time.monotonic() + 20
            while "certificate has expired" not in client.last_error:
                assert client.predict(np.zeros(5, np.float32), deadline_us=500).values.shape == (2,)
                assert time.monotonic() < end, client.last_error
                time.sleep(0.01)


def test_rollouts_go_over_tls_too(
    cart_version: Path, serve_secure: Callable[..., tuple[Any, str]], files: Certificates
) -> None:
    _, address = serve_secure(cart_version.parent.parent, files.server("--tokens", files["tokens"]))
    spec, trusted = cart_spec(), {"tls_ca": files["ca.pem"]}
    assert "UNAUTHENTICATED" in refusal(address, "cart", **trusted)
    n_actions = len(spec.inputs) - len(spec.outputs)
    with connect(address, "cart", **trusted, token=files.token) as client:
        client.observe(np.zeros(len(spec.outputs)), np.zeros(n_actions))
        assert client.rollout(np.zeros((2, 3, n_actions)), deadline_s=20).states.shape == (2, 3, len(spec.outputs))


@pytest.mark.parametrize(
    ("address", "options", "cause"),
    [
        (
            "grpc://192.0.2.1:8001",
            {"token": "t"},
            "grpc:// would show the token to the network: use grpcs://192.0.2.1:8001",
        ),
        ("grpc://127.0.0.1:1", {"tls_ca": "f"}, "tls_ca, tls_cert and tls_key are for grpcs://HOST:PORT"),
        ("grpcs://127.0.0.1:1", {"tls_cert": "f"}, "tls_cert and tls_key go together"),
        ("grpcs://127.0.0.1:1", {"token": "t", "token_file": "f"}, "token and token_file exclude each other"),
        ("grpcs://127.0.0.1:1", {"token": "a b"}, "a token must be printable ASCII without spaces"),
        ("grpcs://127.0.0.1:1", {"tls_ca": "/none"}, "tls_ca /none: No such file or directory"),
        ("shm:x", {"token": "t"}, "tls_ca, tls_cert, tls_key and token are for a server, not for shm:"),
    ],
)
def test_what_cannot_be_is_said(address: str, options: dict[str, str], cause: str) -> None:
    assert refusal(address, "printer", **options).endswith(cause)


def test_a_key_of_another_certificate_is_said(guarded: str, files: Certificates) -> None:
    mixed = identity(files) | {"tls_key": files["server.key"]}
    assert refusal(guarded, "printer", **mixed).endswith("tls_key the private key of tls_cert")
