"""The next token of padded rows: what recurrent language models are trained to say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name
from torch import Tensor, nn

from catenary.digest import digest
from catenary.train.batches import Batch
from catenary.train.dealing import HeldOut
from catenary.train.objectives.objective import Loss
from catenary.train.objectives.targets import IGNORED


@dataclass(frozen=True)
class NextToken:
    """Say each token of a row but the first (Mikolov et al. 2010). The row frames itself: its first token is given."""

    @property
    def identity(self) -> str:
        """Equal for objectives that give equal losses."""
        return digest(["next-token"])

    def loss(self, model: nn.Module, batch: Batch, generator: torch.Generator) -> Loss:
        """L = −1/N Σ log p(token | those before it)."""
        total, tokens = _summed(model, batch)
        return Loss(total / max(1, tokens), tokens)

    @torch.no_grad()
    def measure(self, model: nn.Module, held_out: HeldOut[Batch]) -> Mapping[str, float]:
        """`loss` for a predicted token."""
        model.eval()
        loss, tokens = 0.0, 0
        for batch in held_out.in_order():
            total, predicted = _summed(model, batch)
            loss, tokens = loss + total.item(), tokens + predicted
        return {"loss": loss / max(1, tokens)}


def _summed(model: nn.Module, batch: Batch) -> tuple[Tensor, int]:
    """The summed cross-entropy, and of how many tokens."""
    targets_BT = batch.input_ids_BT[:, 1:]
    if batch.attention_mask_BT is not None:
        targets_BT = targets_BT.masked_fill(batch.attention_mask_BT[:, 1:] == 0, IGNORED)
    logits_BTV = model(batch.input_ids_BT[:, :-1]).logits
    total = F.cross_entropy(
        logits_BTV.flatten(0, 1).float(), targets_BT.flatten(), ignore_index=IGNORED, reduction="sum"
    )
    return total, int((targets_BT != IGNORED).sum())
