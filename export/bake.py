"""The module as every format takes it: in eval mode, on the CPU, float32, statistics inside as buffers."""

from __future__ import annotations

import copy
import hashlib

import numpy as np
import torch
from numpy.typing import NDArray

from learn_rt.export.names import answer_shape, graph_inputs, sample_shape
from learn_rt.spec import Kind, Spec
from learn_rt.train.core.servable import Servable

MAX_SEQUENCE = 4096  # samples of a stateful model's held-out sequences, which every loader replays
EXAMPLE_BATCH = 3  # not 0 or 1, which exporters take for constants


def bake(module: Servable) -> Servable:
    """Return a copy of `module` in eval mode, on the CPU, in float32, that asks for no gradients.

    Raises: ValueError: a parameter or buffer that is not finite, by name.
    """
    baked = copy.deepcopy(module).cpu().float().eval().requires_grad_(False)
    for name, tensor in baked.state_dict().items():
        if not torch.isfinite(tensor).all():
            raise ValueError(
                f"{name} holds a value that is not finite: the checkpoint did not train, export another one"
            )
    return baked


def in_float64(baked: Servable) -> Servable:
    """Return the copy in float64 that every format is judged by."""
    return copy.deepcopy(baked).double()


def check_held_out(held_out: NDArray[np.floating], spec: Spec) -> NDArray[np.float32]:
    """Return the held-out samples as float32, (n, window, n_features), (n, n_features) of a pointwise model,
    (n, window + horizon - 1, n_features) of a rollout, (n, samples, n_features) sequences of a stateful model.

    Raises: ValueError: another shape, no sample, or a value that is not finite.
    """
    want: tuple[int | str, ...] = sample_shape(spec)
    samples = np.ascontiguousarray(held_out, dtype=np.float32)
    fits = samples.shape[1:] == want
    if spec.kind is Kind.STATEFUL:
        want = (f"2 to {MAX_SEQUENCE} samples", spec.n_features)
        fits = samples.ndim == 3 and 2 <= samples.shape[1] <= MAX_SEQUENCE and samples.shape[2] == spec.n_features
    if not fits or len(samples) == 0:
        raise ValueError(f"held-out samples must have shape (n, {', '.join(map(str, want))}), got {samples.shape}")
    if not np.isfinite(samples).all():
        raise ValueError("held-out samples must be finite")
    return samples


def check_module(baked: Servable, spec: Spec) -> None:
    """Check that the module keeps the spec's shapes, whole and by steps.

    Raises: ValueError: what must hold and what came.
    """
    if spec.kind is Kind.STATEFUL and not baked.states():
        raise ValueError("a stateful module needs step and its states")
    shapes = [(3, spec.n_features)] if spec.kind is Kind.STATEFUL else graph_inputs(spec).values()
    whole = baked(*(torch.zeros(EXAMPLE_BATCH, *shape) for shape in shapes))
    if whole.shape != (EXAMPLE_BATCH, *answer_shape(spec)):
        want = ", ".join(map(str, answer_shape(spec)))
        raise ValueError(f"forward must answer (batch, {want}), the spec's outputs, got {tuple(whole.shape)}")
    if spec.kind is Kind.POINTWISE:
        if baked.states():
            raise ValueError("a pointwise module has no states: give it kind window or stateful")
        return
    if not baked.states():
        if spec.kind is Kind.ROLLOUT:
            raise ValueError("a rollout needs step and its states, from which every horizon is made")
        return  # such as a convolutional net: every answer is made from the whole window
    zeros = zero_states(baked, EXAMPLE_BATCH)
    answer, *following = baked.step(torch.zeros(EXAMPLE_BATCH, spec.n_features), *zeros)
    if answer.shape != (EXAMPLE_BATCH, spec.n_outputs) or [s.shape for s in following] != [s.shape for s in zeros]:
        got = [tuple(s.shape) for s in (answer, *following)]
        raise ValueError(
            f"step must return (answer, next states) of {[(s.name, s.shape) for s in baked.states()]}, got {got}"
        )


def zero_states(module: Servable, batch: int) -> list[torch.Tensor]:
    """Return the states at the start of a window, (batch, *shape) each."""
    return [torch.zeros(batch, *s.shape) for s in module.states()]


def weights_hash(baked: Servable) -> str:
    """Return the SHA-256 of all parameters and buffers with their names, in hexadecimal."""
    digest = hashlib.sha256()
    for name, tensor in baked.state_dict().items():
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()
