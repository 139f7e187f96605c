"""Certificates of a test's own authority, made with the openssl command."""

from __future__ import annotations

import hashlib
import secrets
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


@dataclass(frozen=True)
class Certificates:
    """PEM files NAME.pem and NAME.key, and two of tokens.

    Of the authority `ca`: server, expired and elsewhere (a server of another name) and client. Of the authority
    `other`: stranger, a client. The file `tokens` knows the token in the file `token`.
    """

    folder: Path

    def __getitem__(self, name: str) -> str:
        return str(self.folder / name)

    @property
    def token(self) -> str:
        """The token that `tokens` knows."""
        return (self.folder / "token").read_text().strip()

    def server(self, *options: str) -> list[str]:
        """Return learn-serve's options for TLS on loopback, then others."""
        files = ["--tls-cert", self["server.pem"], "--tls-key", self["server.key"]]
        return ["--listen", "grpcs://127.0.0.1:0", *files, *options, "--json", "--drain-s", "0"]

    def pem(self, *names: str) -> tuple[bytes, ...]:
        """Return the files' contents."""
        return tuple((self.folder / name).read_bytes() for name in names)


def make_certificates(folder: Path) -> Path:
    """Write all of them."""
    _authority(folder, "ca")
    _authority(folder, "other")
    for name in ("server", "expired"):
        _certificate(folder, name, "IP:127.0.0.1,DNS:localhost", days=-1 if name == "expired" else 2)
    _certificate(folder, "elsewhere", "DNS:elsewhere")
    _certificate(folder, "client", "DNS:client")
    _certificate(folder, "stranger", "DNS:client", authority="other")
    token = secrets.token_hex(32)
    (folder / "token").write_text(f"{token}\n")
    salt = secrets.token_bytes(16)
    hashed = hashlib.sha256(salt + token.encode()).hexdigest()
    (folder / "tokens").write_text(f"# the robots\nsha256:{'0' * 32}:{'0' * 64}\nsha256:{salt.hex()}:{hashed}  # arm\n")
    return folder


def certificates(once: Callable[[str, Callable[[Path], Path]], Path]) -> Certificates:
    """Return them, made once for the whole run."""
    return Certificates(once("certificates", make_certificates))


def _authority(folder: Path, name: str) -> None:
    _openssl(folder, "req", "-x509", *KEY, "-keyout", f"{name}.key", "-out", f"{name}.pem", "-subj", f"/CN={name}")


def _certificate(folder: Path, name: str, names: str, days: int = 2, authority: str = "ca") -> None:
    _openssl(folder, "req", *KEY, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
    (folder / f"{name}.ext").write_text(f"subjectAltName={names}\n")
    signed = ("-CA", f"{authority}.pem", "-CAkey", f"{authority}.key", "-CAcreateserial", "-days", str(days))
    _openssl(folder, "x509", "-req", "-in", f"{name}.csr", *signed, "-out", f"{name}.pem", "-extfile", f"{name}.ext")


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)
