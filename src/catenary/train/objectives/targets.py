"""Targets of which some do not count."""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name

from catenary.train.batches import IGNORED
from catenary.train.objectives.objective import Loss

__all__ = ["IGNORED", "mean_cross_entropy"]


def mean_cross_entropy(logits_MV: torch.Tensor, targets: torch.Tensor) -> Loss:
    """The mean cross-entropy of the targets that count; 0 where none does: texts of unknown characters alone."""
    total = F.cross_entropy(logits_MV.float(), targets, ignore_index=IGNORED, reduction="sum")
    count = (targets != IGNORED).sum()
    return Loss(total / count.clamp(min=1), int(count))


def smoothed(logits_MV: torch.Tensor, targets: torch.Tensor, label_smoothing: float) -> Loss:
    """The mean cross-entropy with a share of each target moved to all tokens alike; 0 where none counts."""
    count = int((targets != IGNORED).sum())
    total = F.cross_entropy(
        logits_MV.float(), targets, ignore_index=IGNORED, reduction="sum", label_smoothing=label_smoothing
    )
    return Loss(total / max(1, count), count)


def measured(predictions: Iterable[tuple[torch.Tensor, torch.Tensor]]) -> dict[str, float]:
    """`loss` and `accuracy` over all batches of (logits (M, V), targets (M,))."""
    loss, right, count = 0.0, 0, 0
    for logits_MV, targets in predictions:
        loss += F.cross_entropy(logits_MV.float(), targets, ignore_index=IGNORED, reduction="sum").item()
        right += int((logits_MV.argmax(-1) == targets).sum())
        count += int((targets != IGNORED).sum())
    return {"loss": loss / max(1, count), "accuracy": right / max(1, count)}
