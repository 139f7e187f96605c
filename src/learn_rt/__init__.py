"""Small neural nets inside control loops: the contract that training, export, serving and the client share."""

from importlib.metadata import version

from learn_rt.spec import Envelope, Signal, Spec, State

__all__ = ["Envelope", "Signal", "Spec", "State", "__version__"]

__version__ = version("learn-rt")
