"""Chat: say what the assistant says, having read what comes before."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from catenary.digest import digest
from catenary.models import Model
from catenary.models.heads import LanguageModel
from catenary.train.conversations import TalkBatch
from catenary.train.cross_entropy import summed_cross_entropy
from catenary.train.dealing import HeldOut
from catenary.train.objectives.objective import Loss
from catenary.train.objectives.targets import IGNORED, measured


@dataclass(frozen=True)
class Reply:
    """Say each token that counts, given those before it in its conversation (Ouyang et al. 2022, §3.5, step 1)."""

    @property
    def identity(self) -> str:
        """Equal for objectives that give equal losses."""
        return digest(["reply"])

    def predicted(
        self, model: nn.Module, batch: TalkBatch, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """(logits (M, V) before the tokens that count, those tokens (M,))."""
        return replied(model, batch)

    def loss(self, model: nn.Module, batch: TalkBatch, generator: torch.Generator) -> Loss:
        """L = −1/M Σ log p(token said | those before it); all logits are never held at once."""
        assert isinstance(model, Model)
        assert isinstance(model.head, LanguageModel)
        places = (batch.targets_N != IGNORED).nonzero()[:, 0]
        nowhere = torch.zeros(0, dtype=torch.int64)
        hidden = model(batch.input_ids_1N, cu_seqlens=batch.cu_seqlens, logits_at=nowhere).hidden
        weight_VD = model.embedding.weight if model.head.out_proj is None else model.head.out_proj.weight
        total = summed_cross_entropy(hidden.flatten(0, 1)[places], weight_VD, batch.targets_N[places])
        return Loss(total / max(1, len(places)), len(places))

    @torch.no_grad()
    def measure(self, model: nn.Module, held_out: HeldOut[TalkBatch]) -> Mapping[str, float]:
        """`loss` a token said, its exponential `perplexity`, and `accuracy` of the next one."""
        model.eval()
        figures = measured(replied(model, batch) for batch in held_out.in_order())
        return {**figures, "perplexity": math.exp(min(figures["loss"], 700.0))}


def replied(model: nn.Module, batch: TalkBatch) -> tuple[Tensor, Tensor]:
    """(logits (M, V), targets (M,)) of a batch."""
    places = (batch.targets_N != IGNORED).nonzero()[:, 0]
    output = model(batch.input_ids_1N, cu_seqlens=batch.cu_seqlens, logits_at=places)
    return output.logits, batch.targets_N[places]
