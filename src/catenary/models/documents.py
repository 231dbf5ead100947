"""Packed batches: documents laid end to end, so that no step is spent on padding.

Attention keeps each token to its own document. No mask over all the tokens is ever made: the packed queries, keys
and values are cut at the documents' ends and attended one by one, at the sum of the squares of their lengths.

    N tokens of all documents · H heads · K size of a head

    >>> import torch
    >>> Documents.from_cu_seqlens(torch.tensor([0, 3, 5]), tokens=5).lengths
    (3, 2)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise

import torch
from torch import Tensor

from catenary.errors import InvalidInput


@dataclass(frozen=True)
class Documents:
    """The lengths, in tokens, of the documents of a packed batch, in order; all are at least 1."""

    lengths: tuple[int, ...]

    @classmethod
    def from_cu_seqlens(cls, cu_seqlens: Tensor, tokens: int) -> Documents:
        """From the documents' borders, 0 first and `tokens` last (FlashAttention's convention)."""
        borders = cu_seqlens.tolist() if cu_seqlens.dim() == 1 else []
        lengths = tuple(end - start for start, end in pairwise(borders))
        if not lengths or min(lengths) < 1 or borders[0] != 0 or borders[-1] != tokens:
            raise InvalidInput(
                "cu_seqlens does not divide the batch into documents.",
                got=f"{borders[:3]} … {borders[-3:]}",
                expected="increasing borders from 0 to {tokens}, the batch's tokens",
                tokens=tokens,
            )
        return cls(lengths)

    @classmethod
    def from_ids(cls, document_ids_BT: Tensor) -> Documents:
        """From each token's document id: a run of equal ids within a row is a document."""
        starts_BT = torch.ones_like(document_ids_BT, dtype=torch.bool)
        starts_BT[:, 1:] = document_ids_BT[:, 1:] != document_ids_BT[:, :-1]
        borders = [*starts_BT.flatten().nonzero()[:, 0].tolist(), document_ids_BT.numel()]
        return cls(tuple(end - start for start, end in pairwise(borders)))

    @cached_property
    def borders(self) -> Tensor:
        """(documents + 1,) int64: FlashAttention's cu_seqlens."""
        return torch.tensor([0, *accumulate(self.lengths)])

    def positions(self, device: torch.device) -> Tensor:
        """(N,): each token's place in its document."""
        return torch.cat([torch.arange(length, device=device) for length in self.lengths])

    def firsts(self, device: torch.device) -> Tensor:
        """(documents,): where each document's first token is."""
        ends = torch.tensor(self.lengths, device=device).cumsum(0)
        return ends - torch.tensor(self.lengths, device=device)

    def lasts(self, device: torch.device) -> Tensor:
        """(documents,): where each document's last token is."""
        return torch.tensor(self.lengths, device=device).cumsum(0) - 1

    def attend(
        self,
        attend: Callable[[Tensor, Tensor, Tensor], Tensor],
        q_1HNK: Tensor,
        k_1GMK: Tensor,
        v_1GMK: Tensor,
        keys: Documents,
    ) -> Tensor:
        """`attend` within each document: the i-th of these documents' queries on the i-th of `keys`."""
        q = torch.split(
            q_1HNK, list(self.lengths), dim=2
        )  # one split and one cat: their backward is one pass over memory
        k = torch.split(k_1GMK, list(keys.lengths), dim=2)
        v = torch.split(v_1GMK, list(keys.lengths), dim=2)
        return torch.cat([attend(*qkv) for qkv in zip(q, k, v, strict=True)], dim=2)


def padded_borders(attention_mask_BT: Tensor) -> Tensor | None:
    """Borders in the flattened batch, int64, that part each text from its padding; None unless that is on the right.

    What attends within them keeps texts from seeing padding; padding sees padding, and nobody reads it.
    """
    real_BT = attention_mask_BT.bool()
    if not bool(real_BT[:, 0].all()) or bool((real_BT[:, 1:] & ~real_BT[:, :-1]).any()):
        return None
    rows, tokens = real_BT.shape
    start_B1 = torch.arange(rows)[:, None] * tokens
    both_B2 = torch.cat([start_B1, start_B1 + real_BT.sum(1, keepdim=True)], dim=1)
    borders: Tensor = torch.unique(torch.cat([both_B2.flatten(), torch.tensor([rows * tokens])]))
    return borders
