"""Recordings that somebody damaged or made up: refused, with what is wrong, before memory is taken."""

from __future__ import annotations

import hashlib
import json
import random
import struct
from pathlib import Path
from typing import Any

import pytest
from smooth_path import path_of

from learn_rt.client import connect
from learn_rt.record.replay_cli import main
from learn_rt.recording import read


@pytest.fixture(scope="module")
def sound(small_version: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A small recording's bytes."""
    samples = path_of(20)
    folder = str(tmp_path_factory.mktemp("boxes"))
    with connect(f"inproc:{small_version.parent.parent}", "printer", rest=samples[0], record=folder) as client:
        client.run(samples)
        return client.dump().read_bytes()


def sealed(data: bytes) -> bytes:
    """Return a file with the checksum that belongs to it."""
    return data[:-64] + hashlib.sha256(data[:-64]).hexdigest().encode()


def with_header(sound: bytes, change: Any) -> bytes:
    """Return a file whose header was changed, sealed anew."""
    size = struct.unpack_from("<I", sound, 12)[0]
    header = json.loads(sound[16 : 16 + size])
    change(header)
    text = json.dumps(header).encode()
    return sealed(sound[:12] + struct.pack("<I", len(text)) + text + sound[16 + size :])


def refused(tmp_path: Path, data: bytes) -> str:
    """Return why a file is refused."""
    path = tmp_path / "hostile.lrec"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"hostile\.lrec") as caught:
        read(path)
    return str(caught.value)


def test_the_sound_one_is_read(sound: bytes, tmp_path: Path) -> None:
    (tmp_path / "sound.lrec").write_bytes(sound)
    assert len(read(tmp_path / "sound.lrec").rows) == 22  # the session's beginning, the rest sample, the path
    (tmp_path / "sealed.lrec").write_bytes(with_header(sound, lambda header: None))
    assert len(read(tmp_path / "sealed.lrec").rows) == 22


def test_a_file_cut_anywhere_is_refused(sound: bytes, tmp_path: Path) -> None:
    cuts = [*range(0, 40), *random.Random(0).sample(range(40, len(sound)), 100), len(sound) - 1]
    for n in cuts:
        refused(tmp_path, sound[:n])
    refused(tmp_path, sound + b"\0")


def test_any_flipped_bit_is_refused(sound: bytes, tmp_path: Path) -> None:
    draw = random.Random(1)
    for _ in range(300):
        data = bytearray(sound)
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        refused(tmp_path, bytes(data))


def test_text_tables_of_other_formats_are_refused(sound: bytes, tmp_path: Path) -> None:
    assert "is no recording" in refused(tmp_path, b"time,x\n0,1\n")
    assert "is no recording" in refused(tmp_path, b"")
    later = sound[:8] + struct.pack("<I", 2) + sound[12:]
    assert "is of format 2; this release reads 1" in refused(tmp_path, sealed(later))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda h: h["tables"][0].update(rows=1 << 40), "must be a whole number"),
        (lambda h: h["tables"][0].update(rows=1 << 31), "its header tells of"),
        (lambda h: h["tables"][0].update(rows=-1), "must be a whole number"),
        (lambda h: h["tables"][0].update(rows=True), "must be a whole number"),
        (lambda h: h["tables"][0].update(n_inputs=1 << 30), "must be a whole number"),
        (lambda h: h["tables"][0].update(n_inputs=7), "row_bytes must be"),
        (lambda h: h["tables"][0].update(n_inputs=6), "do not have the spec's"),
        (lambda h: h["tables"][0].update(row_bytes=8), "row_bytes must be"),
        (lambda h: h["tables"].pop(), "its header tells of"),
        (lambda h: h["tables"].reverse(), "tables must be rows and handed_out"),
        (lambda h: h.update(tables=h["tables"] * 2), "list of at most 2"),
        (lambda h: h.update(side="both"), "side must be client or server"),
        (lambda h: h.pop("clock"), "header.clock is missing"),
        (lambda h: h.update(clock=[]), "must be an object"),
        (lambda h: h.update(spec_json="{}"), "spec: "),
        (lambda h: h.update(spec_json=5), "must be text"),
        (lambda h: h.update(contract_hash="0" * 64), "is not its spec's"),
        (lambda h: h.update(events=[{}] * 257), "list of at most 256"),
        (lambda h: h.update(events=[[]]), "must be an object"),
        (lambda h: h.update(seconds=float("nan")), "finite"),
    ],
)
def test_claims_that_cannot_be_are_refused(change: Any, said: str, sound: bytes, tmp_path: Path) -> None:
    assert said in refused(tmp_path, with_header(sound, change))


def test_a_header_that_claims_more_than_the_file_is_refused(sound: bytes, tmp_path: Path) -> None:
    data = sound[:12] + struct.pack("<I", 0xFFFFFFFF) + sound[16:]
    assert "claims a header of" in refused(tmp_path, sealed(data))


def test_a_header_nested_too_deep_is_refused(tmp_path: Path) -> None:
    text = b"[" * 100_000
    data = b"LRTREC\r\n" + struct.pack("<II", 1, len(text)) + text + b"0" * 64
    assert "no JSON" in refused(tmp_path, sealed(data))


def test_a_row_of_an_unknown_kind_is_refused(sound: bytes, tmp_path: Path) -> None:
    data = bytearray(sound)
    begin = 16 + struct.unpack_from("<I", sound, 12)[0]
    struct.pack_into("<I", data, begin + 40, 77)
    assert "of a kind that it cannot have" in refused(tmp_path, sealed(bytes(data)))


def test_the_command_ends_with_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.lrec").write_bytes(b"LRTREC\r\n")
    assert main([str(tmp_path / "x.lrec")]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("learn-replay: ")
