"""How much of a model's signal training drops (Srivastava et al. 2014)."""

from __future__ import annotations

import torch
from torch import nn

from catenary.models import Model
from catenary.models.attention import Attention
from catenary.models.transformer import FeedForward


class ByteDropout(nn.Module):
    """Dropout whose chances are bytes: the rate is rounded to 1/256, and nothing else differs from nn.Dropout.

    torch draws one number for each element, which takes a quarter of a small model's step on a CPU; one draw here
    is eight elements' bytes.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.dropped = round(rate * 256)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training or not self.dropped:
            return x
        draws = torch.empty(-(-x.numel() // 8), dtype=torch.int64).random_(-(2**63), None)
        kept = draws.view(torch.uint8)[: x.numel()].view_as(x) >= self.dropped
        return x * kept.to(x.dtype).mul_(256 / (256 - self.dropped))


def set_dropout(model: Model, rate: float) -> None:
    """Drop a share `rate` of the embeddings, of what each block adds and of the classifier's input (BERT, A.2).

    Attention weights and the inside of the feed-forward stay whole: at the few tokens of a short text a dropped
    weight is a word unread.
    """
    for module in model.modules():
        if isinstance(module, Attention):
            module.dropout = 0.0
        for name, child in module.named_children():
            if isinstance(child, nn.Dropout | ByteDropout):
                setattr(module, name, ByteDropout(0.0 if isinstance(module, FeedForward) else rate))
    model.config = model.config.model_copy(
        update={
            "hidden_dropout": rate,
            "embedding_dropout": None,
            "classifier_dropout": None,
            "attention_dropout": 0.0,
            "activation_dropout": 0.0,
        }
    )
