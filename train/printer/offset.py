"""The task `system=printer target=offset`: command offsets with preview that make the machine follow its plan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from learn_rt.train.core.system import Task
from learn_rt.train.printer.model import OffsetNet, OffsetNetConfig


class OffsetTask(Task):
    @staticmethod
    def build(config: Mapping[str, Any]) -> OffsetNet:
        """Return an untrained net of the sizes in `config["net"]`."""
        return OffsetNet(OffsetNetConfig(**config["net"]))


TASK = OffsetTask
