"""Classification: one label a document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name
from torch import nn

from catenary.digest import digest
from catenary.train.batches import Batch, Batches
from catenary.train.objectives.objective import Loss


@dataclass(frozen=True)
class Classify:
    """Say which of C classes a document belongs to.

    `label_smoothing` ε moves that much of the target from the class to all alike (Szegedy et al. 2016, §7).
    """

    label_smoothing: float = 0.0

    @property
    def identity(self) -> str:
        """Equal for objectives that give equal losses."""
        return digest(["classify", self.label_smoothing])

    def loss(self, model: nn.Module, batch: Batch, generator: torch.Generator) -> Loss:
        """L = −1/B Σ log p(class | document)."""
        logits_BC = model(batch.input_ids_BT, batch.attention_mask_BT).logits
        return Loss(self.of(logits_BC, batch), len(logits_BC))

    def of(self, logits_BC: torch.Tensor, batch: Batch) -> torch.Tensor:
        """The loss of these answers."""
        assert batch.labels_B is not None
        return F.cross_entropy(logits_BC.float(), batch.labels_B, label_smoothing=self.label_smoothing)

    @torch.no_grad()
    def measure(self, model: nn.Module, batches: Batches) -> Mapping[str, float]:
        """`loss` (without smoothing) and `accuracy` over all documents."""
        model.eval()
        loss, right = 0.0, 0
        for batch in batches.in_order():
            assert batch.labels_B is not None
            logits_BC = model(batch.input_ids_BT, batch.attention_mask_BT).logits.float()
            loss += F.cross_entropy(logits_BC, batch.labels_B, reduction="sum").item()
            right += int((logits_BC.argmax(-1) == batch.labels_B).sum())
        return {"loss": loss / len(batches.rows), "accuracy": right / len(batches.rows)}
