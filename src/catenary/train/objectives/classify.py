"""Classification: one label a document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the field's name
from numpy.typing import NDArray
from torch import nn

from catenary.digest import digest
from catenary.train.batches import IGNORED, Batch, Batches
from catenary.train.objectives.objective import Loss
from catenary.train.objectives.span import has_token_types


@dataclass(frozen=True)
class Classify:
    """Say which of C classes a document belongs to.

    `label_smoothing` ε moves that much of the target from the class to all alike (Szegedy et al. 2016, §7). `weights`,
    one a class, make rare classes count. `focal` γ makes what the model knows already count less: a document's loss
    is multiplied by (1 − p(class))^γ (Lin et al. 2017, §3.2).
    """

    label_smoothing: float = 0.0
    weights: tuple[float, ...] | None = None
    focal: float = 0.0

    @property
    def identity(self) -> str:
        """Equal for objectives that give equal losses."""
        return digest(["classify", self.label_smoothing, self.weights, self.focal])

    def loss(self, model: nn.Module, batch: Batch, generator: torch.Generator) -> Loss:
        """L = −1/B Σ log p(class | document)."""
        logits_BC = class_logits(model, batch)
        return Loss(self.of(logits_BC, batch), len(logits_BC))

    def of(self, logits_BC: torch.Tensor, batch: Batch) -> torch.Tensor:
        """The loss of these answers."""
        assert batch.labels_B is not None
        return weighted_cross_entropy(
            logits_BC, batch.labels_B, self.label_smoothing, self.weights, self.focal
        )

    @torch.no_grad()
    def measure(self, model: nn.Module, batches: Batches) -> Mapping[str, float]:
        """`loss` (plain cross-entropy), `accuracy` and macro `f1` over all documents."""
        model.eval()
        loss, told, gold = 0.0, [], []
        for batch in batches.in_order():
            assert batch.labels_B is not None
            logits_BC = class_logits(model, batch).float()
            loss += F.cross_entropy(logits_BC, batch.labels_B, reduction="sum").item()
            told.append(logits_BC.argmax(-1))
            gold.append(batch.labels_B)
        told_N, gold_N = torch.cat(told), torch.cat(gold)
        return {
            "loss": loss / len(batches.rows),
            "accuracy": (told_N == gold_N).float().mean().item(),
            "f1": _macro_f1(told_N, gold_N),
        }


@torch.no_grad()
def document_losses(model: nn.Module, batches: Batches) -> NDArray[np.float64]:
    """The plain cross-entropy of each document, in the order of the rows."""
    model.eval()
    losses_N = np.zeros(len(batches.rows))
    for batch in batches.in_order():
        assert batch.labels_B is not None
        logits_BC = class_logits(model, batch).float()
        losses_N[batch.documents] = F.cross_entropy(logits_BC, batch.labels_B, reduction="none").numpy()
    return losses_N


def class_logits(model: nn.Module, batch: Batch) -> torch.Tensor:
    """(B, C): what a classifier says of a batch's texts or pairs of texts."""
    if batch.token_type_ids_BT is None or not has_token_types(model):
        return model(batch.input_ids_BT, batch.attention_mask_BT).logits  # type: ignore[no-any-return]
    types = batch.token_type_ids_BT
    return model(batch.input_ids_BT, batch.attention_mask_BT, token_type_ids=types).logits  # type: ignore[no-any-return]


def weighted_cross_entropy(
    logits_NC: torch.Tensor,
    targets_N: torch.Tensor,
    label_smoothing: float = 0.0,
    weights: tuple[float, ...] | None = None,
    focal: float = 0.0,
) -> torch.Tensor:
    """The mean cross-entropy of the targets that count, each times its class's weight and its focal factor.

    The mean is over the sum of the class weights, as torch's own; so weights change which classes matter, not the
    size of the step. 0 where no target counts.
    """
    logits_NC = logits_NC.float()
    weight_C = None if weights is None else torch.tensor(weights, device=logits_NC.device)
    loss_N = F.cross_entropy(
        logits_NC,
        targets_N,
        weight_C,
        ignore_index=IGNORED,
        reduction="none",
        label_smoothing=label_smoothing,
    )
    counts_N = targets_N != IGNORED
    known_N = targets_N.clamp(min=0)
    if focal:
        p_N = logits_NC.softmax(-1).gather(1, known_N[:, None])[:, 0]
        loss_N = loss_N * (1 - p_N) ** focal
    of_N = counts_N.float() if weight_C is None else weight_C[known_N] * counts_N
    return loss_N.sum() / of_N.sum().clamp(min=1e-8)


def _macro_f1(told_N: torch.Tensor, gold_N: torch.Tensor) -> float:
    """The mean F1 of the classes that occur."""
    scores = []
    for label in sorted(set(told_N.tolist()) | set(gold_N.tolist())):
        told, gold = told_N == label, gold_N == label
        scores.append(2 * int((told & gold).sum()) / int(told.sum() + gold.sum()))
    return sum(scores) / len(scores)
