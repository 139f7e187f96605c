"""Import: anyone's ONNX file, TorchScript file or torch module becomes a model folder.

source (a graph) -> roles (which input is what) -> spec -> samples -> pipeline (parity, golden samples, folder)
"""
