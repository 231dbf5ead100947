"""Classification with several labels a document, or none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name
from torch import nn

from catenary.digest import digest
from catenary.train.batches import Batch, Batches
from catenary.train.objectives.classify import class_logits
from catenary.train.objectives.objective import Loss


@dataclass(frozen=True)
class MultiLabel:
    """Say of each of C labels whether a document has it: C independent yes-or-no questions.

    A batch's `labels_B` are (B, C), 1.0 for yes. `weights`, one a label, multiply what a missed yes costs. `focal` γ
    as in `Classify`, with p the probability of the right answer (Lin et al. 2017).
    """

    weights: tuple[float, ...] | None = None
    focal: float = 0.0

    @property
    def identity(self) -> str:
        """Equal for objectives that give equal losses."""
        return digest(["multi-label", self.weights, self.focal])

    def loss(self, model: nn.Module, batch: Batch, generator: torch.Generator) -> Loss:
        """L = −1/(B C) Σ y log p + (1 − y) log(1 − p), p the logistic function of the logit."""
        assert batch.labels_B is not None
        logits_BC = class_logits(model, batch).float()
        weight_C = None if self.weights is None else torch.tensor(self.weights)
        loss_BC = F.binary_cross_entropy_with_logits(
            logits_BC, batch.labels_B, pos_weight=weight_C, reduction="none"
        )
        if self.focal:
            p_BC = torch.sigmoid(torch.where(batch.labels_B > 0, logits_BC, -logits_BC))
            loss_BC = loss_BC * (1 - p_BC) ** self.focal
        return Loss(loss_BC.mean(), len(logits_BC))

    @torch.no_grad()
    def measure(self, model: nn.Module, batches: Batches) -> Mapping[str, float]:
        """`loss`; micro `f1` with yes from 0.5 on; `accuracy`: documents of which every label is right."""
        model.eval()
        loss, whole, both, either = 0.0, 0, 0.0, 0.0
        for batch in batches.in_order():
            assert batch.labels_B is not None
            logits_BC, gold_BC = class_logits(model, batch).float(), batch.labels_B
            loss += F.binary_cross_entropy_with_logits(logits_BC, gold_BC).item() * len(gold_BC)
            told_BC = (logits_BC > 0).float()
            whole += int((told_BC == gold_BC).all(1).sum())
            both += (told_BC * gold_BC).sum().item()
            either += told_BC.sum().item() + gold_BC.sum().item()
        n = len(batches.rows)
        return {"loss": loss / n, "f1": 2 * both / max(either, 1.0), "accuracy": whole / n}
