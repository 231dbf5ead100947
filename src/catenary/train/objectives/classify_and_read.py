"""Classification with masked language modelling beside it, on one pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn

from catenary.digest import digest
from catenary.models import Model, Output
from catenary.train.batches import Batch, Batches
from catenary.train.objectives.classify import Classify
from catenary.train.objectives.masked import MaskedLM
from catenary.train.objectives.objective import Loss
from catenary.train.objectives.span import has_token_types
from catenary.train.objectives.targets import mean_cross_entropy


class ClassifierAndReader(nn.Module):
    """A classifier beside the masked-LM head of the encoder that it came from; both read the same hidden states."""

    def __init__(self, classifier: Model, masked_lm: Model) -> None:
        super().__init__()
        self.classifier, self.reader = classifier, masked_lm.head

    def forward(
        self,
        input_ids_BT: torch.Tensor,
        attention_mask_BT: torch.Tensor | None = None,
        *,
        token_type_ids: torch.Tensor | None = None,
    ) -> Output:
        """The classifier's answer."""
        output: Output = self.classifier(input_ids_BT, attention_mask_BT, token_type_ids=token_type_ids)
        return output


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

    def loss(self, model: nn.Module, batch: Batch, generator: torch.Generator) -> Loss:
        """The sum of both; `model` is a ClassifierAndReader. Parts of a step weigh by their documents."""
        assert isinstance(model, ClassifierAndReader)
        masked_BT, places, targets = self.masked.cloze(batch.input_ids_BT, generator)
        types_BT = batch.token_type_ids_BT if has_token_types(model) else None
        output = model(masked_BT, batch.attention_mask_BT, token_type_ids=types_BT)
        hidden_MD = output.hidden.flatten(0, 1)[places]
        logits_MV = model.reader(hidden_MD, model.classifier.embedding.weight)
        read = mean_cross_entropy(logits_MV, targets).mean
        return Loss(self.classify.of(output.logits, batch) + self.weight * read, len(output.logits))

    def measure(self, model: nn.Module, batches: Batches) -> Mapping[str, float]:
        """Of the classifier, with nothing hidden."""
        return self.classify.measure(model, batches)
