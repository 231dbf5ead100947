"""Masked language modelling: BERT's cloze test."""

from __future__ import annotations

import zlib
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
from catenary.train.seeds import MASKS, VALIDATION_MASKS, seed_at

# Logits are computed at a multiple of this many places; see `batches.LENGTH_STEP`.
PLACES_STEP = 64


@dataclass(frozen=True)
class MaskedLM:
    """Say which tokens stood under the mask (Devlin et al. 2019, §3.1).

    A share `mask_rate` of the ordinary tokens is chosen anew each time a document comes up (dynamic masking, Liu et
    al. 2019, §4.1); with a `static_seed`, by that and the row's tokens alone, and so the same each time. Of those, 80 %
    become the mask token, 10 % a random ordinary token and 10 % stay, so that the model cannot trust what it sees.
    Where a batch has marks, 1 where a word begins, words are chosen, and all tokens of a word share its fate.
    `ordinary_ids`: all tokens but the special ones.
    """

    mask_rate: float
    mask_id: int
    ordinary_ids: tuple[int, ...]
    static_seed: int | None = None

    @property
    def identity(self) -> str:
        """Equal for objectives that give equal losses."""
        return digest(["masked-lm", self.mask_rate, self.mask_id, self.ordinary_ids, self.static_seed])

    @cached_property
    def _ordinary(self) -> torch.Tensor:
        return torch.tensor(self.ordinary_ids)

    @cached_property
    def _ordinary_table(self) -> torch.Tensor:
        table = torch.zeros(max(*self.ordinary_ids, self.mask_id) + 1, dtype=torch.bool)
        table[self._ordinary] = True
        return table

    def mask(
        self, input_ids_BT: torch.Tensor, generator: torch.Generator, marks_BT: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """(ids with some masked (B, T), the flat places in B·T that were chosen (M,)); one at least, if one can be."""
        if self.static_seed is None:
            return self._masked(input_ids_BT, generator, marks_BT)
        width, own = input_ids_BT.shape[1], torch.Generator()
        rows, places = [], []
        for row, ids_T in enumerate(input_ids_BT):
            real = int(ids_T.nonzero()[-1]) + 1 if ids_T.any() else 0  # padding must not change a row's masks
            own.manual_seed(seed_at(self.static_seed, MASKS, zlib.crc32(ids_T[:real].numpy().tobytes())))
            marks_T = None if marks_BT is None else marks_BT[row, :real]
            masked_T, chosen = self._masked(ids_T[:real], own, marks_T)
            rows.append(torch.cat([masked_T, ids_T[real:]]))
            places.append(chosen + row * width)
        return torch.stack(rows), torch.cat(places)

    def _masked(
        self, some_ids: torch.Tensor, generator: torch.Generator, marks: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        ids = some_ids.flatten()
        ordinary = self._ordinary_table[ids].nonzero()[:, 0]
        if marks is None:
            chance = torch.rand(len(ordinary), generator=generator)
            chosen = chance < self.mask_rate
            if len(ordinary) and not chosen.any():
                chosen[chance.argmin()] = True
            places = ordinary[chosen]
            fate = torch.rand(len(places), generator=generator)
        else:
            # Padding and special tokens are words of their own: a word goes on only within ordinary tokens.
            begins = (marks.flatten() != 0) | ~self._ordinary_table[ids]
            word_of = (begins.cumsum(0) - 1).clamp(min=0)
            chances = torch.rand(int(word_of[-1]) + 1 if len(ids) else 0, generator=generator)
            chance = chances[word_of[ordinary]]
            chosen = chance < self.mask_rate
            if len(ordinary) and not chosen.any():
                chosen = chance == chance.min()
            places = ordinary[chosen]
            fate = torch.rand(len(chances), generator=generator)[word_of[places]]
        drawn = self._ordinary[torch.randint(len(self._ordinary), (len(places),), generator=generator)]
        seen = torch.where(fate < 0.8, self.mask_id, torch.where(fate < 0.9, drawn, ids[places]))
        return ids.index_copy(0, places, seen).view_as(some_ids), places

    def cloze(
        self, input_ids_BT: torch.Tensor, generator: torch.Generator, marks_BT: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """(ids with some masked (B, T), places to look at (M,), what stood there (M,)); IGNORED fills up M."""
        masked_BT, places = self.mask(input_ids_BT, generator, marks_BT)
        filler = -len(places) % PLACES_STEP
        targets = F.pad(input_ids_BT.flatten()[places], (0, filler), value=IGNORED)
        return masked_BT, F.pad(places, (0, filler)), targets

    def loss(self, model: nn.Module, batch: Batch, generator: torch.Generator) -> Loss:
        """L = −1/M Σ log p(token | the rest), over the chosen places alone: no other logits are computed."""
        masked_BT, places, targets = self.cloze(batch.input_ids_BT, generator, batch.marks_BT)
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
            masked_BT, places, targets = self.cloze(batch.input_ids_BT, generator, batch.marks_BT)
            logits_MV = model(masked_BT, batch.attention_mask_BT, logits_at=places).logits.float()
            loss += F.cross_entropy(logits_MV, targets, ignore_index=IGNORED, reduction="sum").item()
            right += int((logits_MV.argmax(-1) == targets).sum())
            count += int((targets != IGNORED).sum())
        return {"loss": loss / count, "accuracy": right / count}
