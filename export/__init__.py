"""Export: a trained module becomes a model folder that every runtime reads, checked against the module in float64."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from learn_rt.export.empty import export_empty
    from learn_rt.export.pipeline import ParityError, Report, export, export_servable

__all__ = ["ParityError", "Report", "export", "export_empty", "export_servable"]


def __getattr__(name: str) -> Any:
    """Import on first use: torch takes seconds, and `learn-export --help` does not need it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{'empty' if name == 'export_empty' else 'pipeline'}"), name)
