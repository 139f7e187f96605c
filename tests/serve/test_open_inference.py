"""The Open Inference Protocol through tritonclient, unchanged, against model.onnx."""

from __future__ import annotations

import asyncio
import queue
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from tritonclient.utils import InferenceServerException

ROOT = Path(__file__).parents[2]


@pytest.fixture
def client(target: str) -> Iterator[triton.InferenceServerClient]:
    """tritonclient, as its users make it."""
    with triton.InferenceServerClient(target) as opened:
        yield opened


def tensor(values: np.ndarray, name: str = "x") -> triton.InferInput:
    """Return an input tensor of float32 values."""
    made = triton.InferInput(name, list(values.shape), "FP32")
    made.set_data_from_numpy(np.ascontiguousarray(values, np.float32))
    return made


class Answers:
    """A ModelStreamInfer stream whose answers can be waited for."""

    def __init__(self, client: triton.InferenceServerClient) -> None:
        self.client = client
        self._came: queue.SimpleQueue[Any] = queue.SimpleQueue()
        client.start_stream(lambda result, error: self._came.put((result, error)))

    def ask(self, values: np.ndarray, **options: Any) -> tuple[Any, Any]:
        """Return (result, error) of one request."""
        self.client.async_stream_infer("printer", [tensor(values)], **options)
        return self._came.get(timeout=20)


@pytest.fixture
def stream(client: triton.InferenceServerClient) -> Iterator[Answers]:
    """An open stream."""
    yield Answers(client)
    client.stop_stream()


def test_the_server_and_its_model_are_live_and_ready(client: triton.InferenceServerClient) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("printer")
    assert client.is_model_ready("printer", "1")
    with pytest.raises(InferenceServerException, match="no version '9'"):
        client.is_model_ready("printer", "9")


def test_metadata_and_config_say_what_model_onnx_takes(client: triton.InferenceServerClient, served: Any) -> None:
    server = client.get_server_metadata()
    assert server.name == "learn-rt"
    assert sorted(server.extensions) == ["model_configuration", "model_repository", "sequence", "statistics"]
    model = client.get_model_metadata("printer")
    window, n_features = served.windows.shape[1:]
    assert list(model.versions) == ["1"]
    assert [(t.name, t.datatype, list(t.shape)) for t in model.inputs] == [("x", "FP32", [-1, window, n_features])]
    assert [(t.name, t.datatype, list(t.shape)) for t in model.outputs] == [("y", "FP32", [-1, 2])]
    config = client.get_model_config("printer").config
    assert list(config.input[0].dims) == [window, n_features]
    assert config.max_batch_size == 1024
    index = client.get_model_repository_index().models
    assert [(m.name, m.version, m.state) for m in index] == [("printer", "1", "READY")]


@pytest.mark.parametrize("batch", [1, 7])
def test_infer_answers_as_model_onnx_does(client: triton.InferenceServerClient, served: Any, batch: int) -> None:
    windows = served.windows[:batch]
    result = client.infer("printer", [tensor(windows)], outputs=[triton.InferRequestedOutput("y")], request_id="r1")
    answers = result.as_numpy("y")
    assert answers.shape == (batch, 2)
    assert np.abs(answers - served.oracle(windows)).max() <= 2 * served.spec.tolerance
    assert result.get_response().id == "r1"


@pytest.mark.parametrize(
    ("model", "inputs", "status", "cause"),
    [
        ("other", lambda w: [tensor(w)], "NOT_FOUND", "served: printer"),
        ("printer", lambda w: [tensor(w[:, :-1])], "INVALID_ARGUMENT", "must have shape [batch, 7, 5], got [23, 6, 5]"),
        ("printer", lambda w: [tensor(w, "z")], "INVALID_ARGUMENT", "one input named 'x'"),
        ("printer", lambda w: [tensor(np.zeros((1025, 7, 5)))], "INVALID_ARGUMENT", "a batch of 1 to 1024, got 1025"),
    ],
)
def test_a_wrong_request_says_why(
    client: triton.InferenceServerClient, served: Any, model: str, inputs: Any, status: str, cause: str
) -> None:
    with pytest.raises(InferenceServerException, match=re.escape(cause)) as caught:
        client.infer(model, inputs(served.windows))
    assert caught.value.status() == f"StatusCode.{status}"


