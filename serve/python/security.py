"""TLS and tokens on `learn-serve`'s command line: paths of files, never a secret."""

from __future__ import annotations

import argparse
import getpass
import hashlib
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

MIN_TOKEN = 24  # characters: what a fast hash can guard, 16 random bytes in any encoding but hexadecimal have them


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that `options` reads."""
    group = parser.add_argument_group("security", "docs/security.md")
    pem: dict[str, Any] = {"type": Path, "metavar": "FILE"}
    group.add_argument("--tls-cert", **pem, help="the server's certificate, PEM, for grpcs:// addresses")
    group.add_argument("--tls-key", **pem, help="its private key, PEM")
    group.add_argument("--tls-client-ca", **pem, help="clients must show a certificate of this CA")
    group.add_argument("--tokens", **pem, help="clients on TCP must send one of these tokens, hashed, one a line")
    group.add_argument("--hash-token", action=HashToken, help="read a token from stdin, print its line for --tokens")
    group.add_argument("--insecure", action="store_true", help="grpc:// beyond loopback too: no TLS, open to everyone")


def options(args: argparse.Namespace) -> dict[str, Any]:
    """Return the server's keywords."""
    files = {name: getattr(args, name) for name in ("tls_cert", "tls_key", "tls_client_ca", "tokens")}
    return {name: str(path) if path else "" for name, path in files.items()} | {"insecure": args.insecure}


def hash_token(token: str) -> str:
    """Return `sha256:SALT:HASH`, hexadecimal, with a new salt of 16 bytes.

    Raises: ValueError: a token that is short, or holds what a header cannot.
    """
    if len(token) < MIN_TOKEN or not all("!" <= c <= "~" for c in token):
        raise ValueError(
            f"a token must have at least {MIN_TOKEN} printable ASCII characters without a space, this has {len(token)}:"
            " openssl rand -hex 32 makes one"
        )
    salt = secrets.token_bytes(16)
    return f"sha256:{salt.hex()}:{hashlib.sha256(salt + token.encode()).hexdigest()}"


class HashToken(argparse.Action):
    """Prints the line of the token on stdin, and exits."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str | None = None) -> None:
        super().__init__(option_strings, dest, nargs=0, default=argparse.SUPPRESS, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        """Read, print, exit 0, or 1 with the cause."""
        token = getpass.getpass("token: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
        try:
            print(hash_token(token))
        except ValueError as error:
            parser.exit(1, f"learn-serve: {error}\n")
        parser.exit(0)
