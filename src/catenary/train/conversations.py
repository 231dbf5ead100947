"""Conversations laid end to end, each whole and by itself, with the tokens that count marked.

A pass shuffles the conversations and fills steps of at most `batch_tokens` tokens (or `batch_size` conversations); none
is ever cut, and no token sees another conversation. Which ones a step sees follows from (seed, step) alone.

Shapes: N tokens of a step, B conversations.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from catenary.digest import digest
from catenary.tokenizer import ChatTokens
from catenary.train.batches import TokenRows
from catenary.train.dealing import extent_of
from catenary.train.objectives.targets import IGNORED
from catenary.train.seeds import order_generator
from catenary.train.settings import TrainSettings

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class TalkBatch:
    """`targets_N` is the token after each where the assistant says that one, IGNORED elsewhere."""

    documents: Ints
    cu_seqlens: torch.Tensor  # (B + 1,), int64
    input_ids_1N: torch.Tensor
    targets_N: torch.Tensor

    @property
    def tokens(self) -> int:
        """N."""
        return len(self.targets_N)

    def split(self, parts: int) -> list[TalkBatch]:
        """The same conversations in at most `parts` batches of about as many tokens."""
        borders = self.cu_seqlens.numpy()
        wanted = np.arange(1, parts) * self.tokens / parts
        cuts = [0, *np.abs(borders[:, None] - wanted).argmin(0).tolist(), len(borders) - 1]
        return [
            TalkBatch(
                self.documents[i:j],
                self.cu_seqlens[i : j + 1] - self.cu_seqlens[i],
                self.input_ids_1N[:, borders[i] : borders[j]],
                self.targets_N[borders[i] : borders[j]],
            )
            for i, j in pairwise(sorted(set(cuts)))
        ]


@dataclass(frozen=True)
class Conversations:
    """Rows of tokens, `said` telling for each whether the loss counts it, and how they are dealt out."""

    rows: TokenRows
    said: NDArray[np.bool_]
    batch_tokens: int | None = None
    batch_size: int | None = None
    seed: int = 0

    @classmethod
    def of(cls, talks: Sequence[ChatTokens], settings: TrainSettings) -> Conversations:
        """As `settings` says."""
        said = np.fromiter((yes for talk in talks for yes in talk.said), np.bool_)
        rows = TokenRows.of([talk.ids for talk in talks])
        return cls(rows, said, settings.batch_tokens, settings.batch_size, settings.seed)

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def identity(self) -> str:
        """Equal for equal data in equal order."""
        said = hashlib.sha256(np.packbits(self.said).tobytes()).hexdigest()
        return digest(
            ["conversations", self.rows.sha256, said, self.batch_tokens, self.batch_size, self.seed]
        )

    def extent(self, settings: TrainSettings) -> tuple[int, list[int]]:
        """The steps that `settings` asks for, and how many are done at the end of each pass among them."""
        return extent_of(settings, lambda epoch: len(self.epoch(epoch)))

    def epoch(self, epoch: int) -> list[Ints]:
        """The conversations of each step of the `epoch`-th pass (from 0)."""
        return self._filled(order_generator(self.seed, epoch).permutation(len(self.rows)))

    def documents_from(self, step: int) -> Iterator[Ints]:
        """The conversations of each step from the `step`-th on."""
        epoch = 0
        while True:
            planned = self.epoch(epoch)
            yield from planned[step:]
            step, epoch = max(0, step - len(planned)), epoch + 1

    def from_step(self, step: int) -> Iterator[TalkBatch]:
        """The batches from the `step`-th on, pass after pass without end."""
        return map(self.batch, self.documents_from(step))

    def in_order(self) -> Iterator[TalkBatch]:
        """Every conversation once: for validation."""
        return map(self.batch, self._filled(np.arange(len(self.rows))))

    def batch(self, documents: Ints) -> TalkBatch:
        """These conversations as tensors."""
        lengths = self.rows.lengths[documents]
        borders = np.concatenate([[0], np.cumsum(lengths)])
        place_N = np.arange(borders[-1]) + np.repeat(self.rows.starts[documents] - borders[:-1], lengths)
        next_N = np.minimum(place_N + 1, len(self.rows.ids) - 1)
        counts_N = self.said[next_N]
        counts_N[borders[1:] - 1] = False  # nothing comes after a conversation's last token
        targets_N = np.where(counts_N, self.rows.ids[next_N], IGNORED).astype(np.int64)
        return TalkBatch(
            documents,
            torch.from_numpy(borders),
            torch.from_numpy(self.rows.ids[place_N].astype(np.int64))[None],
            torch.from_numpy(targets_N),
        )

    def _filled(self, order: Ints) -> list[Ints]:
        if self.batch_size is not None:
            return [order[i : i + self.batch_size] for i in range(0, len(order), self.batch_size)]
        assert self.batch_tokens is not None
        cuts, filled = [0], 0
        for place, length in enumerate(self.rows.lengths[order].tolist()):
            if place > cuts[-1] and filled + length > self.batch_tokens:
                cuts.append(place)
                filled = 0
            filled += length
        return [order[i:j] for i, j in pairwise([*cuts, len(order)])]
