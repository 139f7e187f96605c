"""What policies' ONNX files say of themselves, in the keys that Isaac Lab's and mjlab's exporters write.

Values are comma-separated (numbers with three decimals) or JSON. Histories are laid out as both do it: each term's own
block (term-major), the oldest tick first. An observation is value * scale; the action that comes back is the net's own.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

JOINTS, ACTIONS = "joints", "actions"  # sizes that the file's lists have
MAX_VALUE = 1 << 20
KEPT = ("joint_names", "default_joint_pos", "joint_stiffness", "joint_damping", "action_scale", "run_path")

# The size and unit of the terms that keep their names from one robot to the next.
TERMS: dict[str, tuple[int | str, str]] = {
    "base_lin_vel": (3, "m/s"),
    "base_ang_vel": (3, "rad/s"),
    "imu_ang_vel": (3, "rad/s"),
    "imu_lin_acc": (3, "m/s^2"),
    "projected_gravity": (3, "1"),
    "velocity_commands": (3, "m/s, m/s, rad/s"),
    "joint_pos": (JOINTS, "rad"),
    "joint_pos_rel": (JOINTS, "rad"),
    "joint_vel": (JOINTS, "rad/s"),
    "joint_vel_rel": (JOINTS, "rad/s"),
    "actions": (ACTIONS, "rad"),
    "last_action": (ACTIONS, "rad"),
}
TARGET = "joint_pos_target"


@dataclass(frozen=True, slots=True)
class Told:
    """What the keys tell: rows of the spec's inputs and outputs, as far as they go; what was concluded; the rest."""

    inputs: tuple[dict[str, Any], ...]
    outputs: tuple[dict[str, Any], ...]
    notes: tuple[str, ...]
    kept: dict[str, Any]


def read_metadata(entries: Mapping[str, str], n_outputs: int) -> Told:
    """Return what a file's metadata tell of its signals, nothing where it has none of the keys.

    Raises: ValueError: the key, and what is wrong with its value.
    """
    lists = _Lists(entries)
    joints = lists.names("joint_names")
    default = lists.numbers("default_joint_pos", len(joints))
    kept = {key: lists.kept(key) for key in KEPT if key in entries}
    notes: list[str] = []
    outputs = _outputs(lists, joints, default, n_outputs, notes)
    inputs = _inputs(lists, joints, default, outputs, notes)
    return Told(tuple(inputs), tuple(outputs), tuple(notes), kept)


def _outputs(
    lists: _Lists, joints: list[str], default: list[float], n_outputs: int, notes: list[str]
) -> list[dict[str, Any]]:
    scale = lists.numbers("action_scale", n_outputs)
    if not scale:
        return []
    elements = lists.names("action_names") or (joints if len(joints) == n_outputs else [])
    offset = lists.numbers("action_offset", n_outputs)
    if not offset and elements == joints and default:
        offset = default
        notes.append(f"{TARGET} = action * action_scale + default_joint_pos: the offset is taken to be the default")
    row: dict[str, Any] = {"name": TARGET, "unit": "rad", "shape": [n_outputs], "elements": elements, "scale": scale}
    return [row | ({"offset": offset} if offset else {})]


def _inputs(
    lists: _Lists, joints: list[str], default: list[float], outputs: list[dict[str, Any]], notes: list[str]
) -> list[dict[str, Any]]:
    names = lists.names("observation_names")
    scales = lists.numbers("observation_terms_scale", len(names)) or [1.0] * len(names)
    rows = []
    for name, history, scale in zip(names, _histories(lists, names), scales, strict=True):
        row: dict[str, Any] = {"name": name}
        if history > 1:
            row |= {"history": history, "major": "term", "order": "oldest"}
        if scale != 1.0:
            row["scale"] = 1.0 / scale
        size, unit = TERMS.get(name, (0, ""))
        if unit:
            row["unit"] = unit
        if size == ACTIONS and outputs:
            target = outputs[0]
            row |= {key: target[key] for key in ("shape", "elements", "scale", "offset") if key in target}
            row["feedback_of"] = TARGET
        elif size == JOINTS and joints:
            row |= {"shape": [len(joints)], "elements": joints}
            if name.startswith("joint_pos") and default:
                row["offset"] = default
                notes.append(f"{name} is taken to be relative to default_joint_pos, as joint_pos_rel is")
        elif isinstance(size, int) and size:
            row["shape"] = [size]
        rows.append(row)
    if any(r.get("history", 1) > 1 for r in rows):
        notes.append("histories are taken to be term-major, oldest first, as Isaac Lab and mjlab lay them out")
    if any(c.isdigit() for c in lists.text("observation_terms_clip")):  # -inf, inf and None are no bounds
        notes.append("observation_terms_clip is not applied: clip the signals, or give them range_valid")
    return rows


def _histories(lists: _Lists, names: list[str]) -> list[int]:
    """Return the ticks of each term; 0 in a file means no history, which is one tick."""
    for key in ("observation_history_lengths", "observation_terms_history_length"):
        value = lists.parse(key)
        if isinstance(value, dict):
            value = [value.get(name, 1) for name in names]
        if value:
            found = lists.check(key, value, len(names))
            if any(n < 0 or n != int(n) for n in found):
                raise ValueError(f"metadata {key} must be whole numbers, got {value}")
            return [max(1, int(n)) for n in found]
    return [1] * len(names)


class _Lists:
    """The metadata's values as lists, empty where a key is missing."""

    def __init__(self, entries: Mapping[str, str]) -> None:
        for key, text in entries.items():
            if len(text) > MAX_VALUE and key != "learn_rt.spec":
                raise ValueError(f"metadata {key} is longer than {MAX_VALUE} characters")
        self.entries = entries

    def text(self, key: str) -> str:
        return self.entries.get(key, "").strip()

    def parse(self, key: str) -> Any:
        text = self.text(key)
        if text[:1] in ("[", "{"):
            try:
                return json.loads(text)
            except (json.JSONDecodeError, RecursionError):
                raise ValueError(f"metadata {key} is no JSON, though it begins with {text[0]!r}") from None
        return [part.strip() for part in text.split(",")] if text else []

    def names(self, key: str) -> list[str]:
        value = self.parse(key)
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            raise ValueError(f"metadata {key} must be a list of names, got {self.text(key)[:80]!r}")
        return value

    def numbers(self, key: str, n: int) -> list[float]:
        """Return n numbers; one alone stands for all."""
        value = self.parse(key)
        return self.check(key, value if isinstance(value, list) else [value], n) if value else []

    def check(self, key: str, value: list[Any], n: int) -> list[float]:
        try:
            numbers = [float(v) for v in value]
        except (TypeError, ValueError):
            raise ValueError(f"metadata {key} must be numbers, got {self.text(key)[:80]!r}") from None
        numbers = numbers * n if len(numbers) == 1 else numbers
        if len(numbers) != n or not all(map(math.isfinite, numbers)):
            raise ValueError(f"metadata {key} must be {n} finite numbers, got {len(numbers)}: {self.text(key)[:80]!r}")
        return numbers

    def kept(self, key: str) -> Any:
        """Return a value as it goes into the spec's provenance."""
        value = self.parse(key)
        try:
            return [float(v) for v in value] if key not in ("joint_names", "run_path") else value
        except (TypeError, ValueError):
            return self.text(key)
