"""The rows of a batch that our own core writes on: what they have read is in the cache.

B rows · T tokens · V vocabulary
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from catenary.errors import InvalidInput
from catenary.inference.memory import kept_numbers
from catenary.models import Cache, Model


@dataclass
class Rows:
    """Rows of different lengths, shorter ones padded on the left; `mask_BS` tells padding (None: there is none)."""

    model: Model
    cache: Cache
    mask_BS: Tensor | None
    place_B: Tensor  # the next token's position

    @classmethod
    def start(cls, model: Model, prompts: Sequence[Sequence[int]], new_tokens: int) -> tuple[Rows, Tensor]:
        """Rows that have read their prompts, and the logits (B, V) of what comes first.

        Raises InvalidInput for an encoder–decoder that does not say what its decoder begins with.
        """
        longest = max(map(len, prompts))
        padded = any(len(prompt) < longest for prompt in prompts)
        pad = model.config.pad_token_id or 0
        lengths_B = torch.tensor([len(prompt) for prompt in prompts])
        places_T = torch.arange(longest)
        if model.config.kind == "decoder":
            ids_BT = torch.tensor([[pad] * (longest - len(one)) + list(one) for one in prompts])
            mask_BT = (places_T >= longest - lengths_B[:, None]).long()
            position_BT = (mask_BT.cumsum(1) - 1).clamp(min=0)
            cache = model.empty_cache(rows=len(prompts), capacity=longest + new_tokens)
            mask = mask_BT if padded else None
            last_B = torch.arange(1, len(prompts) + 1) * longest - 1
            logits_BV = model(
                ids_BT, mask, position_ids=position_BT if padded else None, cache=cache, logits_at=last_B
            ).logits
            return cls(model, cache, mask, lengths_B), logits_BV.float()
        start = model.config.decoder_start_token_id
        if start is None:
            raise InvalidInput(
                "This encoder–decoder does not say what its decoder begins with.",
                got=model.config.family,
                expected="decoder_start_token_id in config.json",
            )
        ids_BT = torch.tensor([list(one) + [pad] * (longest - len(one)) for one in prompts])
        mask_BT = (places_T < lengths_B[:, None]).long()
        cache = model.empty_cache(rows=len(prompts), capacity=1 + new_tokens)
        first_B1 = torch.full((len(prompts), 1), start)
        output = model(ids_BT, mask_BT if padded else None, decoder_input_ids=first_B1, cache=cache)
        return cls(model, cache, None, torch.ones(len(prompts), dtype=torch.long)), output.logits[
            :, -1
        ].float()

    def read(self, token_B: Tensor) -> Tensor:
        """Read one more token a row; the logits (B, V) of the one after it."""
        if self.model.config.kind == "encoder-decoder":
            logits_BTV = self.model(decoder_input_ids=token_B[:, None], cache=self.cache).logits
        else:
            position_B1 = None
            if self.mask_BS is not None:
                self.mask_BS = torch.cat([self.mask_BS, torch.ones(len(token_B), 1, dtype=torch.long)], dim=1)
                position_B1 = self.place_B[:, None]
            logits_BTV = self.model(
                token_B[:, None], self.mask_BS, position_ids=position_B1, cache=self.cache
            ).logits
        self.place_B = self.place_B + 1
        logits_BV: Tensor = logits_BTV[:, -1].float()
        return logits_BV

    def keep(self, rows: Tensor) -> None:
        """Go on with these rows, in this order."""
        self.cache = self.cache.select(rows)
        self.mask_BS = None if self.mask_BS is None else self.mask_BS[rows]
        self.place_B = self.place_B[rows]


def row_bytes(model: Model, prompt_tokens: int, new_tokens: int) -> int:
    """What one row takes in the cache: keys and values of every layer, of an encoder–decoder those of both texts."""
    return kept_numbers(model.config, prompt_tokens, new_tokens) * model.embedding.weight.element_size()
