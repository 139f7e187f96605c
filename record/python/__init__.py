"""Recordings of streams, replayed: does a model still answer what it answered then?

replayed = replay(read("printer-client-20260131T235959.123Z-4711-0.lrec"), Path("models"))
"""

from learn_rt.record.replay import Difference, Replayed, replay
from learn_rt.recording import Recording, read

__all__ = ["Difference", "Recording", "Replayed", "read", "replay"]
