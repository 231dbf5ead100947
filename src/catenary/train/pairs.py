"""Pairs of token rows, one to read and one to write, dealt out by length.

Shapes: B pairs, S tokens of the longest source, T of the longest target and its end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from catenary.digest import digest
from catenary.train.batches import LENGTH_STEP, Batches, TokenRows
from catenary.train.objectives.targets import IGNORED
from catenary.train.settings import TrainSettings

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class PairBatch:
    """`decoder_input_ids_BT` is each target moved right, behind the token that a decoder begins with; `targets_BT` is
    the target itself, IGNORED where it is padding."""

    documents: Ints
    source_BS: torch.Tensor
    source_mask_BS: torch.Tensor | None
    decoder_input_ids_BT: torch.Tensor
    targets_BT: torch.Tensor
    tokens: int

    def split(self, parts: int) -> list[PairBatch]:
        """The same pairs in at most `parts` batches of neighbours."""
        if parts == 1:
            return [self]
        count = len(self.documents)
        cuts = [count * part // parts for part in range(parts + 1)]
        mask_BS = self.source_mask_BS
        lengths_B = torch.full((count,), self.source_BS.shape[1]) if mask_BS is None else mask_BS.sum(1)
        tokens_B = lengths_B + (self.targets_BT != IGNORED).sum(1)
        return [
            PairBatch(
                self.documents[i:j],
                self.source_BS[i:j],
                None if mask_BS is None else mask_BS[i:j],
                self.decoder_input_ids_BT[i:j],
                self.targets_BT[i:j],
                int(tokens_B[i:j].sum()),
            )
            for i, j in pairwise(cuts)
            if i < j
        ]


@dataclass(frozen=True)
class Pairs:
    """Sources and targets, row by row; `dealt` deals the two laid end to end, so like lengths stand together."""

    sources: TokenRows
    targets: TokenRows
    pad_id: int
    start_id: int
    dealt: Batches

    @classmethod
    def of(
        cls, sources: TokenRows, targets: TokenRows, settings: TrainSettings, *, pad_id: int, start_id: int
    ) -> Pairs:
        """As `settings` says; its `batch_tokens` counts both sides and their padding."""
        assert len(sources) == len(targets)
        both = TokenRows.of(
            [
                np.concatenate([row(sources, number), row(targets, number)]).tolist()
                for number in range(len(sources))
            ]
        )
        return cls(sources, targets, pad_id, start_id, Batches.of(both, settings, pad_id=pad_id))

    def __len__(self) -> int:
        return len(self.sources)

    @cached_property
    def identity(self) -> str:
        """Equal for equal data in equal order."""
        sides = [self.sources.sha256, self.targets.sha256]
        return digest(["pairs", *sides, self.dealt.identity, self.pad_id, self.start_id])

    def extent(self, settings: TrainSettings) -> tuple[int, list[int]]:
        """The steps that `settings` asks for, and how many are done at the end of each pass among them."""
        return self.dealt.extent(settings)

    def documents_from(self, step: int) -> Iterator[Ints]:
        """The pairs of each step from the `step`-th on."""
        return self.dealt.documents_from(step)

    def from_step(self, step: int) -> Iterator[PairBatch]:
        """The batches from the `step`-th on, pass after pass without end."""
        return map(self.batch, self.documents_from(step))

    def in_order(self) -> Iterator[PairBatch]:
        """Every pair once, shortest first: for validation."""
        for batch in self.dealt.in_order():
            yield self.batch(batch.documents)

    def batch(self, documents: Ints) -> PairBatch:
        """These pairs as tensors."""
        return pair_batch(
            documents,
            [row(self.sources, number) for number in documents],
            [row(self.targets, number) for number in documents],
            pad_id=self.pad_id,
            start_id=self.start_id,
        )


def row(rows: TokenRows, number: int) -> NDArray[np.int32]:
    """The tokens of one row."""
    return rows.ids[rows.starts[number] : rows.starts[number + 1]]


def pair_batch(
    documents: Ints,
    sources: list[NDArray[np.int32]],
    targets: list[NDArray[np.int32]],
    *,
    pad_id: int,
    start_id: int,
) -> PairBatch:
    """Rows as padded tensors, the targets moved right for the decoder."""
    source_BS, mask_BS = padded(sources, pad_id)
    targets_BT, written_BT = padded(targets, pad_id)
    decoder_BT = np.roll(targets_BT, 1, axis=1)
    decoder_BT[:, 0] = start_id
    return PairBatch(
        documents,
        torch.from_numpy(source_BS),
        None if mask_BS.all() else torch.from_numpy(mask_BS.astype(np.int64)),
        torch.from_numpy(decoder_BT),
        torch.from_numpy(np.where(written_BT, targets_BT, IGNORED)),
        int(mask_BS.sum() + written_BT.sum()),
    )


def padded(rows: list[NDArray[np.int32]], pad_id: int) -> tuple[Ints, NDArray[np.bool_]]:
    """(ids (B, T), which are tokens (B, T)); T is a multiple of LENGTH_STEP where rows differ in length."""
    longest = max(map(len, rows))
    if any(len(one) < longest for one in rows):
        longest = -(-longest // LENGTH_STEP) * LENGTH_STEP
    ids_BT = np.full((len(rows), longest), pad_id, np.int64)
    inside_BT = np.zeros((len(rows), longest), np.bool_)
    for number, one in enumerate(rows):
        ids_BT[number, : len(one)] = one
        inside_BT[number, : len(one)] = True
    return ids_BT, inside_BT
