"""Masked language modelling: BERT's cloze test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name
from torch import nn

from catenary.digest import digest
from catenary.train.batches import Batch, Batches
from catenary.train.objectives.objective import Loss
from catenary.train.objectives.targets import IGNORED, mean_cross_entropy
from catenary.train.seeds import VALIDATION_MASKS, seed_at

# Logits are computed at a multiple of this many places; see `batches.LENGTH_STEP`.
PLACES_STEP = 64


@dataclass(frozen=True)
class MaskedLM:
    """Say which tokens stood under the mask (Devlin et al. 2019, §3.1).

    A share `mask_rate` of the ordinary tokens is chosen anew each time a document comes up (dynamic masking, Liu et
    al. 2019, §4.1). Of those, 80 % become the mask token, 10 % a random ordinary token and 10 % stay, so that
    the model cannot trust what it sees. `ordinary_ids`: all tokens but the special ones.
    """

    mask_rate: float
    mask_id: int
    ordinary_ids: tuple[int, ...]

    @property
    def identity(self) -> str:
        """Equal for objectives that give equal losses."""
        return digest(["masked-lm", self.mask_rate, self.mask_id, self.ordinary_ids])

    @cached_property
    def _ordinary(self) -> torch.Tensor:
        return torch.tensor(self.ordinary_ids)

    @cached_property
    def _ordinary_table(self) -> torch.Tensor:
        table = torch.zeros(max(*self.ordinary_ids, self.mask_id) + 1, dtype=torch.bool)
        table[self._ordinary] = True
        return table

    def mask(
        self, input_ids_BT: torch.Tensor, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """(ids with some masked (B, T), the flat places in B·T that were chosen (M,)); one at least, if one can be."""
        ids = input_ids_BT.flatten()
        ordinary = self._ordinary_table[ids].nonzero()[:, 0]
        chance = torch.rand(len(ordinary), generator=generator)
        chosen = chance < self.mask_rate
        if len(ordinary) and not chosen.any():
            chosen[chance.argmin()] = True
        places = ordinary[chosen]
        fate = torch.rand(len(places), generator=generator)
        drawn = self._ordinary[torch.randint(len(self._ordinary), (len(places),), generator=generator)]
        seen = torch.where(fate < 0.8, self.mask_id, torch.where(fate < 0.9, drawn, ids[places]))
        return ids.index_copy(0, places, seen).view_as(input_ids_BT), places

    def cloze(
        self, input_ids_BT: torch.Tensor, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """(ids with some masked (B, T), places to look at (M,), what stood there (M,)); IGNORED fills up M."""
        masked_BT, places = self.mask(input_ids_BT, generator)
        filler = -len(places) % PLACES_STEP
        targets = F.pad(input_ids_BT.flatten()[places], (0, filler), value=IGNORED)
        return masked_BT, F.pad(places, (0, filler)), targets

    def loss(self, model: nn.Module, batch: Batch, generator: torch.Generator) -> Loss:
        """L = −1/M Σ log p(token | the rest), over the chosen places alone: no other logits are computed."""
        masked_BT, places, targets = self.cloze(batch.input_ids_BT, generator)
        logits_MV = model(masked_BT, batch.attention_mask_BT, logits_at=places).logits
        return mean_cross_entropy(logits_MV, targets)

    @torch.no_grad()
    def measure(self, model: nn.Module, batches: Batches) -> Mapping[str, float]:
        """`loss` and `accuracy` over all documents, with masks that are the same each time."""
        model.eval()
        generator = torch.Generator()
        loss, right, count = 0.0, 0, 0
        for number, batch in enumerate(batches.in_order()):
            generator.manual_seed(seed_at(batches.seed, VALIDATION_MASKS, number))
            masked_BT, places, targets = self.cloze(batch.input_ids_BT, generator)
            logits_MV = model(masked_BT, batch.attention_mask_BT, logits_at=places).logits.float()
            loss += F.cross_entropy(logits_MV, targets, ignore_index=IGNORED, reduction="sum").item()
            right += int((logits_MV.argmax(-1) == targets).sum())
            count += int((targets != IGNORED).sum())
        return {"loss": loss / count, "accuracy": right / count}
