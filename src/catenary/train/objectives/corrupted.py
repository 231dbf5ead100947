"""Reading a damaged text and writing what was there: span corruption (T5), denoising (BART), copying.

Each time a text comes up it is damaged anew, with the draws of its step. Rows hold ordinary tokens alone; what ends a
text is put there here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from catenary.digest import digest
from catenary.train.batches import Batch, Batches
from catenary.train.objectives.objective import Loss
from catenary.train.objectives.seq2seq import written
from catenary.train.objectives.targets import mean_cross_entropy, measured
from catenary.train.pairs import pair_batch
from catenary.train.seeds import VALIDATION_MASKS, seed_at

Row = NDArray[np.int32]


class Damage(Protocol):
    """From a text to what is read and what is to be written, without what ends them."""

    @property
    def identity(self) -> str:
        """Equal for equal damage."""

    def __call__(self, ids: Row, random: np.random.Generator) -> tuple[Row, Row]:
        """(what is read, what is written)."""


@dataclass(frozen=True)
class Spans:
    """Spans are cut out; one sentinel stands for each, and the target is the spans behind their sentinels (Raffel et
    al. 2020, §3.1.4; the draws are those of `random_spans_noise_mask` in the T5 code).

    `sentinels`: the ids that stand for the first span, the second …
    """

    noise_density: float
    mean_span: float
    sentinels: tuple[int, ...]

    @property
    def identity(self) -> str:
        """Equal for equal damage."""
        return digest(["spans", self.noise_density, self.mean_span, self.sentinels])

    def __call__(self, ids: Row, random: np.random.Generator) -> tuple[Row, Row]:
        """(the text with sentinels for spans, sentinels and spans)."""
        cut = min(max(round(len(ids) * self.noise_density), 1), len(ids) - 1)
        spans = min(max(round(cut / self.mean_span), 1), cut, len(ids) - cut, len(self.sentinels))
        if cut < 1 or spans < 1:  # one token: nothing can be told from nothing
            return np.asarray(self.sentinels[:1], np.int32), np.concatenate([self._sentinel(0), ids])
        kept_S, cut_S = _segments(len(ids) - cut, spans, random), _segments(cut, spans, random)
        read: list[Row] = []
        wanted: list[Row] = []
        place = 0
        for number, (kept, lost) in enumerate(zip(kept_S, cut_S, strict=True)):
            read += [ids[place : place + kept], self._sentinel(number)]
            wanted += [self._sentinel(number), ids[place + kept : place + kept + lost]]
            place += kept + lost
        return np.concatenate(read), np.concatenate(wanted)

    def _sentinel(self, number: int) -> Row:
        return np.asarray([self.sentinels[number]], np.int32)


@dataclass(frozen=True)
class Infilling:
    """A mask stands for each of some spans, empty ones too, and sentences change places; the target is the whole text
    (Lewis et al. 2020, BART, §2.2: text infilling and sentence permutation).

    `sentence_ends`: the ids of tokens that end a sentence.
    """

    mask_rate: float
    mean_span: float
    mask_id: int
    permute: bool
    sentence_ends: tuple[int, ...]

    @property
    def identity(self) -> str:
        """Equal for equal damage."""
        rates = [self.mask_rate, self.mean_span]
        return digest(["infilling", rates, self.mask_id, self.permute, self.sentence_ends])

    @cached_property
    def _ends(self) -> Row:
        return np.asarray(self.sentence_ends, np.int32)

    def __call__(self, ids: Row, random: np.random.Generator) -> tuple[Row, Row]:
        """(the damaged text, the whole one)."""
        damaged = ids
        if self.permute and len(self._ends):
            ends = np.flatnonzero(np.isin(ids, self._ends))[:-1] + 1
            sentences = np.split(ids, ends[ends < len(ids)])
            damaged = np.concatenate([sentences[number] for number in random.permutation(len(sentences))])
        wanted = round(self.mask_rate * len(damaged))
        mask = np.asarray([self.mask_id], np.int32)
        while wanted > 0 and len(damaged):
            length = min(int(random.poisson(self.mean_span)), wanted, len(damaged))
            place = int(random.integers(len(damaged) - length + 1))
            if (damaged[place : place + length] == self.mask_id).any():
                wanted -= 1  # what is masked already is left, and the loop ends all the same
                continue
            damaged = np.concatenate([damaged[:place], mask, damaged[place + length :]])
            wanted -= max(1, length)
        return damaged, ids


@dataclass(frozen=True)
class Copies:
    """2 to `longest` tokens drawn at random, behind two other such rows or (`bare` of the time) none; the target is the
    last row. Of a text no more than its length counts: no row is longer.

    What is copied makes no sense, so looking it up is the only way; a model learns that within a thousand steps and
    takes it along to real text, where from nothing it hardly begins (Krishna et al. 2021, 2109.04953, and Wu et al.
    2022, 2206.10139, on pretraining by such tasks). The frame is that of `models.read_sources`.
    """

    longest: int
    bare: float
    ordinary_ids: tuple[int, ...]
    eos_id: int

    @property
    def identity(self) -> str:
        """Equal for equal rows."""
        return digest(["copies", self.longest, self.bare, self.ordinary_ids, self.eos_id])

    @cached_property
    def _ids(self) -> Row:
        return np.asarray(self.ordinary_ids, np.int32)

    def __call__(self, ids: Row, random: np.random.Generator) -> tuple[Row, Row]:
        """(the rows, the last of them)."""
        most = min(self.longest, len(ids))
        one, two, copied = (random.choice(self._ids, n) for n in random.integers(2, most, 3, endpoint=True))
        if random.random() < self.bare:
            return copied, copied
        end = np.asarray([self.eos_id], np.int32)
        return np.concatenate([one, end, two, end, copied]), copied


@dataclass(frozen=True)
class Restore:
    """Write what `damage` took away."""

    damage: Damage
    eos_id: int
    pad_id: int
    start_id: int

    @property
    def identity(self) -> str:
        """Equal for objectives that give equal losses."""
        return digest(["restore", self.damage.identity, self.eos_id, self.pad_id, self.start_id])

    def predicted(self, model: nn.Module, batch: Batch, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """(logits (M, V), targets (M,)) of a batch damaged with the generator's draws."""
        seed = int(torch.randint(1 << 62, (1,), generator=generator))
        random = np.random.default_rng(seed)
        end = np.asarray([self.eos_id], np.int32)
        ids_BT = batch.input_ids_BT.numpy().astype(np.int32)
        lengths_B = (
            np.full(len(ids_BT), ids_BT.shape[1])
            if batch.attention_mask_BT is None
            else batch.attention_mask_BT.sum(1).numpy()
        )
        read, wanted = [], []
        for row, length in zip(ids_BT, lengths_B, strict=True):
            source, target = self.damage(row[:length], random)
            read.append(np.concatenate([source, end]))
            wanted.append(np.concatenate([target, end]))
        pairs = pair_batch(batch.documents, read, wanted, pad_id=self.pad_id, start_id=self.start_id)
        return written(model, pairs)

    def loss(self, model: nn.Module, batch: Batch, generator: torch.Generator) -> Loss:
        """L = −1/M Σ log p(target token | the damaged text, those before it)."""
        return mean_cross_entropy(*self.predicted(model, batch, generator))

    @torch.no_grad()
    def measure(self, model: nn.Module, batches: Batches) -> Mapping[str, float]:
        """`loss` and `accuracy`, with damage that is the same each time."""
        model.eval()
        generator = torch.Generator()

        def all_of_it() -> Iterator[tuple[Tensor, Tensor]]:
            for number, batch in enumerate(batches.in_order()):
                generator.manual_seed(seed_at(batches.seed, VALIDATION_MASKS, number))
                yield self.predicted(model, batch, generator)

        return measured(all_of_it())


def _segments(total: int, parts: int, random: np.random.Generator) -> NDArray[np.int64]:
    """`total` as a sum of so many whole numbers from 1 on, each way as likely."""
    cuts = (
        np.sort(random.choice(total - 1, parts - 1, replace=False)) + 1
        if parts > 1
        else np.zeros(0, np.int64)
    )
    return np.diff(np.concatenate([[0], cuts, [total]]))
