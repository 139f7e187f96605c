"""learn_rt.v1.Predictor.Rollout and the Open Inference Protocol on a rollout model, with the stubs that users have."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton
from rollout_net import N_STATES, Cart, cart_rows, cart_spec
from rollout_oracle import oracle, plans
from tritonclient.utils import InferenceServerException

from learn_rt.v1 import predictor_pb2 as pb
from learn_rt.v1 import predictor_pb2_grpc as rpc

WINDOW, HORIZON, CONTRACT = cart_spec().window, cart_spec().horizon, cart_spec().contract_hash
ROWS = cart_rows(1, 30, seed=9)[0]
INVALID, TOO_MUCH = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.fixture(scope="module")
def rollout_target(cart_version: Path, launch_once: Any) -> Iterator[str]:
    """HOST:PORT of a server of the small rollout model, two threads sharing the candidates."""
    options = ("--listen", "grpc://127.0.0.1:0", "--json", "--drain-s", "0", "--rollout-threads", "2")
    with launch_once(cart_version.parent.parent, *options) as serving:
        yield serving.addresses[0].removeprefix("grpc://")
        status, logged = serving.stop()
    assert status == 0, logged
    assert ", 0 open" in logged, logged


@pytest.fixture
def stub(rollout_target: str) -> Iterator[Any]:
    with grpc.insecure_channel(rollout_target) as channel:
        yield rpc.PredictorStub(channel)


def opening(**changes: Any) -> pb.RolloutRequest:
    return pb.RolloutRequest(open=pb.RolloutOpen(**({"model": "cart", "contract_hash": CONTRACT} | changes)))


def asked(rows: np.ndarray, actions: np.ndarray, **more: Any) -> pb.RolloutRequest:
    return pb.RolloutRequest(
        observed=rows[:, :N_STATES].ravel(),
        taken=np.roll(rows, 1, 0)[:, N_STATES:].ravel(),
        actions=actions.ravel(),
        candidates=len(actions),
        horizon=actions.shape[1],
        **more,
    )


def refusal(stub: Any, *requests: pb.RolloutRequest) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as caught:
        list(stub.Rollout(iter(requests), timeout=20))
    return caught.value.code(), caught.value.details()


def test_a_request_observes_and_rolls_out(stub: Any) -> None:
    actions = plans(60, 9)
    requests = [
        opening(),
        asked(ROWS[:12], actions, sequence=7, stamp_ns=99),
        asked(ROWS[:WINDOW], actions, sequence=8, restart=True),
        pb.RolloutRequest(sequence=9),
    ]
    opened, first, second, nothing = stub.Rollout(iter(requests), timeout=20)
    assert (opened.opened.version, opened.opened.backend) == (1, "native")
    assert (first.sequence, first.stamp_ns, first.history_flags) == (7, 99, 0)
    for answer, n in ((first, 12), (second, WINDOW)):
        truth = oracle(Cart(), ROWS[n - WINDOW : n - 1], ROWS[n - 1, :N_STATES], actions)
        np.testing.assert_allclose(np.reshape(answer.states, truth.shape), truth, atol=1e-5)
        assert list(answer.flags) == [0] * 60
        assert answer.compute_ns > 0
    assert (nothing.sequence, len(nothing.states)) == (9, 0)


def test_a_stream_without_history_warms_up(stub: Any) -> None:
    answer = list(stub.Rollout(iter([opening(), asked(ROWS[:2], plans(1, 1))]), timeout=20))[1]
    assert (answer.history_flags, list(answer.flags)) == (1, [1])


@pytest.mark.parametrize(
    ("request_", "code", "says"),
    [
        (asked(ROWS[:1], plans(1, 1), restart=False), INVALID, "first request of a stream must carry `open`"),
        (opening(model="other"), grpc.StatusCode.NOT_FOUND, "served: cart"),
        (opening(contract_hash="0"), grpc.StatusCode.FAILED_PRECONDITION, "ask Describe"),
        (opening(rest=[1.0]), INVALID, "open.rest must be empty or one sample of 4 values"),
        (opening(max_candidates=2**32 - 1), INVALID, "candidates must be 1 to 65536"),
        (opening(max_candidates=65536, max_horizon=65536), INVALID, "must be at most"),
    ],
)
def test_an_opening_that_cannot_be_is_refused(stub: Any, request_: pb.RolloutRequest, code: Any, says: str) -> None:
    found = refusal(stub, request_)
    assert found[0] is code
    assert says in found[1]


@pytest.mark.parametrize(
    ("request_", "code", "says"),
    [
        (opening(), INVALID, "opened once"),
        (pb.RolloutRequest(observed=[1, 2]), INVALID, "as many states of 3 as actions of 1"),
        (pb.RolloutRequest(observed=[1, 2, 3]), INVALID, "as many states of 3 as actions of 1"),
        (pb.RolloutRequest(candidates=1, horizon=1), INVALID, "actions must hold candidates x horizon x 1 = 1 values"),
        (pb.RolloutRequest(actions=[1]), INVALID, "1 to 65536 candidates"),
        (pb.RolloutRequest(actions=[1], candidates=1), INVALID, "got 1 and 0"),
        (pb.RolloutRequest(candidates=2**32 - 1, horizon=2**32 - 1), INVALID, "as opened"),
        (pb.RolloutRequest(candidates=65536, horizon=100), TOO_MUCH, "at most 2097152 values of rows, got 26214400"),
        (pb.RolloutRequest(candidates=100, horizon=100, actions=[0.0]), INVALID, "= 10000 values, got 1"),
        (
            pb.RolloutRequest(observed=np.zeros(3 * 65537, np.float32), taken=np.zeros(65537, np.float32)),
            TOO_MUCH,
            "at most 65536 observed states",
        ),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_sizes_are_bounded_before_memory_is_taken(stub: Any, request_: pb.RolloutRequest, code: Any, says: str) -> None:
    found = refusal(stub, opening(max_candidates=65536, max_horizon=256), request_)
    assert found[0] is code
    assert says in found[1]


def test_what_is_not_finite_is_flagged_and_the_stream_goes_on(stub: Any) -> None:
    actions = plans(2, 3)
    actions[0, 0] = np.nan
    bad = ROWS[:1].copy()
    bad[0, 0] = np.inf
    requests = [opening(), asked(ROWS[:8], actions), asked(bad, plans(1, 2)), asked(ROWS[:8], plans(1, 2))]
    _, first, second, third = stub.Rollout(iter(requests), timeout=20)
    assert list(first.flags) == [8, 0]
    assert np.isfinite(first.states).all()
    assert (second.history_flags, list(second.flags)) == (8, [1])
    assert (third.history_flags, list(third.flags)) == (0, [0])


def test_predict_sends_a_rollout_model_to_rollout(stub: Any) -> None:
    request = pb.PredictRequest(open=pb.Open(model="cart", contract_hash=CONTRACT))
    with pytest.raises(grpc.RpcError) as caught:
        list(stub.Predict(iter([request]), timeout=20))
    assert caught.value.code() is INVALID
    assert "open a stream of Rollout" in caught.value.details()


def tensors(windows: np.ndarray, actions: np.ndarray) -> list[triton.InferInput]:
    made = []
    for name, values in (("actions", actions), ("x", windows)):  # in any order
        tensor = triton.InferInput(name, list(values.shape), "FP32")
        tensor.set_data_from_numpy(np.ascontiguousarray(values, np.float32))
        made.append(tensor)
    return made


@pytest.fixture
def client(rollout_target: str) -> Iterator[triton.InferenceServerClient]:
    with triton.InferenceServerClient(rollout_target) as opened:
        yield opened


def test_open_inference_answers_windows_with_actions(client: triton.InferenceServerClient) -> None:
    metadata = client.get_model_metadata("cart")
    shapes = {t.name: list(t.shape) for t in [*metadata.inputs, *metadata.outputs]}
    assert shapes == {"x": [-1, WINDOW, 4], "actions": [-1, HORIZON, 1], "y": [-1, HORIZON, 3]}
    config = client.get_model_config("cart").config
    assert [list(t.dims) for t in [*config.input, *config.output]] == [[WINDOW, 4], [HORIZON, 1], [HORIZON, 3]]
    rows = cart_rows(5, WINDOW + HORIZON - 1, seed=4)
    windows, actions = rows[:, :WINDOW], rows[:, WINDOW - 1 :, N_STATES:]
    answers = client.infer("cart", tensors(windows, actions)).as_numpy("y")
    for k in range(5):
        truth = oracle(Cart(), windows[k, :-1], windows[k, -1, :N_STATES], actions[k : k + 1])
        np.testing.assert_allclose(answers[k : k + 1], truth, atol=1e-5)


@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        (lambda x, a: tensors(x, a)[1:], "two inputs named 'x' and 'actions', got 1"),
        (lambda x, a: tensors(x, a)[:1] * 2, "input 'x' is missing"),
        (lambda x, a: tensors(x, a[:, 1:]), "input 'actions' must have shape [batch, 4, 1], got [2, 3, 1]"),
        (lambda x, a: tensors(x[:1], a), "all inputs must have one batch, got 1 and 2"),
        (lambda x, a: tensors(x[:, 1:], a), "input 'x' must have shape [batch, 6, 4]"),
    ],
)
def test_a_wrong_infer_says_why(client: triton.InferenceServerClient, inputs: Any, says: str) -> None:
    rows = cart_rows(2, WINDOW + HORIZON - 1)
    with pytest.raises(InferenceServerException) as caught:
        client.infer("cart", inputs(rows[:, :WINDOW], rows[:, WINDOW - 1 :, N_STATES:]))
    assert says in str(caught.value)
    assert caught.value.status() == "StatusCode.INVALID_ARGUMENT"
