"""config.pbtxt: what Triton needs to serve the folder. Written once; later versions must fit it."""

from __future__ import annotations

from learn_rt.export.names import answer_shape, graph_inputs
from learn_rt.spec import Kind, Spec, State

MAX_BATCH_SIZE = 1024


def config_file(spec: Spec) -> str:
    """Return the graph that Triton runs."""
    return "step.onnx" if spec.kind is Kind.STATEFUL else "model.onnx"


def config_pbtxt(spec: Spec) -> str:
    """Return the text of a Triton ModelConfig; dims are without the batch axis.

    A stateful model's states are kept by Triton for each sequence, zero at its start.
    """
    inputs = (_tensor("input", name, shape) for name, shape in graph_inputs(spec).items())
    states = ", ".join(map(_state, spec.states))
    carried = f"sequence_batching {{ state [ {states} ] }}\n" if spec.kind is Kind.STATEFUL else ""
    return f"""\
name: "{spec.name}"
backend: "onnxruntime"
default_model_filename: "{config_file(spec)}"
max_batch_size: {MAX_BATCH_SIZE}
{"".join(inputs)}{_tensor("output", "y", answer_shape(spec))}{carried}"""


def _state(state: State) -> str:
    kind = f"data_type: TYPE_FP32 dims: [ {', '.join(map(str, state.shape))} ]"
    names = f'input_name: "state.{state.name}" output_name: "state.{state.name}.next"'
    start = f'initial_state [ {{ name: "zero" {kind} zero_data: true }} ]'
    return f"{{ {names} {kind} {start} }}"


def _tensor(side: str, name: str, shape: tuple[int, ...]) -> str:
    return f'{side} [ {{ name: "{name}" data_type: TYPE_FP32 dims: [ {", ".join(map(str, shape))} ] }} ]\n'


def check_config(text: str, spec: Spec) -> None:
    """Check that a folder's config.pbtxt fits the model; lines of its owner (instance groups and so on) are left alone.

    Raises: ValueError: the line that must be there.
    """
    there = {" ".join(line.split()) for line in text.splitlines()}
    for line in config_pbtxt(spec).splitlines():
        if line not in there:
            raise ValueError(
                f"config.pbtxt must hold `{line}` to fit the model: versions of one name take the same samples and "
                "give the same answers; choose another --name"
            )
