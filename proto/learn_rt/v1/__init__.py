"""Generated messages and stubs of `learn_rt.v1.Predictor` (proto/learn_rt/v1/predictor.proto)."""
