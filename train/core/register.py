"""Which systems there are, by name. Nothing heavy is imported: a command's help must be quick."""

from __future__ import annotations

# System and target -> the module that defines `TASK`. A system's first target is its default. Imported on use: one
# system's needs never burden another.
MODULES = {
    ("printer", "offset"): "learn_rt.train.printer.offset",
    ("printer", "error"): "learn_rt.train.printer.error",
    ("dynamics", "state"): "learn_rt.train.dynamics.task",
    ("gait", "pose"): "learn_rt.train.gait.task",
    ("activity", "activity"): "learn_rt.train.activity.task",
    ("activity", "regressor"): "learn_rt.train.activity.regressor",
    ("cost", "cost"): "learn_rt.train.cost.task",
    ("table", "table"): "learn_rt.train.table.task",
}


def systems() -> tuple[str, ...]:
    """Return the names of all systems."""
    return tuple(dict.fromkeys(system for system, _ in MODULES))


def targets(system: str) -> tuple[str, ...]:
    """Return a system's targets, its default first.

    Raises: ValueError: there is no such system; the message names those there are.
    """
    if found := tuple(target for name, target in MODULES if name == system):
        return found
    raise ValueError(f"no system={system}; there are {', '.join(systems())}")
