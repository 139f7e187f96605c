"""Benchmarks: each beside its baseline, measured in the same run."""
