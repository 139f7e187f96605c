"""Gait: from a body's parameters and the phase of the gait cycle to the body's pose."""
