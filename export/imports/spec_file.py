"""spec.yaml, and the spec that it makes together with what the model's file tells."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import yaml

from learn_rt.export.imports.metadata import Told
from learn_rt.export.imports.roles import Roles
from learn_rt.jsonread import read_dataclass
from learn_rt.spec import Kind, Signal, Spec

MAX_BYTES = 1 << 20
KEYS = ("name", "kind", "dt_s", "window", "preview", "inputs", "outputs", "states", "graph_outputs", "metadata")
STATE_KEYS = ("name", "in", "out", "shape", "batch_axis")
_SIGNAL_KEYS = tuple(f.name for f in fields(Signal))


@dataclass(frozen=True, slots=True)
class Given:
    """What spec.yaml says, checked for its keys only."""

    body: dict[str, Any]

    def rows(self, key: str) -> list[dict[str, Any]]:
        """Return a list of mappings: inputs, outputs or states."""
        found: list[dict[str, Any]] = self.body.get(key) or []
        return found

    @property
    def wanted(self) -> list[str]:
        """The graph's outputs that are the answer."""
        found: list[str] = self.body.get("graph_outputs") or []
        return found

    @property
    def uses_metadata(self) -> bool:
        return bool(self.body.get("metadata", True))


def read_spec_file(path: Path | None) -> Given:
    """Return what a YAML (or JSON) file says.

    Raises: ValueError: not YAML, an alias (a few lines of them can be gigabytes), or a key that is not known.
    """
    if path is None:
        return Given({})
    if path.stat().st_size > MAX_BYTES:
        raise ValueError(f"{path}: larger than {MAX_BYTES} bytes")
    try:
        text = path.read_text()
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=yaml.SafeLoader)):
            raise ValueError(f"{path}: aliases (*name) are not taken: write the value out")
        body = yaml.safe_load(text)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(body, dict):
        raise ValueError(f"{path}: expected keys {', '.join(KEYS)}, got {type(body).__name__}")
    _check_keys(body, KEYS, str(path))
    for key, known in (("inputs", _SIGNAL_KEYS), ("outputs", _SIGNAL_KEYS), ("states", STATE_KEYS)):
        rows = body.get(key) or []
        if not isinstance(rows, list) or not all(isinstance(r, dict) and isinstance(r.get("name"), str) for r in rows):
            raise ValueError(f"{path}: {key} must be a list of mappings with a name each")
        for row in rows:
            _check_keys(row, known, f"{path}: {key}: {row['name']}")
    wanted = body.get("graph_outputs") or []
    if not isinstance(wanted, list) or not all(isinstance(w, str) for w in wanted):
        raise ValueError(f"{path}: graph_outputs must be a list of names")
    return Given(body)


def _check_keys(body: Mapping[Any, Any], known: Sequence[str], where: str) -> None:
    if unknown := [key for key in body if key not in known]:
        raise ValueError(f"{where}: unknown key {unknown[0]!r}; known: {', '.join(known)}")


def draft(given: Given, told: Told, roles: Roles, name: str) -> tuple[dict[str, Any], list[str]]:
    """Return the spec's body as far as it is known, `?` where it is not, and what is missing, in words."""
    missing: list[str] = []
    kind = given.body.get("kind") or ("stateful" if roles.states else "window" if roles.window > 1 else "pointwise")
    body: dict[str, Any] = {"name": given.body.get("name", name), "kind": kind}
    body["dt_s"] = given.body.get("dt_s", "?")
    if body["dt_s"] == "?":
        missing.append("dt_s, the seconds of a tick")
    if roles.window > 1 or "window" in given.body:
        body["window"] = given.body.get("window", roles.window)
    if "preview" in given.body:
        body["preview"] = given.body["preview"]
    body["inputs"] = _merged(given.rows("inputs"), told.inputs, "inputs", "observation_names")
    body["outputs"] = _merged(given.rows("outputs"), told.outputs, "outputs", "action_scale")
    for key, total in (("inputs", roles.n_features), ("outputs", roles.n_outputs)):
        _complete(body[key], key, total, missing)
    if roles.states:
        body["states"] = [{"name": c.state.name, "in": c.enters.name, "out": c.leaves.name} for c in roles.states]
    if given.wanted:
        body["graph_outputs"] = given.wanted
    return body, missing


