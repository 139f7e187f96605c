"""Latency gates: what one prediction costs, in process and over the wire, judged on a fit machine."""
