"""gRPC reflection, spoken with messages compiled here from the protocol's file."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PROTO = Path(__file__).parents[2] / "proto"
SERVICES = {
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
    "inference.GRPCInferenceService",
    "learn_rt.v1.Predictor",
}


class Reflection:
    """Asks one version of the service."""

    def __init__(self, channel: Any, version: str, out: Path) -> None:
        file = f"grpc/reflection/{version}/reflection.proto"
        # In a process of its own: its copy of protobuf does not go with ours in one.
        command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{PROTO}", f"--descriptor_set_out={out}", file]
        subprocess.run(command, check=True)
        pool = descriptor_pool.DescriptorPool()
        for described in descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes()).file:
            pool.Add(described)
        package = f"grpc.reflection.{version}"
        request, response = (
            message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.ServerReflection{name}"))
            for name in ("Request", "Response")
        )
        self.request = request
        self._call = channel.stream_stream(
            f"/{package}.ServerReflection/ServerReflectionInfo", request.SerializeToString, response.FromString
        )

    def ask(self, *asked: dict[str, Any]) -> list[Any]:
        """Return the answers to these requests on one stream."""
        return list(self._call(iter([self.request(**fields) for fields in asked]), timeout=20))


@pytest.fixture(params=["v1", "v1alpha"])
def reflection(channel: Any, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Reflection]:
    """Both versions of the service, over each transport."""
    return Reflection(channel, request.param, tmp_path / "descriptors")


def test_every_service_is_listed(reflection: Reflection) -> None:
    (answer,) = reflection.ask({"list_services": ""})
    assert {service.name for service in answer.list_services_response.service} == SERVICES


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_the_files_of_a_service_make_a_pool_that_knows_its_methods(reflection: Reflection, service: str) -> None:
    (answer,) = reflection.ask({"file_containing_symbol": service})
    pool = descriptor_pool.DescriptorPool()
    for file in answer.file_descriptor_response.file_descriptor_proto:  # each after those that it imports
        pool.AddSerializedFile(file)
    assert pool.FindServiceByName(service).methods


def test_what_is_unknown_or_empty_is_told_and_the_stream_goes_on(reflection: Reflection) -> None:
    extension = {"containing_type": "learn_rt.v1.Open", "extension_number": 7}
    unknown, no_file, no_extension, numbers, empty, known = reflection.ask(
        {"file_containing_symbol": "nothing.Here"},
        {"file_by_filename": "../../etc/passwd"},
        {"file_containing_extension": extension},
        {"all_extension_numbers_of_type": "learn_rt.v1.Open"},
        {},
        {"file_by_filename": "inference.proto", "host": "h"},
    )
    not_found = grpc.StatusCode.NOT_FOUND.value[0]
    assert [a.error_response.error_code for a in (unknown, no_file, no_extension)] == [not_found] * 3
    assert "nothing.Here" in unknown.error_response.error_message
    assert list(numbers.all_extension_numbers_response.extension_number) == []
    assert empty.error_response.error_code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    assert known.original_request.file_by_filename == "inference.proto"
    assert len(known.file_descriptor_response.file_descriptor_proto) == 1
