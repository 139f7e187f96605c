"""How well classes are told: macro-F1, accuracy, by class and confusion; by window, and by vote over a clip."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torchmetrics.functional.classification import (
    multiclass_accuracy,
    multiclass_confusion_matrix,
    multiclass_f1_score,
)


def scores(answers: Tensor, labels: Tensor, n_classes: int) -> dict[str, float]:
    """Return macro_f1 and accuracy of scores (n, n_classes) against labels (n,).

    Macro-F1 is the mean over the classes that occur among labels or answers.
    """
    told = answers.argmax(1)
    return {
        "macro_f1": float(multiclass_f1_score(told, labels, n_classes, average="macro")),
        "accuracy": float(multiclass_accuracy(told, labels, n_classes, average="micro")),
    }


def all_figures(answers: Tensor, labels: Tensor, clips: Tensor, classes: Sequence[str]) -> dict[str, Any]:
    """Return `scores` of windows, the same of clips, `outputs` by class, and `confusion` [label][answer].

    `clips` holds the same scores where all windows of a clip vote (mean logarithm), if a clip has one label.
    """
    told = answers.argmax(1)
    confusion = multiclass_confusion_matrix(told, labels, len(classes))
    figures: dict[str, Any] = scores(answers, labels, len(classes)) | {"windows": len(labels)}
    figures["outputs"] = {
        name: _of_class(confusion, i) for i, name in enumerate(classes) if confusion[i].sum() + confusion[:, i].sum()
    }
    figures |= {"classes": list(classes), "confusion": confusion.tolist()}
    _, which = clips.unique(return_inverse=True)
    n = int(which.max()) + 1
    low = labels.new_full((n,), len(classes)).scatter_reduce(0, which, labels, "amin")
    high = labels.new_zeros(n).scatter_reduce(0, which, labels, "amax")
    if torch.equal(low, high):
        votes = answers.new_zeros(n, len(classes)).index_add_(0, which, answers.clamp(min=1e-6).log())
        figures["clips"] = scores(votes, low, len(classes)) | {"clips": n}
    return figures


def _of_class(confusion: Tensor, i: int) -> dict[str, float]:
    hit, labelled, told = (float(v) for v in (confusion[i, i], confusion[i].sum(), confusion[:, i].sum()))
    return {
        "f1": 2 * hit / (labelled + told),
        "recall": hit / max(labelled, 1.0),
        "precision": hit / max(told, 1.0),
        "windows": labelled,
    }
