"""Targets of which some do not count."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name

from catenary.train.objectives.objective import Loss

IGNORED = -100  # as a target: cross_entropy leaves it out


def mean_cross_entropy(logits_MV: torch.Tensor, targets: torch.Tensor) -> Loss:
    """The mean cross-entropy of the targets that count; 0 where none does: texts of unknown characters alone."""
    total = F.cross_entropy(logits_MV.float(), targets, ignore_index=IGNORED, reduction="sum")
    count = (targets != IGNORED).sum()
    return Loss(total / count.clamp(min=1), int(count))
