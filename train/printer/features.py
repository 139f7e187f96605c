"""What slicers say in comments: where a layer begins, and what is printed.

Public: `Feature`, `FEATURES` (a move's `feature` is an index into it), `feature_of(comment)`,
`layer_style(comment)`, `marks_layers(source)`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

from learn_rt.train.printer.lines import read_lines


class Feature(StrEnum):
    """What a move prints, whatever the slicer calls it."""

    OTHER = "other"  # nothing said, or a name of the user's
    OUTER_WALL = "outer wall"
    INNER_WALL = "inner wall"
    OVERHANG = "overhang wall"
    SPARSE_INFILL = "sparse infill"
    SOLID_INFILL = "solid infill"
    TOP = "top surface"
    BOTTOM = "bottom surface"
    BRIDGE = "bridge"
    GAP = "gap infill"
    SKIRT = "skirt"
    SUPPORT = "support"


FEATURES = tuple(Feature)
WALLS = frozenset({Feature.OUTER_WALL, Feature.INNER_WALL, Feature.OVERHANG})

# The first pattern found decides. Names of Orca, Bambu, Creality, PrusaSlicer, Cura, ideaMaker, Simplify3D.
_NAMES = tuple(
    (re.compile(pattern), FEATURES.index(feature))
    for pattern, feature in (
        ("support", Feature.SUPPORT),
        ("overhang", Feature.OVERHANG),
        ("outer wall|external perimeter|wall-outer|outer perimeter", Feature.OUTER_WALL),
        ("inner wall|perimeter|wall-inner", Feature.INNER_WALL),
        ("bridge", Feature.BRIDGE),
        ("top", Feature.TOP),
        ("bottom", Feature.BOTTOM),
        ("gap", Feature.GAP),
        ("skirt|brim|prime|wipe tower", Feature.SKIRT),
        ("solid|^skin$|internal solid", Feature.SOLID_INFILL),
        ("infill|^fill$", Feature.SPARSE_INFILL),
    )
)
_FEATURE = re.compile(r"\s*(?:TYPE:|FEATURE:|feature )\s*(.{1,80})")
# Each alternative is one slicer's way to mark a layer; a file is read by the first way that it uses.
_LAYER = re.compile(r"\s*(?:(LAYER_CHANGE|CHANGE_LAYER)\s*$|(LAYER:)\s*-?\d+|(layer )\d+,|(BEGIN_LAYER_OBJECT))")


def feature_of(comment: str) -> int | None:
    """Return the index into `FEATURES` that the comment (without its semicolon) announces, or None."""
    found = _FEATURE.match(comment)
    if not found:
        return None
    name = found[1].strip().lower()
    return next((index for pattern, index in _NAMES if pattern.search(name)), 0)


def marks_layers(source: str | Path | Sequence[str]) -> bool:
    """Return whether any comment of the file, or of the lines, marks a layer."""
    lines = (line for _, line, _ in read_lines(source))
    return any(layer_style(line.partition(";")[2]) is not None for line in lines if ";" in line)


def layer_style(comment: str) -> int | None:
    """Return which way of marking a layer the comment (without its semicolon) uses, or None."""
    found = _LAYER.match(comment)
    return found.lastindex if found else None
