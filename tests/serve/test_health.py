"""grpc.health.v1, spoken by hand: four messages of one field each need no stubs."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

SERVING, SERVICE_UNKNOWN = b"\x08\x01", b"\x08\x03"


def ask(service: str) -> bytes:
    """Return a HealthCheckRequest's bytes."""
    name = service.encode()
    return bytes([0x0A, len(name)]) + name if name else b""


@pytest.mark.parametrize("service", ["", "learn_rt.v1.Predictor", "inference.GRPCInferenceService"])
def test_each_service_and_the_whole_server_are_serving(channel: Any, service: str) -> None:
    assert channel.unary_unary("/grpc.health.v1.Health/Check")(ask(service)) == SERVING


def test_an_unknown_service_is_not_found(channel: Any) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary("/grpc.health.v1.Health/Check")(ask("nothing"))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


def test_watching_an_unknown_service_says_so_and_stays_open(channel: Any) -> None:
    watch = channel.unary_stream("/grpc.health.v1.Health/Watch")(ask("nothing"), timeout=20)
    assert next(watch) == SERVICE_UNKNOWN
    assert watch.is_active()
    watch.cancel()


def test_list_names_every_service(channel: Any) -> None:
    listed = channel.unary_unary("/grpc.health.v1.Health/List")(b"")
    assert listed.count(b"\x12\x02" + SERVING) == 3
    assert b"learn_rt.v1.Predictor" in listed
