"""Targets of which some do not count."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name

IGNORED = -100  # as a target: cross_entropy leaves it out


def mean_cross_entropy(logits_MV: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The mean cross-entropy of the targets that count; 0 where none does: texts of unknown characters alone."""
    total = F.cross_entropy(logits_MV.float(), targets, ignore_index=IGNORED, reduction="sum")
    return total / (targets != IGNORED).sum().clamp(min=1)