@pytest.mark.parametrize("sequence", [3, "three"])
def test_a_unary_sequence_slides_over_its_samples(
    client: triton.InferenceServerClient, served: Any, sequence: int | str
) -> None:
    def ask(samples: np.ndarray, **marks: bool) -> Any:
        return client.infer("printer", [tensor(samples)], sequence_id=sequence, **marks)

    samples, window = served.path(40), served.spec.window
    results = [ask(s[None], sequence_start=i == 0, sequence_end=i == 39) for i, s in enumerate(samples)]
    flags = np.array([r.get_response().parameters["flags"].int64_param for r in results])
    answers = np.concatenate([r.as_numpy("y") for r in results])
    free = np.flatnonzero(flags == 0)
    assert len(free) > 15
    truth = served.oracle(served.sliding(samples))[free - (window - 1)]
    assert np.abs(answers[free] - truth).max() <= 2 * served.spec.tolerance
    with pytest.raises(InferenceServerException, match="begin it with sequence_start"):
        ask(samples[:1])


def test_the_sequences_of_unary_requests_are_bounded_and_the_idle_ones_go(
    launch: Any, served: Any, tmp_path: Path
) -> None:
    limits = ("--max-sequences", "2", "--sequence-idle-s", "0.3")
    with launch(served.repository, "--listen", f"unix:{tmp_path}/s", *limits) as serving:
        with triton.InferenceServerClient(f"unix:{tmp_path}/s") as client:

            def begin(sequence: int) -> None:
                client.infer("printer", [tensor(served.path(1))], sequence_id=sequence, sequence_start=True)

            begin(1)
            begin(2)
            with pytest.raises(InferenceServerException, match="at most 2 sequences") as caught:
                begin(3)
            assert caught.value.status() == "StatusCode.RESOURCE_EXHAUSTED"
            deadline = time.monotonic() + 20
            while time.monotonic() < deadline:
                try:
                    begin(3)
                    break
                except InferenceServerException:
                    time.sleep(0.05)
            with pytest.raises(InferenceServerException, match="begin it with sequence_start"):
                client.infer("printer", [tensor(served.path(1))], sequence_id=1)  # it was dropped
        assert serving.stop()[0] == 0


def test_the_async_client_infers_and_keeps_a_sequence(target: str, served: Any) -> None:
    async def ask() -> tuple[Any, list[Any]]:
        async with triton_aio.InferenceServerClient(target) as client:
            whole = await client.infer("printer", [tensor(served.windows)])

            async def requests() -> AsyncIterator[dict[str, Any]]:
                for i, sample in enumerate(served.path(20)):
                    yield {
                        "model_name": "printer",
                        "inputs": [tensor(sample[None])],
                        "sequence_id": "aio",
                        "sequence_start": i == 0,
                        "sequence_end": i == 19,
                    }

            return whole, [answer async for answer in client.stream_infer(requests())]

    whole, streamed = asyncio.run(ask())
    assert np.abs(whole.as_numpy("y") - served.oracle(served.windows)).max() <= 2 * served.spec.tolerance
    assert [error for _, error in streamed] == [None] * 20
    truth = served.oracle(served.sliding(served.path(20)))[-1]
    assert np.abs(streamed[-1][0].as_numpy("y")[0] - truth).max() <= 2 * served.spec.tolerance


