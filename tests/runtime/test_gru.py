"""GRUs of both ways of resetting, and cells written out, against the equations in float64."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from native_graphs import run_native
from onnx import TensorProto, helper, numpy_helper

Numbers = np.ndarray


def sigmoid(x: Numbers) -> Numbers:
    return 1 / (1 + np.exp(-x))


def gru(x: Numbers, w: Numbers, r: Numbers, b: Numbers, h: Numbers, after: bool) -> Numbers:
    """Return h after each step (steps, n): ONNX's equations, gates in the order z, r, n."""
    n, out = len(h), []
    wz, wr, wn = (x @ part.T for part in np.split(w, 3))
    bz, br, bn, cz, cr, cn = np.split(b, 6)
    rz, rr, rn = np.split(r, 3)
    for t in range(len(x)):
        z = sigmoid(wz[t] + bz + rz @ h + cz)
        reset = sigmoid(wr[t] + br + rr @ h + cr)
        inner = reset * (rn @ h + cn) if after else rn @ (reset * h) + cn
        h = (1 - z) * np.tanh(wn[t] + bn + inner) + z * h
        out.append(h)
    return np.array(out).reshape(-1, n)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("steps", "inputs", "n"), [(1, 3, 5), (1, 1, 33), (2, 4, 8), (7, 9, 17), (12, 2, 1)])
@pytest.mark.parametrize("given", [True, False], ids=["bias and state", "neither"])
def test_a_gru_over_a_window(after: bool, steps: int, inputs: int, n: int, given: bool) -> None:
    random = np.random.default_rng(steps * 100 + n)
    x, h = random.normal(size=(steps, 1, inputs)), random.normal(size=(1, 1, n)) * given
    w, r = random.normal(size=(1, 3 * n, inputs)), random.normal(size=(1, 3 * n, n)) / np.sqrt(n)
    b = random.normal(size=(1, 6 * n)) * given
    constants = {"w": w, "r": r} | ({"b": b} if given else {})
    inputs_ = ["x", "w", "r", *(["b", "", "h"] if given else [])]
    graph = helper.make_graph(
        [helper.make_node("GRU", inputs_, ["y", "last"], hidden_size=n, linear_before_reset=int(after))],
        "gru",
        [helper.make_tensor_value_info(k, TensorProto.FLOAT, v.shape) for k, v in {"x": x, "h": h}.items()][
            : 1 + given
        ],
        [helper.make_tensor_value_info(k, TensorProto.FLOAT, None) for k in ("y", "last")],
        [numpy_helper.from_array(v.astype(np.float32), k) for k, v in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    values = [v.astype(np.float32) for v in ([x, h] if given else [x])]
    truth = gru(x[:, 0], w[0], r[0], b[0], h[0, 0], after)
    y, last = run_native(model, values, [truth.reshape(steps, 1, 1, n), truth[-1].reshape(1, 1, n)])
    np.testing.assert_allclose(y[:, 0, 0], truth, atol=3e-6)
    np.testing.assert_allclose(last[0, 0], truth[-1], atol=3e-6)


def written_out(n: int, form: str) -> list[onnx.NodeProto]:
    """Return a cell's nodes from a [1, 3 n], b [1, 3 n] and h [1, n] to y [1, n]; "wrong" is almost one."""
    make = helper.make_node
    nodes = [make("Split", [v], [f"{v}r", f"{v}z", f"{v}n"], axis=1, num_outputs=3) for v in ("a", "b")]
    nodes += [
        make("Add", ["ar", "br"], ["rs"]),
        make("Sigmoid", ["rs"], ["r"]),
        make("Add", ["bz", "az"], ["zs"]),
        make("Sigmoid", ["zs"], ["z"]),
        make("Mul", ["r", "bn"], ["rb"]),
        make("Add", ["an", "rb"], ["ns"]),
        make("Tanh", ["ns"], ["n"]),
    ]
    if form == "blending":
        nodes += [
            make("Sub", ["one", "z"], ["rest"]),
            make("Mul", ["rest", "n"], ["p"]),
            make("Mul", ["z", "h"], ["q"]),
        ]
        return [*nodes, make("Add", ["p", "q"], ["y"])]
    difference = ["n", "h"] if form == "wrong" else ["h", "n"]
    nodes += [make("Sub", difference, ["d"]), make("Mul", ["z", "d"], ["zd"])]
    return [*nodes, make("Add", ["n", "zd"], ["y"])]


@pytest.mark.parametrize("form", ["leaning", "blending", "wrong"])
@pytest.mark.parametrize("n", [1, 6, 40])
def test_a_cell_written_out(form: str, n: int) -> None:
    random = np.random.default_rng(n)
    a, b, h = (random.normal(size=(1, k * n)).astype(np.float32) for k in (3, 3, 1))
    graph = helper.make_graph(
        written_out(n, form),
        "cell",
        [helper.make_tensor_value_info(k, TensorProto.FLOAT, v.shape) for k, v in {"a": a, "b": b, "h": h}.items()],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.float32(1), "one")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    (ar, az, an), (br, bz, bn) = np.split(a.astype(float), 3, 1), np.split(b.astype(float), 3, 1)
    z, candidate = sigmoid(az + bz), np.tanh(an + sigmoid(ar + br) * bn)
    truth = candidate + z * (candidate - h if form == "wrong" else h - candidate)
    (y,) = run_native(model, [a, b, h], [truth])
    np.testing.assert_allclose(y, truth, atol=2e-6)


@pytest.mark.parametrize(
    ("attributes", "says"),
    [
        ({"direction": "reverse"}, "attribute direction = reverse is not supported, only forward"),
        ({"clip": 1.0}, "attribute clip is not supported"),
        ({"activations": ["Relu", "Tanh"]}, "attribute activations = Relu, Tanh is not supported"),
        ({"layout": 2}, "layout = 2 is not supported"),
        ({"hidden_size": 0}, "hidden_size = 0"),
        ({"hidden_size": 2**40}, "hidden_size = 1099511627776"),
        ({"hidden_size": 3}, "do not fit hidden_size"),
    ],
)
def test_a_gru_that_is_another_is_refused(attributes: dict[str, object], says: str) -> None:
    x, w, r = np.ones((3, 1, 2), np.float32), np.ones((1, 6, 2), np.float32), np.ones((1, 6, 2), np.float32)
    graph = helper.make_graph(
        [helper.make_node("GRU", ["x", "w", "r"], ["y"], **({"hidden_size": 2} | attributes))],
        "gru",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(v, k) for k, v in {"w": w, "r": r}.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    with pytest.raises(RuntimeError, match=says):
        run_native(model, [x], [np.ones((3, 1, 1, 2))])
