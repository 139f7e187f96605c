"""Model folders in process: load one, open a session, answer samples in microseconds.

model = load("models/printer/1")
session = model.session()
answer, flags = session.step(sample)  # the critical path
session.settle()  # the work that does not need the next sample

A model of kind rollout predicts the states to come, for many candidates at once:

session = load("models/dynamics/1").rollouts()
session.observe(state, action_before)
states, flags = session.rollout(actions)  # (candidates, horizon, n_states)
"""

from learn_rt._runtime import EnvelopeLimiter, Flag, Model, RolloutSession, Session, load, register_onnxruntime
from learn_rt.runtime.onnxruntime_backend import load_folder

__all__ = ["EnvelopeLimiter", "Flag", "Model", "RolloutSession", "Session", "load"]

# The C++ side asks for ONNX Runtime through this; it is imported when a model is loaded with it, not before.
register_onnxruntime(load_folder)
