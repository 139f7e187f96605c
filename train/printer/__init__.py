"""The printer corrector: G-code, motion planner, plant, targets and net."""
