"""The operators that the native engine claims: the standard's own cases, ONNX Runtime on odd sizes, exact functions."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import onnx
import onnxruntime
import operators_page
import pytest
from conformance import outcomes
from native_graphs import Floats, run_native
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from learn_rt._runtime import native_operators


@pytest.mark.filterwarnings("ignore::RuntimeWarning:onnx")  # numpy, in what makes the cases
def test_the_standards_own_cases_give_the_standards_answers() -> None:
    wrong = [f"{o.case.name} {o.wrong}" for o in outcomes() if o.wrong]
    assert not wrong, "\n".join(wrong)
    assert sum(bool(o.passed) for o in outcomes()) >= 430


def test_every_operator_has_a_case_of_the_standard_that_passes() -> None:
    passed = {o.case.op for o in outcomes() if o.passed}
    assert passed == set(native_operators()) - {"Cast"}  # all of its cases have other types; it has tests below


def test_the_page_of_operators_is_current() -> None:
    assert operators_page.PAGE.read_text() == operators_page.page(), "python tests/runtime/operators_page.py writes it"


def one_node(
    op: str, x: Floats, constants: list[NDArray[np.generic]], opset: int = 20, **attributes: object
) -> onnx.ModelProto:
    """Return a graph of one node, `x` its first input and the others constant."""
    names = [f"c{i}" for i in range(len(constants))]
    graph = helper.make_graph(
        [helper.make_node(op, ["x", *names], ["y"], name="it", **attributes)],
        op,
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(c, name) for c, name in zip(constants, names, strict=True)],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def in_onnxruntime(model: onnx.ModelProto, x: Floats) -> Floats:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    answer: Floats = session.run(["y"], {"x": x})[0]
    return answer


def assert_as_onnxruntime(model: onnx.ModelProto, x: Floats) -> None:
    expected = in_onnxruntime(model, x)
    (got,) = run_native(model, [x], [expected])
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=3e-6 * max(1.0, np.abs(expected).max()))


@pytest.mark.parametrize("seed", range(60))
def test_convolutions_of_any_size_answer_as_onnxruntime(seed: int) -> None:
    random = np.random.default_rng(seed)
    axes = int(random.integers(1, 4))
    groups, each, outputs = int(random.choice([1, 1, 2, 3])), int(random.integers(1, 6)), int(random.integers(1, 7))
    kernel = random.integers(1, 6, axes)
    strides, dilations = random.integers(1, 4, axes), random.integers(1, 4, axes)
    pads = random.integers(0, 4, 2 * axes)
    reach = (kernel - 1) * dilations + 1
    sizes = reach + random.integers(0, [60, 14, 6][axes - 1], axes)
    x = random.normal(size=(int(random.integers(1, 3)), groups * each, *sizes)).astype(np.float32)
    weights = random.normal(size=(groups * outputs, each, *kernel)).astype(np.float32)
    constants: list[NDArray[np.generic]] = [weights]
    if random.random() < 0.7:
        constants.append(random.normal(size=groups * outputs).astype(np.float32))
    given = {"strides": strides.tolist(), "dilations": dilations.tolist(), "pads": pads.tolist(), "group": groups}
    assert_as_onnxruntime(one_node("Conv", x, constants, kernel_shape=kernel.tolist(), **given), x)


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("op", ["MaxPool", "AveragePool"])
def test_pools_of_any_size_answer_as_onnxruntime(op: str, seed: int) -> None:
    random = np.random.default_rng(seed)
    axes = int(random.integers(1, 4))
    kernel, strides = random.integers(1, 5, axes), random.integers(1, 4, axes)
    dilations = random.integers(1, 3, axes)
    pads = random.integers(0, kernel, axes)  # a pad of a whole kernel has no answer
    pads = np.minimum(pads, ((kernel - 1) * dilations + 1) // 2)
    sizes = (kernel - 1) * dilations + 1 + random.integers(0, [70, 20, 8][axes - 1], axes)
    x = random.normal(size=(1, int(random.integers(1, 5)), *sizes)).astype(np.float32)
    given = {"kernel_shape": kernel.tolist(), "strides": strides.tolist(), "pads": [*pads.tolist(), *pads.tolist()]}
    given |= {"ceil_mode": int(random.integers(0, 2)), "dilations": dilations.tolist()}
    if op == "AveragePool":
        given["count_include_pad"] = int(random.integers(0, 2))
    assert_as_onnxruntime(one_node(op, x, [], **given), x)


GRID = np.concatenate(
    [
        np.linspace(-12, 12, 3001),
        np.linspace(-1e-3, 1e-3, 501),
        [0.0, -0.0, 88.0, -88.0, 1e-30, -1e-30, 5e4, -5e4, 3e38],
    ]
).astype(np.float32)
POSITIVE = np.concatenate([np.geomspace(1.2e-38, 3e38, 3001), np.linspace(0.5, 2, 1001)]).astype(np.float32)


def erf(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.vectorize(math.erf)(x)


def gelu(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return x * 0.5 * np.vectorize(math.erfc)(-x / math.sqrt(2))


EXACT: list[tuple[str, Floats, Callable[[NDArray[np.float64]], NDArray[np.float64]], float, float]] = [
    # operator, inputs, the function in float64, relative and absolute error allowed
    ("Log", POSITIVE, np.log, 3e-7, 0),
    ("Sin", GRID, np.sin, 0, 3e-7),
    ("Cos", GRID, np.cos, 0, 3e-7),
    ("Erf", GRID, erf, 3e-7, 0),
    ("Gelu", GRID, gelu, 2e-6, 3e-7),
    ("Elu", GRID, lambda x: np.where(x < 0, np.expm1(np.minimum(x, 0)), x), 3e-7, 0),
    ("Softplus", GRID, lambda x: np.logaddexp(0, x), 1e-6, 1e-37),
    ("Mish", GRID, lambda x: x * np.tanh(np.logaddexp(0, x)), 2e-6, 1e-7),
    ("Tanh", GRID, np.tanh, 5e-7, 0),
    ("Sigmoid", GRID, lambda x: 1 / (1 + np.exp(-x)), 5e-7, 1e-37),
    ("Exp", np.linspace(-80, 80, 4000).astype(np.float32), np.exp, 3e-7, 0),
]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # log(0), exp(5e4)
@pytest.mark.parametrize(("op", "x", "exact", "relative", "absolute"), EXACT, ids=[row[0] for row in EXACT])
def test_functions_are_exact_to_the_last_digits(
    op: str, x: Floats, exact: Callable[..., NDArray[np.float64]], relative: float, absolute: float
) -> None:
    expected = exact(x.astype(np.float64))
    (got,) = run_native(one_node(op, x[None], []), [x[None]], [expected.astype(np.float32)[None]])
    np.testing.assert_allclose(got[0], expected.astype(np.float32), rtol=relative, atol=absolute)


ODD = [
    ("Softmax", (1, 3, 7), {"axis": 1}, []),
    ("Softmax", (1, 21), {}, []),
    ("LogSoftmax", (1, 4, 5, 3), {"axis": 2}, []),
    ("Gelu", (1, 33), {"approximate": "tanh"}, []),
    ("LeakyRelu", (1, 5, 19), {"alpha": 0.2}, []),
    ("HardSigmoid", (1, 17), {}, []),
    ("HardSwish", (1, 17), {}, []),
    ("Selu", (1, 9), {}, []),
    ("Celu", (1, 9), {"alpha": 1.7}, []),
    ("PRelu", (1, 3, 7), {}, [np.array([[0.1], [0.2], [-0.3]], np.float32)]),
    ("Pow", (1, 9), {}, [np.array(3.0, np.float32)]),
    ("Pow", (1, 9), {}, [np.array(2, np.int64)]),
    ("ReduceMean", (1, 3, 5, 7), {"keepdims": 0}, [np.array([1, 3])]),
    ("ReduceL2", (1, 3, 5), {}, [np.array([2])]),
    ("ReduceLogSumExp", (1, 3, 5), {"keepdims": 0}, [np.array([1])]),
    ("GlobalAveragePool", (1, 3, 5, 9), {}, []),
    ("GlobalMaxPool", (1, 3, 23), {}, []),
    ("Pad", (1, 3, 5), {"mode": "reflect"}, [np.array([0, 1, 2, 0, 2, 4])]),
    ("Pad", (1, 3, 5), {"mode": "constant"}, [np.array([0, -1, 2, 0, 0, -2]), np.array(1.5, np.float32)]),
    ("MatMul", (3, 1, 5), {}, [np.random.default_rng(0).normal(size=(3, 5, 33)).astype(np.float32)]),  # an ensemble
    ("MatMul", (1, 5), {}, [np.random.default_rng(0).normal(size=(3, 5, 2)).astype(np.float32)]),
]


@pytest.mark.parametrize(
    ("op", "shape", "attributes", "constants"), ODD, ids=lambda v: str(v) if isinstance(v, str) else ""
)
def test_operators_answer_as_onnxruntime(
    op: str, shape: tuple[int, ...], attributes: dict[str, object], constants: list[NDArray[np.generic]]
) -> None:
    x = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    assert_as_onnxruntime(one_node(op, x, constants, **attributes), x)


@pytest.mark.parametrize("to", [TensorProto.INT64, TensorProto.INT32, TensorProto.BOOL, TensorProto.DOUBLE])
def test_casts_of_what_is_computed_answer_as_onnxruntime(to: int) -> None:
    x = np.array([[-2.5, -1.0, -0.6, -0.0, 0.0, 0.4, 0.9, 1.0, 7.99, 16777216.0, -16777215.0]], np.float32)
    model = one_node("Cast", x, [], to=to)
    model.graph.node[0].output[0] = "cast"
    model.graph.node.append(helper.make_node("Cast", ["cast"], ["y"], to=TensorProto.FLOAT))
    assert_as_onnxruntime(model, x)


def test_normalizations_answer_as_onnxruntime() -> None:
    random = np.random.default_rng(2)
    for channels, rest in ((7, ()), (5, (19,)), (3, (4, 5))):
        x = (random.normal(size=(2, channels, *rest)) * 3 + 50).astype(np.float32)
        numbers: list[NDArray[np.generic]] = [random.uniform(0.5, 2, channels).astype(np.float32) for _ in range(4)]
        numbers[2] = np.full(channels, 50, np.float32)
        assert_as_onnxruntime(one_node("BatchNormalization", x, numbers), x)
        if rest:
            assert_as_onnxruntime(one_node("InstanceNormalization", x, numbers[:2]), x)


@pytest.mark.parametrize(
    ("op", "each"),
    [("ReduceL1", np.abs), ("ReduceL2", np.abs), ("ReduceSumSquare", np.square), ("ReduceLogSumExp", np.array)],
)
def test_a_norm_over_no_axis_is_that_of_each_element(op: str, each: Callable[[Floats], Floats]) -> None:
    x = np.random.default_rng(5).normal(size=(2, 3)).astype(np.float32)
    node = one_node(op, x, [np.zeros(0, np.int64)], noop_with_empty_axes=1)
    (y,) = run_native(node, [x], [x])
    assert np.allclose(y, each(x), rtol=1e-6, atol=1e-7)


def test_the_places_of_the_largest_are_refused_by_name() -> None:
    x = np.zeros((1, 1, 4), np.float32)
    model = one_node("MaxPool", x, [], kernel_shape=[2])
    model.graph.node[0].output.append("places")
    with pytest.raises(RuntimeError, match=r'MaxPool "g.it": the output Indices is not supported'):
        run_native(model, [x], [np.zeros((1, 1, 3), np.float32)])
