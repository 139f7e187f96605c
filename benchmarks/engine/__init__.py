"""`learn-bench engine`: the native engine beside ONNX Runtime and TorchScript, turn by turn, and beside the machine."""
