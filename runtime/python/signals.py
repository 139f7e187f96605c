"""Signals by name: `Model.signals()` opens a SignalSession; an Observation makes the samples of a model run elsewhere.

observation = Observation(client.spec)
prediction = client.predict(observation.sample({"joint_pos": q, "joint_vel": dq}), deadline_s)
target = observation.answer(prediction.values)["joint_pos_target"]
"""

from learn_rt._runtime import Observation, SignalSession

__all__ = ["Observation", "SignalSession"]