def _merged(
    given: Sequence[Mapping[str, Any]], told: Sequence[Mapping[str, Any]], side: str, key: str
) -> list[dict[str, Any]]:
    """Return the file's rows, each with what spec.yaml says of it; spec.yaml's own rows where the file has none."""
    if not told:
        return [{"shape": []} | _plain_row(row) for row in given]
    names = [row["name"] for row in told]
    if strange := [row["name"] for row in given if row["name"] not in names]:
        raise ValueError(
            f"{side}: {strange[0]} is none of the model's own ({', '.join(names)}, from its {key}): "
            "use those names, or say metadata: false"
        )
    over = {row["name"]: row for row in given}
    return [_plain_row({**row, **over.get(row["name"], {})}) for row in told]


def _plain_row(row: Mapping[str, Any]) -> dict[str, Any]:
    made = {key: value for key, value in row.items() if value not in (None, [])}
    if isinstance(made.get("shape"), int) and not isinstance(made["shape"], bool):
        made["shape"] = [made["shape"]]
    if "shape" not in made and isinstance(made.get("elements"), list):
        made["shape"] = [len(made["elements"])]
    return made


def _complete(rows: list[dict[str, Any]], side: str, total: int, missing: list[str]) -> None:
    """Put `?` where a row lacks what a spec needs; the one shape that is not known follows from the total."""
    if not rows:
        rows.append({"name": "?", "unit": "?", "shape": [total]})
        missing.append(f"{side}: names and units of the graph's {total} values")
        return
    unsized = [row for row in rows if not _sized(row)]
    left = total - sum(_width(row) for row in rows if _sized(row))
    if unsized and left <= 0:
        each = ", ".join(f"{row['name']} {_width(row)}" for row in rows if _sized(row))
        raise ValueError(f"{side}: {each} leave {left} of the graph's {total} values for {unsized[0]['name']}")
    if len(unsized) == 1 and left % unsized[0].get("history", 1) == 0:
        unsized[0]["shape"] = [left // unsized[0].get("history", 1)]
    for row in rows:
        if not _sized(row):
            row["shape"] = "?"
            missing.append(f"the shape of {row['name']}")
        if "unit" not in row:
            row["unit"] = "?"
            missing.append(f"the unit of {row['name']}")
        for key in ("major", "order") if row.get("history", 1) != 1 else ():
            if key not in row:
                row[key] = "?"
                missing.append(f"{key} of {row['name']}, how its history lies in the sample")
    widths = [_width(row) for row in rows if _sized(row)]
    if len(widths) == len(rows) and sum(widths) != total:
        each = ", ".join(f"{row['name']} {_width(row)}" for row in rows)
        raise ValueError(f"{side} are {sum(widths)} values ({each}), but the graph's are {total}")


def _sized(row: Mapping[str, Any]) -> bool:
    return isinstance(row.get("shape"), list)


def _width(row: Mapping[str, Any]) -> int:
    sizes = row["shape"]
    return math.prod(n for n in sizes if isinstance(n, int)) * int(row.get("history", 1))


def to_yaml(body: Mapping[str, Any]) -> str:
    """Return a draft as the text of a spec file."""

    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True  # the reader takes none

    return yaml.dump(dict(body), Dumper=Dumper, sort_keys=False, default_flow_style=None, width=120)


def make_spec(body: Mapping[str, Any], roles: Roles) -> Spec:
    """Return the spec of a complete draft.

    Raises: ValueError: the path in the spec file and what must hold there.
    """
    plain = {key: value for key, value in body.items() if key not in ("states", "graph_outputs", "inputs", "outputs")}
    for side in ("inputs", "outputs"):
        plain[side] = [dict(row) for row in body[side]]
    spec: Spec = read_dataclass(Spec, plain, "$")
    if spec.kind is Kind.ROLLOUT:
        raise ValueError("a rollout cannot be imported: learn-export writes one from a module")
    if (spec.kind is Kind.STATEFUL) != bool(roles.states):
        raise ValueError(f"a {spec.kind} model, but the graph has {len(roles.states)} states")
    if spec.window != roles.window:
        raise ValueError(f"window is {spec.window}, but the graph takes {roles.window} samples")
    for side, total in (("inputs", spec.n_features), ("outputs", spec.n_outputs)):
        want = roles.n_features if side == "inputs" else roles.n_outputs
        if total != want:
            raise ValueError(f"{side} are {total} values, but the graph's are {want}")
    return spec
