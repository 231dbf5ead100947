"""Tagging: one label for each token that begins a word."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name
from torch import nn

from catenary.data.tags import entities_of, names_entities
from catenary.digest import digest
from catenary.train.batches import IGNORED, Batch, Batches
from catenary.train.objectives.classify import weighted_cross_entropy
from catenary.train.objectives.objective import Loss


@dataclass(frozen=True)
class Tag:
    """Say which of `labels` each word has; its first token answers for it (Devlin et al. 2019, §5.3).

    A batch's `marks_BT` hold the label's number where a word begins, IGNORED elsewhere. `weights`, one a label, and
    `focal` as in `Classify`.
    """

    labels: tuple[str, ...]
    label_smoothing: float = 0.0
    weights: tuple[float, ...] | None = None
    focal: float = 0.0

    @property
    def identity(self) -> str:
        """Equal for objectives that give equal losses."""
        return digest(["tag", self.labels, self.label_smoothing, self.weights, self.focal])

    def loss(self, model: nn.Module, batch: Batch, generator: torch.Generator) -> Loss:
        """L = −1/N Σ log p(label | the text), over the N words."""
        targets_BT = batch.marks_BT
        assert targets_BT is not None
        logits_BTC = model(batch.input_ids_BT, batch.attention_mask_BT).logits
        mean = weighted_cross_entropy(
            logits_BTC.flatten(0, 1), targets_BT.flatten(), self.label_smoothing, self.weights, self.focal
        )
        return Loss(mean, int((targets_BT != IGNORED).sum()))

    @torch.no_grad()
    def measure(self, model: nn.Module, batches: Batches) -> Mapping[str, float]:
        """`loss` and `accuracy` of the words; `f1` of the entities where the labels are of entities.

        An entity that two windows share counts as two here; `evaluate.tagging` puts them together.
        """
        model.eval()
        loss, right, count = 0.0, 0, 0
        found = told = both = 0
        for batch in batches.in_order():
            targets_BT = batch.marks_BT
            assert targets_BT is not None
            logits_BTC = model(batch.input_ids_BT, batch.attention_mask_BT).logits.float()
            loss += F.cross_entropy(logits_BTC.flatten(0, 1), targets_BT.flatten(), reduction="sum").item()
            best_BT = logits_BTC.argmax(-1)
            right += int((best_BT == targets_BT).sum())
            count += int((targets_BT != IGNORED).sum())
            for best_T, target_T in zip(best_BT, targets_BT, strict=True):
                words = target_T != IGNORED
                gold = set(entities_of([self.labels[i] for i in target_T[words].tolist()]))
                seen = set(entities_of([self.labels[i] for i in best_T[words].tolist()]))
                found, told, both = found + len(gold), told + len(seen), both + len(gold & seen)
        figures = {"loss": loss / max(count, 1), "accuracy": right / max(count, 1)}
        if names_entities(self.labels):
            figures["f1"] = 2 * both / max(found + told, 1)
        return figures
