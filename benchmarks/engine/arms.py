"""What takes turns in one row: ours with each form of weights, and the baselines, each checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from learn_rt.benchmarks.engine.models import ROLLOUTS, version_folder
from learn_rt.benchmarks.engine.stored import stored
from learn_rt.benchmarks.latency.baseline import ort_library
from learn_rt.benchmarks.latency.streams import allowed
from learn_rt.spec import Kind, Spec, Weights

N_TICKS = 16  # of a rollout's stream


@dataclass(frozen=True)
class Arm:
    """A timed loop (`_engine.Laps`), and how far its answers may be from model.onnx's; None: not compared."""

    name: str
    laps: Any
    tolerance: float | None


@dataclass(frozen=True)
class Row:
    """One model: its folders by the form of weights, its arms, and what a session takes of the machine."""

    model: str
    threads: int  # of our rollouts, and of ONNX Runtime's
    spec: Spec
    folders: dict[Weights, Path]
    arms: list[Arm]
    footprints: dict[Weights, dict[str, Any]]


def open_row(model: str, cache: Path, forms: tuple[Weights, ...], threads: int | None = None) -> Row:
    """Return a row ready to be measured; its net is exported at the first call. None threads: the row's own."""
    net, candidates, horizon, own = ROLLOUTS.get(model, (model, 0, 0, 1))
    fp32 = version_folder(net, cache)
    folders = {form: stored(fp32, form) for form in forms}
    specs = {form: Spec.from_json((path / "spec.json").read_bytes()) for form, path in folders.items()}
    spec = Spec.from_json((fp32 / "spec.json").read_bytes())
    make = _rollout if candidates else _samples
    return make(model, spec, specs, folders, fp32, candidates, horizon, threads or own)


def _samples(
    model: str, spec: Spec, specs: dict[Weights, Spec], folders: dict[Weights, Path], fp32: Path, *_: int
) -> Row:
    import learn_rt._engine as _engine
    from learn_rt.benchmarks.latency.streams import make_stream

    stream = make_stream(fp32, spec)
    x, y = stream.samples, stream.answers
    arms = [
        Arm(form.value, _engine.Laps(_engine.SessionArm(path, "native"), x, y), allowed(specs[form]))
        for form, path in folders.items()
    ]
    library, sizes = ort_library(), (spec.n_features, spec.n_outputs)
    if (fp32 / "step.onnx").exists():
        states = [(f"state.{s.name}", f"state.{s.name}.next", [1, *s.shape]) for s in spec.states]
        step = _engine.OrtArm(library, str(fp32 / "step.onnx"), 0, *sizes, states)
        # Its states are carried on for ever, so its answers are not a window's.
        arms.append(Arm("onnxruntime_step", _engine.Laps(step, x), None))
    window = spec.window if spec.kind is Kind.WINDOW else 0
    whole = _engine.OrtArm(library, str(fp32 / "model.onnx"), window, *sizes, [])
    arms.append(Arm("onnxruntime", _engine.Laps(whole, x, y), 2 * (spec.tolerance or 0.0)))
    torch = _engine.SessionArm(fp32, "torchscript")
    arms.append(Arm("torchscript", _engine.Laps(torch, x, y), 2 * (spec.tolerance or 0.0)))
    return Row(model, 1, spec, folders, arms, {form: _engine.footprint(path) for form, path in folders.items()})


def _rollout(
    model: str,
    spec: Spec,
    specs: dict[Weights, Spec],
    folders: dict[Weights, Path],
    fp32: Path,
    candidates: int,
    horizon: int,
    threads: int,
) -> Row:
    import learn_rt._engine as _engine

    sizes = _engine.RolloutSizes(spec.n_outputs, spec.n_actions, candidates, horizon)
    x, y = rollout_stream(fp32, spec, candidates)
    arms = [
        Arm(
            form.value,
            _engine.Laps(_engine.RolloutArm(path, "native", sizes, threads), x, y),
            allowed(specs[form]),
        )
        for form, path in folders.items()
    ]
    theirs = _engine.OrtRolloutArm(ort_library(), str(fp32 / "model.onnx"), spec.window, sizes, threads)
    arms.append(Arm("onnxruntime", _engine.Laps(theirs, x, y), 2 * (spec.tolerance or 0.0)))
    torch = _engine.RolloutArm(fp32, "torchscript", sizes, 1)
    arms.append(Arm("torchscript", _engine.Laps(torch, x, y), 2 * (spec.tolerance or 0.0)))
    footprints = {form: _engine.rollout_footprint(path, candidates, horizon) for form, path in folders.items()}
    return Row(model, threads, spec, folders, arms, footprints)


def rollout_stream(folder: Path, spec: Spec, candidates: int) -> tuple[np.ndarray, np.ndarray]:
    """Return samples and answers: a golden window's rows one by one, and its plans; of the full window the answer.

    A sample holds the newest state, the action before it, and the candidates' plans. The answer to a history that is
    no golden window is NaN: not known.
    """
    import onnxruntime

    n = spec.n_outputs
    with np.load(folder / "golden.npz", allow_pickle=False) as golden:
        window, plans = golden["x"][0], golden["actions"]
    plans = plans[np.arange(candidates) % len(plans)]
    # The row's own action is the plan's first: the newest one of a history is not taken yet.
    history = np.repeat(window[None], candidates, 0)
    history[:, -1, n:] = plans[:, 0]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])
    answer = session.run(["y"], {"x": history, "actions": plans})[0].reshape(-1)
    before = np.roll(window[:, n:], 1, 0)
    samples = np.concatenate([window[:, :n], before, np.tile(plans.reshape(1, -1), (len(window), 1))], 1)
    answers = np.full((len(window), answer.size), np.nan, np.float32)
    answers[-1] = answer
    return np.ascontiguousarray(samples, np.float32), answers
