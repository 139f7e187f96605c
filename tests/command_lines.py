"""What a command says when it fails."""

from __future__ import annotations

from typing import Any

import pytest


def failed(capsys: pytest.CaptureFixture[str], command: Any, *argv: object) -> tuple[int, str]:
    """Return exit code and last line on stderr of a command that must fail, without a traceback."""
    with pytest.raises(SystemExit) as caught:
        command([str(text) for text in argv])
    said = capsys.readouterr().err.strip()
    assert "Traceback" not in said
    return int(caught.value.code or 0), said.splitlines()[-1]
