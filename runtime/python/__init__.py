"""Model folders in process: load one, open a session, answer samples in microseconds.

model = load("models/printer/1")
session = model.session()
answer, flags = session.step(sample)  # the critical path
session.settle()  # the work that does not need the next sample
"""

from learn_rt._runtime import EnvelopeLimiter, Flag, Model, Session, load, register_onnxruntime
from learn_rt.runtime.onnxruntime_backend import load_folder

__all__ = ["EnvelopeLimiter", "Flag", "Model", "Session", "load"]

# The C++ side asks for ONNX Runtime through this; it is imported when a model is loaded with it, not before.
register_onnxruntime(load_folder)
