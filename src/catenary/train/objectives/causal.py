"""Causal language modelling: the next token."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from catenary.digest import digest
from catenary.models import Model
from catenary.models.heads import LanguageModel
from catenary.train.cross_entropy import summed_cross_entropy, token_losses
from catenary.train.objectives.objective import Loss
from catenary.train.packed import Packed, PackedBatch


@dataclass(frozen=True)
class CausalLM:
    """Say which token comes next, of each token of each document (Radford et al. 2018, §3.1)."""

    @property
    def identity(self) -> str:
        """Equal for objectives that give equal losses."""
        return digest(["causal-lm"])

    def loss(self, model: nn.Module, batch: PackedBatch, generator: torch.Generator) -> Loss:
        """L = −1/N Σ log p(token | those before it in its document); all logits are never held at once."""
        hidden_ND, weight_VD = _read(model, batch)
        total = summed_cross_entropy(hidden_ND, weight_VD, batch.targets_N)
        return Loss(total / batch.tokens, batch.tokens)

    @torch.no_grad()
    def measure(self, model: nn.Module, held_out: Packed) -> Mapping[str, float]:
        """`loss` for a predicted token, its exponential `perplexity`, and `bits_per_byte` of the texts."""
        model.eval()
        loss, tokens = 0.0, 0
        for batch in held_out.in_order():
            loss += token_losses(*_read(model, batch), batch.targets_N).double().sum().item()
            tokens += batch.tokens
        return {
            "loss": loss / tokens,
            "perplexity": math.exp(min(loss / tokens, 700.0)),
            "bits_per_byte": loss / math.log(2) / max(1, held_out.stream.text_bytes),
        }


@torch.no_grad()
def document_losses(model: nn.Module, held_out: Packed) -> NDArray[np.float64]:
    """The loss of each document for a predicted token, in order."""
    model.eval()
    sums = np.zeros(len(held_out.stream))
    for batch in held_out.in_order():
        losses_N = token_losses(*_read(model, batch), batch.targets_N).double().numpy()
        owner_N = np.repeat(batch.document_P, batch.cu_seqlens.diff().numpy())
        np.add.at(sums, owner_N, losses_N)
    return sums / held_out.stream.predicted


def _read(model: nn.Module, batch: PackedBatch) -> tuple[Tensor, Tensor]:
    """(last hidden states (N, D), what makes logits of them (V, D))."""
    assert isinstance(model, Model)
    assert isinstance(model.head, LanguageModel)
    nowhere = torch.zeros(0, dtype=torch.int64)
    output = model(batch.input_ids_1N, cu_seqlens=batch.cu_seqlens, logits_at=nowhere)
    hidden_ND = output.hidden.reshape(batch.tokens, -1)
    projection = model.head.out_proj
    return hidden_ND, model.embedding.weight if projection is None else projection.weight
