"""A window model without states, from its module to every way of asking it: the answers are model.onnx's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("learn_rt._serve", reason="the server is not built")

from learn_rt.benchmarks.latency.serving import serving
from learn_rt.client import connect
from learn_rt.runtime import Flag, load

SAMPLES = np.random.default_rng(1).normal(size=(120, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def addresses(convolutional: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Where a real server of it listens, by transport."""
    with serving(convolutional.repository, tmp_path_factory.mktemp("socket") / "s", None) as listen:
        yield listen


def assert_answers(convolutional: Any, answers: np.ndarray, flags: np.ndarray) -> None:
    """Warming up until the window is full; from then on the whole window's answer."""
    warm = convolutional.spec.window - 1
    assert (flags[:warm] == Flag.WARMING_UP).all()
    assert (flags[warm:] == 0).all()
    assert (answers[:warm] == 0).all()
    assert np.abs(answers[warm:] - convolutional.truth(SAMPLES)).max() <= 2 * convolutional.spec.tolerance


def test_export_writes_the_whole_function_and_no_step(convolutional: Any) -> None:
    files = {p.name for p in convolutional.folder.iterdir()}
    assert files == {"SHA256SUMS", "golden.npz", "model.onnx", "model.pt", "spec.json"}
    assert convolutional.spec.states == ()


@pytest.mark.parametrize("backend", ["native", "onnxruntime", "torchscript"])
def test_every_backend_keeps_the_window_and_runs_it_whole(backend: str, convolutional: Any) -> None:
    try:
        model = load(convolutional.folder, backend)
    except RuntimeError as error:
        if "liblearn_rt_torchscript.so" in str(error):
            pytest.skip("the TorchScript plugin is not built")
        raise
    session = model.session()
    assert_answers(convolutional, *session.run(SAMPLES))
    session.begin(SAMPLES[0])
    answer, flags = session.step(SAMPLES[0])
    assert flags == 0
    standing = np.repeat(SAMPLES[:1], convolutional.spec.window, 0)
    np.testing.assert_allclose(answer, convolutional.truth(standing)[0], atol=2 * convolutional.spec.tolerance)


def test_auto_takes_the_native_engine(convolutional: Any) -> None:
    assert load(convolutional.folder).choice == "native"


@pytest.mark.parametrize("transport", ["inproc", "unix", "grpc"])
def test_the_client_gets_the_same_answers_over_every_transport(
    transport: str, convolutional: Any, addresses: dict[str, str]
) -> None:
    address = f"inproc:{convolutional.repository}" if transport == "inproc" else addresses[transport]
    with connect(address, "conv") as client:
        assert_answers(convolutional, *client.run(SAMPLES))


def test_the_open_inference_protocol_takes_whole_windows(convolutional: Any, addresses: dict[str, str]) -> None:
    triton: Any = pytest.importorskip("tritonclient.grpc")
    x = triton.InferInput("x", [5, 16, 3], "FP32")
    x.set_data_from_numpy(np.stack([SAMPLES[k : k + 16] for k in range(5)]))
    with triton.InferenceServerClient(addresses["grpc"].removeprefix("grpc://")) as client:
        y = client.infer("conv", [x]).as_numpy("y")
    np.testing.assert_allclose(y, convolutional.truth(SAMPLES)[:5], atol=2 * convolutional.spec.tolerance)
