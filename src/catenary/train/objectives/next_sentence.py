"""BERT's two tasks at once: the tokens under the mask, and whether the second stretch follows the first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name
from torch import nn

from catenary.digest import digest
from catenary.train.batches import IGNORED, Batch, Batches
from catenary.train.objectives.masked import MaskedLM
from catenary.train.objectives.objective import Loss
from catenary.train.objectives.targets import mean_cross_entropy
from catenary.train.seeds import VALIDATION_MASKS, seed_at


@dataclass(frozen=True)
class MaskedAndNext:
    """L = L_masked-LM + L_next, the means of both (Devlin et al. 2019, A.2); rows of one stretch ask only the first.

    A batch's `labels_B` say 0 where the second stretch follows, 1 where it does not, IGNORED where there is none.
    """

    masked: MaskedLM

    @property
    def identity(self) -> str:
        """Equal for objectives that give equal losses."""
        return digest(["masked-and-next", self.masked.identity])

    def loss(self, model: nn.Module, batch: Batch, generator: torch.Generator) -> Loss:
        """The sum of both."""
        logits_MV, targets, next_B2, labels_B = self._answers(model, batch, generator)
        read, follows = mean_cross_entropy(logits_MV, targets), mean_cross_entropy(next_B2, labels_B)
        return Loss(read.mean + follows.mean, read.of)

    @torch.no_grad()
    def measure(self, model: nn.Module, batches: Batches) -> Mapping[str, float]:
        """`loss` and `accuracy` of the masked tokens, `next_loss` and `next_accuracy` of the pairs."""
        model.eval()
        generator = torch.Generator()
        sums = torch.zeros(6, dtype=torch.float64)
        for number, batch in enumerate(batches.in_order()):
            generator.manual_seed(seed_at(batches.seed, VALIDATION_MASKS, number))
            logits_MV, targets, next_B2, labels_B = self._answers(model, batch, generator)
            parts = []
            for logits, wanted in ((logits_MV.float(), targets), (next_B2.float(), labels_B)):
                loss = F.cross_entropy(logits, wanted, ignore_index=IGNORED, reduction="sum").item()
                parts += [loss, int((logits.argmax(-1) == wanted).sum()), int((wanted != IGNORED).sum())]
            sums += torch.tensor(parts, dtype=torch.float64)
        loss, right, count, next_loss, next_right, pairs = sums.tolist()
        return {
            "loss": loss / max(count, 1),
            "accuracy": right / max(count, 1),
            "next_loss": next_loss / max(pairs, 1),
            "next_accuracy": next_right / max(pairs, 1),
        }

    def _answers(
        self, model: nn.Module, batch: Batch, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        assert batch.labels_B is not None
        masked_BT, places, targets = self.masked.cloze(batch.input_ids_BT, generator, batch.marks_BT)
        output = model(
            masked_BT, batch.attention_mask_BT, token_type_ids=batch.token_type_ids_BT, logits_at=places
        )
        return output.logits, targets, output.next_sentence_logits, batch.labels_B
