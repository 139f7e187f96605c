"""Closing the loop on the simulated printer: the baselines, the measure, the demo and the long table."""
