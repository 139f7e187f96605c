"""The task `system=printer target=error`: the tracking error (actual - planned) from the planned path, at 100 Hz."""

from learn_rt.train.printer.error.task import ErrorTask as TASK

__all__ = ["TASK"]
