"""config.pbtxt as Triton reads it: parsed with Triton's own message definition."""

from __future__ import annotations

import onnx
import pytest
from google.protobuf import text_format
from tritonclient.grpc.model_config_pb2 import TYPE_FP32, ModelConfig

from learn_rt.export.config_pbtxt import check_config, config_pbtxt
from learn_rt.spec import Kind, Signal, Spec


def test_config_parses_as_a_triton_model_config_and_fits_model_onnx(version):
    config = text_format.Parse((version.parent / "config.pbtxt").read_text(), ModelConfig())
    assert (config.name, config.backend) == ("printer", "onnxruntime")
    assert config.default_model_filename == "model.onnx"
    assert config.max_batch_size >= 7
    graph = onnx.load(version / "model.onnx").graph
    for tensors, values in ((config.input, graph.input), (config.output, graph.output)):
        (tensor,), (value,) = tensors, values
        assert tensor.name == value.name
        assert tensor.data_type == TYPE_FP32
        assert list(tensor.dims) == [d.dim_value for d in value.type.tensor_type.shape.dim[1:]]


POINTWISE = Spec("mlp", Kind.POINTWISE, 0.01, (Signal("a", "m", shape=(3,)),), (Signal("y", "m"),))


def test_a_pointwise_model_takes_one_sample():
    config = text_format.Parse(config_pbtxt(POINTWISE), ModelConfig())
    assert list(config.input[0].dims) == [3]
    assert list(config.output[0].dims) == [1]


def test_spaces_and_comments_of_the_owner_do_not_matter_but_dimensions_do():
    text = config_pbtxt(POINTWISE)
    check_config("# ours\n" + text.replace("\n", "  \n\n").replace("[ 3 ]", "[  3 ]"), POINTWISE)
    with pytest.raises(ValueError, match=r"must hold `input"):
        check_config(text.replace("[ 3 ]", "[ 4 ]"), POINTWISE)
