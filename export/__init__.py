"""Export: a trained module becomes a model folder that every runtime reads, checked against the module in float64."""

from learn_rt.export.empty import export_empty
from learn_rt.export.pipeline import Report, export, export_servable

__all__ = ["Report", "export", "export_empty", "export_servable"]
