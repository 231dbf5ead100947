"""Extractive reading: where in a text the answer to a question stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name
from torch import nn

from catenary.digest import digest
from catenary.models import Model
from catenary.train.batches import Batch, Batches
from catenary.train.objectives.objective import Loss


@dataclass(frozen=True)
class Span:
    """Say at which token the answer starts and at which it ends (Devlin et al. 2019, §4.2).

    A batch's `labels_B` are (B, 2): both places, from the row's first token; (0, 0) where the text does not hold the
    answer (§4.3).
    """

    label_smoothing: float = 0.0

    @property
    def identity(self) -> str:
        """Equal for objectives that give equal losses."""
        return digest(["span", self.label_smoothing])

    def loss(self, model: nn.Module, batch: Batch, generator: torch.Generator) -> Loss:
        """L = ½ (−log p(start) − log p(end)), the mean over rows."""
        return Loss(self._loss(model, batch, self.label_smoothing)[0], len(batch.input_ids_BT))

    @torch.no_grad()
    def measure(self, model: nn.Module, batches: Batches) -> Mapping[str, float]:
        """`loss`, and `accuracy`: the share of windows of which both ends are right."""
        model.eval()
        loss, right = 0.0, 0
        for batch in batches.in_order():
            mean, logits_BT2 = self._loss(model, batch, 0.0)
            assert batch.labels_B is not None
            loss += mean.item() * len(logits_BT2)
            right += int((logits_BT2.argmax(1) == batch.labels_B).all(1).sum())
        return {"loss": loss / len(batches.rows), "accuracy": right / len(batches.rows)}

    def _loss(self, model: nn.Module, batch: Batch, smoothing: float) -> tuple[torch.Tensor, torch.Tensor]:
        assert batch.labels_B is not None
        types = batch.token_type_ids_BT if has_token_types(model) else None
        logits_BT2 = model(batch.input_ids_BT, batch.attention_mask_BT, token_type_ids=types).logits.float()
        if batch.attention_mask_BT is not None:
            least = torch.finfo(logits_BT2.dtype).min
            if smoothing:
                least = (
                    -30.0
                )  # smoothing asks for a little of every place: what is impossible must stay finite
            logits_BT2 = logits_BT2.masked_fill(batch.attention_mask_BT[..., None] == 0, least)
        return F.cross_entropy(logits_BT2, batch.labels_B, label_smoothing=smoothing), logits_BT2


def has_token_types(model: nn.Module) -> bool:
    """Whether the model tells the second text of a pair from the first by an embedding."""
    inside = model if isinstance(model, Model) else getattr(model, "classifier", None)
    return isinstance(inside, Model) and inside.config.type_vocab_size > 1
