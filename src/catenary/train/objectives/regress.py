"""Regression: a number for each document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name
from torch import nn

from catenary.digest import digest
from catenary.models import Model
from catenary.models.heads import Classifier
from catenary.train.batches import Batch, Batches
from catenary.train.objectives.classify import class_logits
from catenary.train.objectives.objective import Loss


@dataclass(frozen=True)
class Regress:
    """Say which number belongs to a document. The model works with (number − `mean`) / `spread`, of order one."""

    mean: float
    spread: float

    @property
    def identity(self) -> str:
        """Equal for objectives that give equal losses."""
        return digest(["regress", self.mean, self.spread])

    def loss(self, model: nn.Module, batch: Batch, generator: torch.Generator) -> Loss:
        """L = 1/B Σ (output − number)², in units of the spread."""
        assert batch.labels_B is not None
        output_B = class_logits(model, batch).float()[:, 0]
        return Loss(F.mse_loss(output_B, (batch.labels_B - self.mean) / self.spread), len(output_B))

    @torch.no_grad()
    def measure(self, model: nn.Module, batches: Batches) -> Mapping[str, float]:
        """`loss` as in training; `mae` and `rmse` in the numbers' own unit."""
        model.eval()
        off = []
        for batch in batches.in_order():
            assert batch.labels_B is not None
            told_B = class_logits(model, batch).float()[:, 0] * self.spread + self.mean
            off.append(told_B - batch.labels_B)
        off_N = torch.cat(off)
        square = (off_N**2).mean().item()
        return {"loss": square / self.spread**2, "mae": off_N.abs().mean().item(), "rmse": square**0.5}

    @torch.no_grad()
    def settle(self, model: Model) -> None:
        """Fold the unit into the head's last layer: from now on the model gives the number itself."""
        assert isinstance(model.head, Classifier)
        last = model.head.out_proj
        last.weight.mul_(self.spread)
        last.bias.mul_(self.spread).add_(self.mean)
