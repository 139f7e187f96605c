"""What the client does when inputs are not fit, answers are missed, a server stalls or another takes over."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from learn_rt import runtime
from learn_rt.client import Client, Flag, connect

Smooth = Callable[[int], np.ndarray]
Serve = Callable[[list[str]], tuple[subprocess.Popen[str], list[str]]]


def seen_y(server: dict[str, str]) -> str:
    """Return the name of the second input."""
    with connect(server["unix"], "printer") as client:
        return client.spec.inputs[1].name


def expected(repository: Path, samples: np.ndarray) -> np.ndarray:
    session = runtime.load(repository / "printer" / "1").session()
    session.begin(samples[0])
    answers: np.ndarray = session.run(samples)[0]
    return answers


@pytest.mark.parametrize("transport", ["unix", "shm"])
def test_a_server_that_stalls_for_less_than_the_lead_changes_no_answer(
    transport: str, repository: Path, serve: Serve, path: Smooth, tmp_path: Path
) -> None:
    samples = path(700)
    want = expected(repository, samples)
    address = {"unix": f"unix:{tmp_path / 'learn.sock'}", "shm": f"shm:test-lead-{os.getpid()}"}[transport]
    process, _ = serve([address])
    with connect(address, "printer", rest=samples[0], lead_s=0.4) as client:
        lead, dt_s = client.lead_ticks, client.spec.dt_s
        assert lead == round(0.4 / dt_s)
        assert all(client.try_push(sample) for sample in samples[:lead])
        start = time.monotonic() + 0.1
        try:
            for k in range(len(samples) - lead):
                time.sleep(max(0.0, start + k * dt_s - time.monotonic()))
                if k in (100, 300):  # for 0.2 s each
                    os.kill(process.pid, signal.SIGSTOP)
                elif k in (200, 400):
                    os.kill(process.pid, signal.SIGCONT)
                elif k in (190, 390):
                    assert Path(f"/proc/{process.pid}/stat").read_text().split(") ")[1][0] == "T"
                prediction = client.predict(samples[k + lead], 0.0)
                assert (prediction.sequence, prediction.by_policy) == (k, False)
                np.testing.assert_array_equal(prediction.values, want[k])
        finally:
            os.kill(process.pid, signal.SIGCONT)
        assert client.stats.missed == 0


def test_answers_go_on_exactly_from_the_next_address(
    repository: Path, serve: Serve, path: Smooth, tmp_path: Path
) -> None:
    samples = path(600)
    want = expected(repository, samples)
    addresses = [f"unix:{tmp_path / 'one.sock'}", f"shm:test-failover-{os.getpid()}", f"inproc:{repository}"]
    servers = [serve([address])[0] for address in addresses[:2]]
    with connect(addresses[0], "printer", failover=addresses[1:], rest=samples[0]) as client:
        for k in range(600):
            if k in (200, 400):
                assert client.endpoint == addresses[k // 200 - 1]
                server = servers[k // 200 - 1]
                server.send_signal(signal.SIGKILL)
                server.wait()
                limit = time.monotonic() + 20
                while (client.endpoint != addresses[k // 200] or client.last_error) and time.monotonic() < limit:
                    client.latest()  # over shared memory, the control thread gives the carrying back in its calls
                    time.sleep(0.001)
            np.testing.assert_array_equal(client.predict(samples[k], 10.0).values, want[k])
        assert client.endpoint == addresses[2]
        assert client.stats.reconnects == 2
        assert client.stats.missed == 0


def test_inputs_that_are_not_fit_are_held_or_missed_and_the_window_stays_whole(
    server: dict[str, str], repository: Path, path: Smooth
) -> None:
    sent, seen = path(100), path(100)
    sent[50, 0], sent[51, 0], sent[51, 1] = np.nan, np.inf, np.nan
    seen[50:52, 0], seen[51, 1] = seen[49, 0], seen[50, 1]
    want = expected(repository, seen)
    policies: dict[str, Any] = {"": {"not_finite": "hold"}, seen_y(server): {"not_finite": "miss"}}
    with connect(server["unix"], "printer", rest=sent[0], inputs=policies) as client:
        for k, sample in enumerate(sent):
            prediction = client.predict(sample, 10.0)
            assert prediction.replaced == (k in (50, 51))
            assert prediction.unfit == prediction.by_policy == (k == 51)
            assert not prediction.warming_up
            if k != 51:  # the model's own answers, the model having seen what stood in
                np.testing.assert_allclose(prediction.values, want[k], atol=0 if k < 51 else 1e-4)
        assert client.stats.replaced == 2


def test_a_fault_latches_until_it_is_cleared(server: dict[str, str], path: Smooth) -> None:
    with connect(server["grpc"], "printer", fault_after=2) as client:
        for sample in path(5):
            client.predict(sample, 0.0)
        assert client.fault
        assert client.predict(path(2)[0], 10.0).fault
        assert client.stats.faults == 1
        client.clear_fault()
        assert not client.predict(path(2)[0], 10.0).by_policy


def test_a_client_keeps_bounds_that_are_narrower_than_the_specs(server: dict[str, str], path: Smooth) -> None:
    samples = path(400)
    with connect(server["inproc"], "printer") as client:
        free = client.run(samples)[0].astype(np.float64)
        output, dt_s = client.spec.outputs[0].name, client.spec.dt_s
    value = float(np.abs(free[:, 0]).max()) / 4
    bounds = {"value": value, "rate": value / dt_s / 10, "second": value / dt_s**2 / 100}
    with connect(server["inproc"], "printer", envelope={output: bounds}) as client:
        given, flags = client.run(samples)
    values = np.concatenate([[0.0, 0.0], given[:, 0]]).astype(np.float64)
    assert np.abs(values).max() <= value
    assert np.abs(np.diff(values)).max() <= value / 10
    assert np.abs(np.diff(values, 2)).max() <= value / 100
    assert (flags & Flag.LIMITED).any()


def test_options_that_cannot_be_say_what_can(server: dict[str, str]) -> None:
    def refused(error: type[Exception], match: str, **options: object) -> None:
        with pytest.raises(error, match=match):
            connect(server["inproc"], "printer", **options)  # type: ignore[arg-type]

    refused(
        ValueError,
        r"inputs\['x'\]\['not_finite'\] must be 'pass', .* or 'miss', got 'drop'",
        inputs={"x": {"not_finite": "drop"}},
    )
    refused(ValueError, r"inputs\['x'\]\['nan'\] is unknown", inputs={"x": {"nan": "hold"}})
    refused(TypeError, "must be a dict", inputs={"x": "hold"})
    refused(ConnectionError, "the model has no such input", inputs={"w": {"not_finite": "hold"}})
    refused(ValueError, "must hold value, rate and second", envelope={"offset_x": {"value": 1.0}})
    refused(ValueError, r"inproc:REPOSITORY, .* got 'nowhere'", failover=["nowhere"])
    refused(ConnectionError, "fallback_model, a model's version folder, go together", on_miss="fallback")
    refused(ConnectionError, "lead_s must be from 0", lead_s=-1.0)


def test_what_python_was_given_outlasts_the_next_call(server: dict[str, str], path: Smooth) -> None:
    samples = path(80)
    client: Client
    with connect(server["unix"], "printer", rest=samples[0]) as client:
        kept = [client.predict(sample, 10.0) for sample in samples]
    with connect(server["unix"], "printer", rest=samples[0]) as client:
        for one, sample in zip(kept, samples, strict=True):
            np.testing.assert_array_equal(one.values, client.predict(sample, 10.0).values)
