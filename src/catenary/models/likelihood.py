"""How likely a causal model finds a text, token by token: what perplexity is made of.

N tokens · V vocabulary
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from catenary.errors import InvalidInput
from catenary.models.config import TransformerConfig
from catenary.models.model import Model


def text_frame(config: TransformerConfig) -> tuple[int, int]:
    """(what stands before a text, what ends it). Models without a <bos> begin with what ended the text before.

    Raises InvalidInput where the configuration names no token that ends a text.
    """
    first, last = _first(config.bos_token_id), _first(config.eos_token_id)
    if last is None:
        raise InvalidInput(
            "Causal language modelling needs a token that ends a text.",
            got="a configuration without eos_token_id",
        )
    return last if first is None else first, last


def _first(ids: int | tuple[int, ...] | None) -> int | None:
    """Chat models have several tokens that end a turn; the first ends a text."""
    return ids[0] if isinstance(ids, tuple) else ids


class Likelihood:
    """A causal model as `evaluate.score` wants it. Texts longer than the model are read in pieces, as in training."""

    def __init__(self, model: Model, context: int | None = None) -> None:
        self.model = model.eval()
        self.first, self.last = text_frame(model.config)
        self.context = context or model.config.max_position_embeddings

    @torch.inference_mode()
    def log_probs(self, sequence: Sequence[int]) -> NDArray[np.float64]:
        """The natural log probabilities of the tokens of one text and of its end: (length + 1,)."""
        ids = torch.tensor([self.first, *sequence, self.last])
        scored = []
        for start in range(0, len(ids) - 1, self.context):
            piece = ids[start : start + self.context + 1]
            logits_NV = self.model(piece[None, :-1]).logits[0].float()
            scored.append(logits_NV.log_softmax(-1).gather(-1, piece[1:, None])[:, 0].double())
        return torch.cat(scored).numpy()
