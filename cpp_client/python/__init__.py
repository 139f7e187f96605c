"""Predictions from a served model inside a control loop, in time or by policy.

    with connect("unix:/tmp/learn.sock", "printer", rest=first_sample) as client:
        prediction = client.predict(sample, deadline_us=800)

A model of kind rollout gives a RolloutClient:

    with connect("unix:/tmp/learn.sock", "dynamics") as client:
        client.observe(state, action_before)
        rollout = client.rollout(actions, deadline_s=0.02)  # (candidates, horizon, n_actions)

The work is done in C++ (`learn_rt._client`); the types are described in this package's stub.
"""

from learn_rt._client import Client, Prediction, Rollout, RolloutClient, RolloutStats, Stats, connect
from learn_rt.client.flags import Flag

__all__ = ["Client", "Flag", "Prediction", "Rollout", "RolloutClient", "RolloutStats", "Stats", "connect"]
