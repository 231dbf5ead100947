"""What a model is trained to do: from a batch to a loss, and from held-out batches to figures.

Shapes: B documents, T tokens of the longest, M masked places, V vocabulary, C classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name
from torch import nn

from catenary.digest import digest
from catenary.models import Model, Output
from catenary.train.batches import Batch, Batches
from catenary.train.seeds import VALIDATION_MASKS, seed_at

# Logits are computed at a multiple of this many places; see `batches.LENGTH_STEP`.
PLACES_STEP = 64
IGNORED = -100  # as a target: cross_entropy leaves it out


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

    def loss(self, model: nn.Module, batch: Batch, generator: torch.Generator) -> torch.Tensor:
        """L = −1/M Σ log p(token | the rest), over the chosen places alone: no other logits are computed."""
        masked_BT, places, targets = self.cloze(batch.input_ids_BT, generator)
        logits_MV = model(masked_BT, batch.attention_mask_BT, logits_at=places).logits
        return _mean(logits_MV, targets)

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

    def loss(self, model: nn.Module, batch: Batch, generator: torch.Generator) -> torch.Tensor:
        """L = −1/B Σ log p(class | document)."""
        logits_BC = model(batch.input_ids_BT, batch.attention_mask_BT).logits
        return self.of(logits_BC, batch)

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


class ClassifierAndReader(nn.Module):
    """A classifier beside the masked-LM head of the encoder that it came from; both read the same hidden states."""

    def __init__(self, classifier: Model, masked_lm: Model) -> None:
        super().__init__()
        self.classifier, self.reader = classifier, masked_lm.head

    def forward(self, input_ids_BT: torch.Tensor, attention_mask_BT: torch.Tensor | None = None) -> Output:
        """The classifier's answer."""
        return self.classifier(input_ids_BT, attention_mask_BT)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class ClassifyAndRead:
    """Classify documents of which some tokens are hidden, and say which: L = L_classify + λ L_masked-LM.

    With few labelled documents the second loss keeps the encoder from forgetting what it read (Radford et al.
    2018, §3.2, eq. 5), and the hidden tokens keep the classifier from leaning on single words.
    """

    classify: Classify
    masked: MaskedLM
    weight: float

    @property
    def identity(self) -> str:
        """Equal for objectives that give equal losses."""
        return digest(["classify-and-read", self.classify.identity, self.masked.identity, self.weight])

    def loss(self, model: nn.Module, batch: Batch, generator: torch.Generator) -> torch.Tensor:
        """The sum of both; `model` is a ClassifierAndReader."""
        assert isinstance(model, ClassifierAndReader)
        masked_BT, places, targets = self.masked.cloze(batch.input_ids_BT, generator)
        output = model(masked_BT, batch.attention_mask_BT)
        hidden_MD = output.hidden.flatten(0, 1)[places]
        logits_MV = model.reader(hidden_MD, model.classifier.embedding.weight)
        read = _mean(logits_MV, targets)
        return self.classify.of(output.logits, batch) + self.weight * read

    def measure(self, model: nn.Module, batches: Batches) -> Mapping[str, float]:
        """Of the classifier, with nothing hidden."""
        return self.classify.measure(model, batches)


def _mean(logits_MV: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The mean cross-entropy of the targets that count; 0 where none does: texts of unknown characters alone."""
    total = F.cross_entropy(logits_MV.float(), targets, ignore_index=IGNORED, reduction="sum")
    return total / (targets != IGNORED).sum().clamp(min=1)