def test_a_stream_answers_windows_and_errors_in_band(stream: Answers, served: Any) -> None:
    result, error = stream.ask(served.windows)
    assert error is None
    assert np.abs(result.as_numpy("y") - served.oracle(served.windows)).max() <= 2 * served.spec.tolerance
    _, error = stream.ask(served.windows[:, 1:])
    assert "must have shape" in error.message()
    result, error = stream.ask(served.windows[:1])
    assert error is None
    assert result.as_numpy("y").shape == (1, 2)


@pytest.mark.parametrize("sequence", [5, "five"])
def test_a_sequence_slides_over_its_samples(stream: Answers, served: Any, sequence: int | str) -> None:
    samples, window = served.path(60), served.spec.window
    answers, flags = [], []
    for i, sample in enumerate(samples):
        marks = {"sequence_start": i == 0, "sequence_end": i == len(samples) - 1}
        result, error = stream.ask(sample[None], sequence_id=sequence, **marks)
        assert error is None
        answers.append(result.as_numpy("y")[0])
        flags.append(result.get_response().parameters["flags"].int64_param)
    free = np.flatnonzero(np.array(flags) == 0)
    assert free[0] >= window - 1
    assert len(free) > 30
    truth = served.oracle(served.sliding(samples))[free - (window - 1)]
    assert np.abs(np.array(answers)[free] - truth).max() <= 2 * served.spec.tolerance
    _, error = stream.ask(samples[:1], sequence_id=sequence)
    assert "begin it with sequence_start" in error.message()  # it has ended


def test_statistics_count_what_was_answered(client: triton.InferenceServerClient, served: Any) -> None:
    before = client.get_inference_statistics("printer").model_stats[0]
    client.infer("printer", [tensor(served.windows)])
    with pytest.raises(InferenceServerException):
        client.infer("printer", [tensor(served.windows[:, 1:])])
    after = client.get_inference_statistics("printer").model_stats[0]
    assert after.inference_count - before.inference_count == len(served.windows)
    assert after.execution_count - before.execution_count == 1
    assert after.inference_stats.fail.count - before.inference_stats.fail.count == 1


def test_our_messages_are_the_protocols_on_the_wire(tmp_path: Path) -> None:
    """Each field of ours has the number, type and label that tritonclient's own descriptors give it."""
    from google.protobuf import descriptor_pb2
    from tritonclient.grpc import model_config_pb2, service_pb2

    def messages(prefix: str, found: Any) -> Iterator[tuple[str, Any]]:
        for message in found:
            yield prefix + message.name, message
            yield from messages(f"{prefix}{message.name}.", message.nested_type)

    theirs = {}
    for module in (service_pb2, model_config_pb2):
        described = descriptor_pb2.FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(described)
        theirs |= dict(messages("", described.message_type))
    out = tmp_path / "ours"
    # In a process of its own: its copy of protobuf does not go with ours in one.
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{ROOT / 'proto'}", f"--descriptor_set_out={out}"]
    subprocess.run([*command, "inference.proto"], check=True)
    ours = dict(messages("", descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes()).file[0].message_type))
    # In the protocol, but not in tritonclient's copy of it.
    newer = {"ModelMetadataResponse.PropertiesEntry", "ModelMetadataResponse.properties"}
    compared = 0
    for name, message in ours.items():
        for field in message.field:
            if {name, f"{name}.{field.name}"} & newer:
                continue
            (their,) = [f for f in theirs[name].field if f.name == field.name]
            kind = (field.number, field.type, field.label, field.type_name)
            assert kind == (their.number, their.type, their.label, their.type_name), f"{name}.{field.name}"
            compared += 1
    assert compared > 100


def test_the_documents_example_runs(target: str, served: Any, capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "protocol.md").read_text(), re.DOTALL)
    scope: dict[str, Any] = {}
    exec(block.replace("127.0.0.1:8001", target), scope)
    scope["client"].close()
    standing = np.zeros((1, *served.windows.shape[1:]), np.float32)
    assert capsys.readouterr().out.strip() == str(served.oracle(standing))
