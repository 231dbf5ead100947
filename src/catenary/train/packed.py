"""Documents laid end to end, so that no step is spent on padding; each token sees its own document only.

A pass shuffles the documents, lays their tokens end to end and cuts the row into steps of `batch_tokens`. A document
longer than `context` is read in pieces, and one that a step's end cuts is gone on with in the next step; positions
count from each piece's beginning. Where a step begins follows from (seed, step) alone.

Shapes: N tokens of a step, P pieces.
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
from catenary.train.seeds import order_generator
from catenary.train.settings import TrainSettings
from catenary.train.stream import TokenStream

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class PackedBatch:
    """Pieces of documents end to end. `targets_N` is the token after each; `document_P` is whose each piece is."""

    document_P: Ints
    cu_seqlens: torch.Tensor  # (P + 1,), int64
    input_ids_1N: torch.Tensor
    targets_N: torch.Tensor

    @property
    def documents(self) -> Ints:
        """Each document once, in the order of the pieces."""
        return _once(self.document_P)

    @property
    def tokens(self) -> int:
        """N."""
        return len(self.targets_N)

    def split(self, parts: int) -> list[PackedBatch]:
        """In at most `parts` batches of about as many tokens, cut between pieces."""
        if parts == 1:
            return [self]
        borders = self.cu_seqlens.numpy()
        wanted = np.arange(1, parts) * self.tokens / parts
        cuts = [0, *np.abs(borders[:, None] - wanted).argmin(0).tolist(), len(borders) - 1]
        return [
            PackedBatch(
                self.document_P[i:j],
                self.cu_seqlens[i : j + 1] - self.cu_seqlens[i],
                self.input_ids_1N[:, borders[i] : borders[j]],
                self.targets_N[borders[i] : borders[j]],
            )
            for i, j in pairwise(sorted(set(cuts)))
        ]


@dataclass(frozen=True)
class Packed:
    """A stream and how it is dealt out: `batch_tokens` a step, pieces of at most `context` tokens."""

    stream: TokenStream
    context: int
    batch_tokens: int
    seed: int = 0

    @cached_property
    def identity(self) -> str:
        """Equal for equal data in equal order."""
        return digest(["packed", self.stream.sha256, self.context, self.batch_tokens, self.seed])

    @cached_property
    def steps_in_pass(self) -> int:
        """The last one may be shorter than the others."""
        return -(-int(self.stream.predicted.sum()) // self.batch_tokens)

    def extent(self, settings: TrainSettings) -> tuple[int, list[int]]:
        """The steps that `settings` asks for, and how many are done at the end of each pass among them."""
        asked = settings.steps or max(
            (settings.epochs or 0) * self.steps_in_pass,
            -(-settings.least_steps // self.steps_in_pass) * self.steps_in_pass,
        )
        return asked, list(range(self.steps_in_pass, asked + 1, self.steps_in_pass))

    def documents_from(self, step: int) -> Iterator[Ints]:
        """The documents of each step from the `step`-th on."""
        for pieces in self._pieces_from(step):
            yield _once(pieces[0])

    def from_step(self, step: int) -> Iterator[PackedBatch]:
        """The batches from the `step`-th on, pass after pass without end."""
        for pieces in self._pieces_from(step):
            yield self._batch(*pieces)

    def in_order(self) -> Iterator[PackedBatch]:
        """Every document once, each beginning in the step that it ends in unless it is longer than one."""
        predicted = self.stream.predicted
        first = 0
        while first < len(predicted):
            filled = np.cumsum(predicted[first : first + self.batch_tokens])
            last = first + max(1, int(np.searchsorted(filled, self.batch_tokens, side="right")))
            documents = np.arange(first, last)
            yield self._batch(
                *self._in_pieces(documents, np.zeros(len(documents), np.int64), predicted[documents])
            )
            first = last

    def _pieces_from(self, step: int) -> Iterator[tuple[Ints, Ints, Ints]]:
        """Of each step: whose its pieces are, where in the stream they begin, and how long they are."""
        while True:
            epoch, within = divmod(step, self.steps_in_pass)
            order = order_generator(self.seed, epoch).permutation(len(self.stream))
            ends = np.cumsum(self.stream.predicted[order])
            for number in range(within, self.steps_in_pass):
                begin = number * self.batch_tokens
                end = min(begin + self.batch_tokens, int(ends[-1]))
                first = int(np.searchsorted(ends, begin, side="right"))
                last = int(np.searchsorted(ends, end, side="left")) + 1
                documents = order[first:last]
                begins = ends[first:last] - self.stream.predicted[documents]
                from_B = np.maximum(begin - begins, 0)
                to_B = np.minimum(end, ends[first:last]) - begins
                yield self._in_pieces(documents, from_B, to_B)
            step = (epoch + 1) * self.steps_in_pass

    def _in_pieces(self, documents: Ints, from_B: Ints, to_B: Ints) -> tuple[Ints, Ints, Ints]:
        """These parts of documents in pieces of at most `context` tokens."""
        counts = -(-(to_B - from_B) // self.context)
        number_P = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        begin_P = np.repeat(from_B, counts) + number_P * self.context
        length_P = np.minimum(np.repeat(to_B, counts) - begin_P, self.context)
        document_P = np.repeat(documents, counts)
        return document_P, self.stream.starts[document_P] + begin_P, length_P

    def _batch(self, document_P: Ints, start_P: Ints, length_P: Ints) -> PackedBatch:
        borders = np.concatenate([[0], np.cumsum(length_P)])
        place_N = np.arange(borders[-1]) + np.repeat(start_P - borders[:-1], length_P)
        ids_N = self.stream.ids[place_N].astype(np.int64)
        targets_N = self.stream.ids[place_N + 1].astype(np.int64)
        return PackedBatch(
            document_P,
            torch.from_numpy(borders),
            torch.from_numpy(ids_N)[None],
            torch.from_numpy(targets_N),
        )


def _once(document_P: Ints) -> Ints:
    """Neighbouring pieces of a document as one."""
    new = np.ones(len(document_P), bool)
    new[1:] = document_P[1:] != document_P[:-1]
    return document_P[new]
