"""Heads: what is read off the hidden states, one small module for each task.

    B batch · T tokens · D hidden size · V vocabulary · C labels

Each docstring gives the loss that trains the head; the losses themselves live with training.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name
from torch import Tensor, nn

from catenary.models.config import HeadName, TransformerConfig
from catenary.models.layers import Linear, norm
from catenary.models.transformer import ACTIVATIONS

LABELLED: tuple[HeadName, ...] = ("classify", "tag")
ENCODER_ALONE: tuple[HeadName, ...] = ("tag", "embed")  # what they read of an encoder–decoder


class LanguageModel(nn.Module):
    """The next token: p(x_t | x_<t) = softmax(h_t Eᵀ), for `clm` and `seq2seq`; E is the embedding where tied.

    Trained with cross-entropy, L = −1/T Σ_t log p(x_t | x_<t); perplexity is exp(L).
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        tied = config.tie_word_embeddings
        self.out_proj = None if tied else Linear(config.hidden_size, config.vocab_size, bias=False)
        self.scale = 1 / math.sqrt(config.hidden_size) if config.logits_scaled else None
        self.bias: Tensor | None
        self.register_buffer("bias", torch.empty(1, config.vocab_size) if config.logits_bias else None)

    def forward(self, x_BTD: Tensor, embed_VD: Tensor) -> Tensor:
        if self.scale is not None:
            x_BTD = x_BTD * self.scale
        logits_BTV = F.linear(x_BTD, embed_VD if self.out_proj is None else self.out_proj.weight)
        return logits_BTV if self.bias is None else logits_BTV + self.bias


class MaskedLanguageModel(nn.Module):
    """The token under a mask: softmax(norm(act(h W)) Eᵀ + b)   (Devlin et al. 2019, BERT, §3.1, task 1).

    Trained with cross-entropy over the masked positions alone: L = −1/|M| Σ_{t ∈ M} log p(x_t | x_∖M).
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.dense = Linear(config.hidden_size, config.hidden_size)
        self.activation = ACTIVATIONS[config.activation]
        self.norm = norm(config)
        tied = config.tie_word_embeddings
        self.out_proj = None if tied else Linear(config.hidden_size, config.vocab_size, bias=False)
        self.bias = nn.Parameter(torch.empty(config.vocab_size))

    def forward(self, x_BTD: Tensor, embed_VD: Tensor) -> Tensor:
        x_BTD = self.norm(self.activation(self.dense(x_BTD)))
        return F.linear(x_BTD, embed_VD if self.out_proj is None else self.out_proj.weight, self.bias)


class Classifier(nn.Module):
    """One label for a text: softmax(tanh(h W) W_out + b) of its pooled state h (BERT, §3.2); without `pooler`, h W_out.

    Trained with cross-entropy, L = −log p(y | x). Next-sentence prediction (`mlm+nsp`) is this head with two labels:
    0, the second text follows the first; 1, it does not.
    """

    def __init__(self, config: TransformerConfig, labels: int) -> None:
        super().__init__()
        self.dense = Linear(config.hidden_size, config.hidden_size) if config.pooler else None
        dropout = config.classifier_dropout
        self.dropout = nn.Dropout(config.hidden_dropout if dropout is None else dropout)
        self.out_proj = Linear(config.hidden_size, labels, bias=config.pooler)

    def forward(self, pooled_BD: Tensor) -> Tensor:
        if self.dense is not None:
            pooled_BD = self.dense(pooled_BD).tanh()
        return self.out_proj(self.dropout(pooled_BD))  # type: ignore[no-any-return]


class Tagger(nn.Module):
    """One label for each token: softmax(h_t W + b). Trained with cross-entropy over the labelled tokens."""

    def __init__(self, config: TransformerConfig, labels: int) -> None:
        super().__init__()
        dropout = config.classifier_dropout
        self.dropout = nn.Dropout(config.hidden_dropout if dropout is None else dropout)
        self.out_proj = Linear(config.hidden_size, labels)

    def forward(self, x_BTD: Tensor) -> Tensor:
        return self.out_proj(self.dropout(x_BTD))  # type: ignore[no-any-return]


class SpanReader(nn.Module):
    """Where an answer starts and ends: two scores a token (BERT, §4.2), [..., 0] of the start and [..., 1] of the end.

    Trained with the mean of two cross-entropies over the text's tokens.
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.out_proj = Linear(config.hidden_size, 2)

    def forward(self, x_BTD: Tensor) -> Tensor:
        return self.out_proj(x_BTD)  # type: ignore[no-any-return]


class Embedder(nn.Module):
    """A text as a vector of length 1: its pooled state over its norm (Reimers and Gurevych 2019, Sentence-BERT)."""

    def forward(self, pooled_BD: Tensor) -> Tensor:
        return F.normalize(pooled_BD, dim=-1)
