"""Models are loaded, rolled back and unloaded by call, through tritonclient; what is refused leaves all as it was."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException


def only(*versions: int) -> str:
    """Return the config that asks for these versions."""
    return json.dumps({"version_policy": {"specific": {"versions": versions}}})


@pytest.fixture
def repository(served: Any, tmp_path: Path) -> Path:
    """A repository with printer/1 alone."""
    shutil.copytree(served.folder, tmp_path / "models" / "printer" / "1")
    return tmp_path / "models"


@pytest.fixture
def client(launch: Any, repository: Path, tmp_path: Path) -> Iterator[triton.InferenceServerClient]:
    """tritonclient, to a server of that repository."""
    with launch(repository, "--listen", f"unix:{tmp_path}/s", "--drain-s", "0") as serving:
        with triton.InferenceServerClient(f"unix:{tmp_path}/s") as opened:
            yield opened
        assert serving.stop()[0] == 0


def answered_by(client: triton.InferenceServerClient, served: Any) -> str:
    """Return the version that answers who names none."""
    x = triton.InferInput("x", list(served.windows.shape), "FP32")
    x.set_data_from_numpy(served.windows)
    return str(client.infer("printer", [x]).get_response().model_version)


def index(client: triton.InferenceServerClient) -> dict[tuple[str, str], tuple[str, str]]:
    """Return (state, reason) of each version."""
    return {(m.name, m.version): (m.state, m.reason) for m in client.get_model_repository_index().models}


def test_a_new_version_is_loaded_and_rolled_back_by_one_call_each(
    client: triton.InferenceServerClient, repository: Path, second: Path, served: Any
) -> None:
    assert answered_by(client, served) == "1"
    shutil.copytree(second, repository / "printer" / "2")
    client.load_model("printer")
    assert answered_by(client, served) == "2"
    assert index(client) == {("printer", "1"): ("READY", ""), ("printer", "2"): ("READY", "")}  # the last one stays
    client.load_model("printer", config=only(1))
    assert answered_by(client, served) == "1"
    assert list(client.get_model_metadata("printer").versions) == ["1", "2"]


def test_where_nobody_may_load_nothing_is_loaded_or_unloaded(
    launch: Any, repository: Path, tmp_path: Path, served: Any
) -> None:
    with launch(repository, "--listen", f"unix:{tmp_path}/s", "--drain-s", "0", "--no-load") as serving:
        with triton.InferenceServerClient(f"unix:{tmp_path}/s") as client:
            for call in (client.load_model, client.unload_model):
                with pytest.raises(InferenceServerException, match="started with --no-load") as caught:
                    call("printer")
                assert caught.value.status() == "StatusCode.PERMISSION_DENIED"
            assert answered_by(client, served) == "1"
        assert serving.stop()[0] == 0


def test_an_unloaded_model_is_not_found_until_it_is_loaded_again(
    client: triton.InferenceServerClient, served: Any
) -> None:
    client.unload_model("printer")
    assert index(client) == {("printer", "1"): ("UNAVAILABLE", "unloaded")}
    assert len(client.get_model_repository_index().models) == 1
    with pytest.raises(InferenceServerException, match="no model named 'printer'"):
        answered_by(client, served)
    with pytest.raises(InferenceServerException) as caught:
        client.unload_model("printer")
    assert caught.value.status() == "StatusCode.NOT_FOUND"
    client.load_model("printer")
    assert answered_by(client, served) == "1"


def test_a_bad_version_is_refused_with_the_reason_while_the_old_one_serves(
    client: triton.InferenceServerClient, repository: Path, second: Path, served: Any
) -> None:
    bad = repository / "printer" / "2"
    shutil.copytree(second, bad)
    with (bad / "step.onnx").open("r+b") as file:
        file.seek(200)
        file.write(b"garbage")
    with pytest.raises(InferenceServerException, match=r"SHA256SUMS.*printer/1 serves on") as caught:
        client.load_model("printer")
    assert caught.value.status() == "StatusCode.INVALID_ARGUMENT"
    assert answered_by(client, served) == "1"
    state, reason = index(client)["printer", "2"]
    assert state == "UNAVAILABLE"
    assert "is not the file that SHA256SUMS lists" in reason


@pytest.mark.parametrize(
    ("name", "options", "status", "cause"),
    [
        ("other", {}, "NOT_FOUND", "holds no model 'other'"),
        ("../models/printer", {}, "NOT_FOUND", "holds no model"),
        ("printer", {"config": only(9)}, "NOT_FOUND", "no version 9 of 'printer'; it holds 1"),
        ("printer", {"config": "{"}, "INVALID_ARGUMENT", "as JSON"),
        ("printer", {"config": '{"max_batch_size": 3}'}, "INVALID_ARGUMENT", "only version_policy"),
        ("printer", {"config": only()}, "INVALID_ARGUMENT", "1 to 64 versions"),
        ("printer", {"config": "{}", "files": {"file:1/model.onnx": b"x"}}, "UNIMPLEMENTED", "file:1/model.onnx"),
    ],
)
def test_a_wrong_load_says_why_and_changes_nothing(
    client: triton.InferenceServerClient, served: Any, name: str, options: Any, status: str, cause: str
) -> None:
    with pytest.raises(InferenceServerException, match=cause) as caught:
        client.load_model(name, **options)
    assert caught.value.status() == f"StatusCode.{status}"
    assert answered_by(client, served) == "1"


def test_a_sequence_stays_on_the_version_that_it_began_with(
    client: triton.InferenceServerClient, repository: Path, second: Path, served: Any
) -> None:
    def ask(sample: np.ndarray, **marks: bool) -> Any:
        x = triton.InferInput("x", [1, len(sample)], "FP32")
        x.set_data_from_numpy(sample[None])
        return client.infer("printer", [x], sequence_id=5, **marks)

    shutil.copytree(second, repository / "printer" / "2")
    samples = served.path(30)
    for i, sample in enumerate(samples[:-1]):
        if i == 15:
            client.load_model("printer")
        if i == 20:
            client.unload_model("printer")
        result = ask(sample, sequence_start=i == 0)
        assert result.get_response().model_version == "1"
    last = ask(samples[-1], sequence_end=True)
    truth = served.oracle(served.sliding(samples))[-1]
    assert np.abs(last.as_numpy("y")[0] - truth).max() <= 2 * served.spec.tolerance
