"""Which documents each step sees, and as what tensors.

Documents of like length stand together, so that little is paid for padding: an epoch sorts them by their length in
steps of eight tokens, in random order within a step, cuts the row into batches and shuffles the batches. The order is
a function of (seed, epoch): a position in it is one integer, and which documents a step saw can be told years later
from the settings alone.

Shapes: B documents, T tokens of the longest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from catenary.digest import digest
from catenary.train.seeds import order_generator
from catenary.train.settings import TrainSettings

# Batches are padded to a multiple of this many tokens: oneDNN compiles a kernel for each shape of a bf16 product that
# it meets, which takes longer than running it. Few shapes, few kernels.
LENGTH_STEP = 8
IGNORED = -100  # as a target: cross_entropy leaves it out


@dataclass(frozen=True)
class TokenRows:
    """Token ids of many documents in one array: row i is `ids[starts[i] : starts[i + 1]]`."""

    ids: NDArray[np.int32]
    starts: NDArray[np.int64]
    documents: NDArray[np.int64] | None = None  # whose each row is, where a document may have several or none

    @classmethod
    def of(cls, rows: Sequence[Sequence[int]], documents: Sequence[int] | None = None) -> TokenRows:
        """Rows laid end to end."""
        starts = np.zeros(len(rows) + 1, np.int64)
        np.cumsum([len(row) for row in rows], out=starts[1:])
        ids = np.fromiter((i for row in rows for i in row), np.int32, count=int(starts[-1]))
        return cls(ids, starts, None if documents is None else np.asarray(documents, np.int64))

    def __len__(self) -> int:
        return len(self.starts) - 1

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each row."""
        return np.diff(self.starts)

    @cached_property
    def padded_lengths(self) -> NDArray[np.int64]:
        """Tokens that each row takes in a batch: rounded up, but none longer than the longest."""
        rounded = -(-self.lengths // LENGTH_STEP) * LENGTH_STEP
        return np.asarray(np.minimum(rounded, self.lengths.max(initial=0)))

    @cached_property
    def sha256(self) -> str:
        """Of all ids and where rows begin."""
        return hashlib.sha256(self.starts.tobytes() + self.ids.tobytes()).hexdigest()


@dataclass(frozen=True)
class Batch:
    """`documents` says whose rows these are; the mask is None where nothing is padding.

    `labels_B` is a number a row, or several: (B,) or (B, C). `marks_BT` is a number a token, IGNORED at padding.
    """

    documents: NDArray[np.int64]
    input_ids_BT: torch.Tensor
    attention_mask_BT: torch.Tensor | None
    labels_B: torch.Tensor | None
    tokens: int  # without padding
    marks_BT: torch.Tensor | None = None
    token_type_ids_BT: torch.Tensor | None = None

    def split(self, parts: int) -> list[Batch]:
        """The same documents in at most `parts` batches of neighbours."""
        if parts == 1:
            return [self]
        lengths_B = (
            torch.full((len(self.documents),), self.input_ids_BT.shape[1])
            if self.attention_mask_BT is None
            else self.attention_mask_BT.sum(1)
        )
        ends = [len(self.documents) * part // parts for part in range(parts + 1)]
        return [
            Batch(
                self.documents[i:j],
                self.input_ids_BT[i:j],
                None if self.attention_mask_BT is None else self.attention_mask_BT[i:j],
                None if self.labels_B is None else self.labels_B[i:j],
                int(lengths_B[i:j].sum()),
                None if self.marks_BT is None else self.marks_BT[i:j],
                None if self.token_type_ids_BT is None else self.token_type_ids_BT[i:j],
            )
            for i, j in pairwise(ends)
            if i < j
        ]


@dataclass(frozen=True)
class Batches:
    """Documents and how they are dealt out; exactly one of `batch_tokens` and `batch_size` is set.

    What objectives want to know of a row: `labels`, a number or several each; `marks`, a number a token; `seconds`,
    the token at which the second of two texts begins.
    """

    rows: TokenRows
    pad_id: int
    labels: NDArray[Any] | None = None
    batch_tokens: int | None = None
    batch_size: int | None = None
    seed: int = 0
    marks: TokenRows | None = None
    seconds: NDArray[np.int64] | None = None

    @classmethod
    def of(
        cls,
        rows: TokenRows,
        settings: TrainSettings,
        *,
        pad_id: int,
        labels: Sequence[int] | NDArray[Any] | None = None,
        marks: TokenRows | None = None,
        seconds: Sequence[int] | None = None,
    ) -> Batches:
        """As `settings` says."""
        return cls(
            rows,
            pad_id,
            None if labels is None else np.asarray(labels),
            settings.batch_tokens,
            settings.batch_size,
            settings.seed,
            marks,
            None if seconds is None else np.asarray(seconds, np.int64),
        )

    @cached_property
    def identity(self) -> str:
        """Equal for equal data in equal order."""
        return digest(
            [
                self.rows.sha256,
                self.pad_id,
                self.batch_tokens,
                self.batch_size,
                self.seed,
                None if self.labels is None else self.labels.tolist(),
                None if self.marks is None else self.marks.sha256,
                None if self.seconds is None else self.seconds.tolist(),
            ]
        )

    def epoch(self, epoch: int) -> list[NDArray[np.int64]]:
        """The rows of each step of the `epoch`-th pass (from 0)."""
        random = order_generator(self.seed, epoch)
        shuffled = random.permutation(len(self.rows))
        order = shuffled[np.argsort(self.rows.padded_lengths[shuffled], kind="stable")]
        batches = self._cut(order)
        return [batches[i] for i in random.permutation(len(batches))]

    def in_order(self) -> Iterator[Batch]:
        """Every document once, shortest first: for validation."""
        for documents in self._cut(np.argsort(self.rows.lengths, kind="stable")):
            yield self.batch(documents)

    def from_step(self, step: int) -> Iterator[Batch]:
        """The batches from the `step`-th on, pass after pass without end."""
        return map(self.batch, self._rows_from(step))

    def documents_from(self, step: int) -> Iterator[NDArray[np.int64]]:
        """The documents of each step from the `step`-th on."""
        return map(self._documents, self._rows_from(step))

    def _documents(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        return rows if self.rows.documents is None else self.rows.documents[rows]

    def _rows_from(self, step: int) -> Iterator[NDArray[np.int64]]:
        epoch = 0
        while True:
            planned = self.epoch(epoch)
            if step < len(planned):
                yield from planned[step:]
            step = max(0, step - len(planned))
            epoch += 1

    def extent(self, settings: TrainSettings) -> tuple[int, list[int]]:
        """The steps that `settings` asks for, and how many are done at the end of each pass among them."""
        passes, least = settings.epochs or 0, settings.steps or settings.least_steps
        ends = [0]
        while len(ends) <= passes or ends[-1] < least:
            ends.append(ends[-1] + len(self.epoch(len(ends) - 1)))
        steps = settings.steps or ends[-1]
        return steps, [end for end in ends[1:] if end <= steps]

    def batch(self, rows: NDArray[np.int64]) -> Batch:
        """These rows as tensors."""
        starts, lengths = self.rows.starts[rows], self.rows.lengths[rows]
        column_T = np.arange(self.rows.padded_lengths[rows].max())
        inside_BT = column_T < lengths[:, None]
        places_BT = np.where(inside_BT, starts[:, None] + column_T, 0)
        input_ids_BT = np.where(inside_BT, self.rows.ids[places_BT], self.pad_id).astype(np.int64)
        marks_BT = types_BT = None
        if self.marks is not None:
            marks_BT = torch.from_numpy(
                np.where(inside_BT, self.marks.ids[places_BT], IGNORED).astype(np.int64)
            )
        if self.seconds is not None:
            types_BT = torch.from_numpy(
                (inside_BT & (column_T >= self.seconds[rows][:, None])).astype(np.int64)
            )
        return Batch(
            self._documents(rows),
            torch.from_numpy(input_ids_BT),
            None if inside_BT.all() else torch.from_numpy(inside_BT.astype(np.int64)),
            None if self.labels is None else torch.from_numpy(self.labels[rows]),
            int(lengths.sum()),
            marks_BT,
            types_BT,
        )

    def _cut(self, order: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """`order` (documents by about their length) in batches."""
        if self.batch_size is not None:
            return [order[i : i + self.batch_size] for i in range(0, len(order), self.batch_size)]
        assert self.batch_tokens is not None
        cuts, longest = [0], 0
        for place, length in enumerate(self.rows.padded_lengths[order].tolist()):
            longest = max(longest, length)
            if place > cuts[-1] and (place + 1 - cuts[-1]) * longest > self.batch_tokens:
                cuts.append(place)
                longest = length
        return [order[i:j] for i, j in zip(cuts, [*cuts[1:], len(order)], strict=True)]
