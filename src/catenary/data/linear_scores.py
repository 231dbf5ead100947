"""A linear classifier of texts that learns in seconds: what `score` and `labels` judge by.

A text's features are its words and pairs of neighbouring words (its characters and pairs of these where it is mostly
Chinese), each once, hashed into buckets; their values are equal and of length 1 together. Softmax regression by
AdaGrad, in a fixed order: equal texts give equal weights on any machine of one kind.

    model = learn(features_of(texts), np.array([0, 1, 1]), 2)
    model.probabilities(features_of(others))            # float32, (texts, classes)

A. Joulin et al., Bag of tricks for efficient text classification (2017); J. Duchi et al., Adaptive subgradient methods
(2011).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from catenary.data.compiled import Bytes, Ints, bytes_of, compiled
from catenary.data.shingles import GOLDEN, unit_hashes

Words32 = npt.NDArray[np.uint32]
Floats = npt.NDArray[np.float32]

BUCKETS = 1 << 18
MOST_WEIGHTS = 1 << 24  # of all classes: 64 MB
MOST_UNITS = 1024  # of a text that are read: what a text is shows early
EPOCHS, RATE = 8, 0.5


@dataclass(frozen=True, slots=True)
class Features:
    """`values`: uint32 (features,), sorted within a text and without repeats; `starts`: int64 (texts + 1,)."""

    values: Words32
    starts: Ints

    def __len__(self) -> int:
        return len(self.starts) - 1

    def at(self, rows: Ints) -> Features:
        """Those of some texts."""
        sizes = self.starts[rows + 1] - self.starts[rows]
        parts = [self.values[self.starts[row] : self.starts[row + 1]] for row in rows.tolist()]
        return Features(
            np.concatenate([np.zeros(0, np.uint32), *parts]), np.concatenate(([0], np.cumsum(sizes)))
        )

    def save(self, folder: Path) -> None:
        """Write them so that `load` maps them."""
        np.save(folder / "features.npy", self.values, allow_pickle=False)
        np.save(folder / "starts.npy", self.starts, allow_pickle=False)

    @classmethod
    def load(cls, folder: Path) -> Features:
        """What `save` wrote, on disk until it is used."""
        names = ("features", "starts")
        values, starts = (np.load(folder / f"{n}.npy", mmap_mode="r", allow_pickle=False) for n in names)
        return cls(values, starts)

    @classmethod
    def joined(cls, several: Sequence[Features]) -> Features:
        """Those of texts that follow each other."""
        starts, done = [np.zeros(1, np.int64)], 0
        for one in several:
            starts.append(one.starts[1:] + done)
            done += len(one.values)
        values = [np.zeros(0, np.uint32), *(one.values for one in several)]
        return cls(np.concatenate(values), np.concatenate(starts))


def features_of(texts: pa.LargeStringArray) -> Features:
    """The features of each text."""
    return Features(*_features(*bytes_of(texts), MOST_UNITS, BUCKETS - 1))


@dataclass(frozen=True, slots=True)
class LinearScores:
    """`weights`: float32 (classes, buckets + 1); the last is the bias."""

    weights: Floats

    def probabilities(self, features: Features) -> Floats:
        """Of each class for each text: (texts, classes)."""
        return _probabilities(features.values, features.starts, self.weights)


def learn(features: Features, classes_of: Ints, classes: int, seed: int = 17) -> LinearScores:
    """Weights from texts and their classes (0 … classes − 1)."""
    buckets = BUCKETS
    while buckets * classes > MOST_WEIGHTS:
        buckets //= 2
    random = np.random.Generator(np.random.PCG64(seed))
    order = np.concatenate([random.permutation(len(features)) for _ in range(EPOCHS)]).astype(np.int64)
    codes = np.ascontiguousarray(classes_of, dtype=np.int64)
    return LinearScores(_learnt(features.values, features.starts, codes, order, classes, buckets, RATE))


@compiled
def _features(data: Bytes, starts: Ints, most: int, mask: int) -> tuple[Words32, Ints]:
    texts = len(starts) - 1
    longest = 0
    room = 0
    for text in range(texts):
        size = starts[text + 1] - starts[text]
        longest = max(longest, size)
        room += 2 * min(size, most)
    units = np.empty(longest, np.uint64)
    held = np.empty(2 * most, np.uint32)
    found = np.empty(room, np.uint32)
    ends = np.zeros(texts + 1, np.int64)
    filled = 0
    for text in range(texts):
        count = min(unit_hashes(data, starts[text], starts[text + 1], units), most)
        number = 0
        for at in range(count):
            held[number] = np.uint32(np.int64(units[at] >> np.uint64(32)) & mask)
            number += 1
            if at:
                pair = (units[at - 1] * GOLDEN) ^ units[at]
                pair = (pair ^ (pair >> np.uint64(29))) * GOLDEN
                held[number] = np.uint32(np.int64(pair >> np.uint64(32)) & mask)
                number += 1
        held[:number].sort()
        for at in range(number):
            if at == 0 or held[at] != held[at - 1]:
                found[filled] = held[at]
                filled += 1
        ends[text + 1] = filled
    return found[:filled].copy(), ends


@compiled
def _told(values: Words32, first: int, last: int, weights: Floats, told: Floats) -> None:
    """Fills `told` with the probability of each class for one text."""
    classes = len(told)
    buckets = weights.shape[1] - 1
    scale = np.float32(1.0) / np.sqrt(np.float32(max(last - first, 1)))
    highest = np.float32(-1e30)
    for one in range(classes):
        total = np.float32(0.0)
        for at in range(first, last):
            total += weights[one, values[at] & np.uint32(buckets - 1)]
        told[one] = total * scale + weights[one, buckets]
        highest = max(highest, told[one])
    whole = np.float32(0.0)
    for one in range(classes):
        told[one] = np.exp(told[one] - highest)
        whole += told[one]
    for one in range(classes):
        told[one] /= whole


@compiled
def _probabilities(values: Words32, starts: Ints, weights: Floats) -> Floats:
    found = np.empty((len(starts) - 1, len(weights)), np.float32)
    for text in range(len(starts) - 1):
        _told(values, starts[text], starts[text + 1], weights, found[text])
    return found


@compiled
def _learnt(
    values: Words32, starts: Ints, codes: Ints, order: Ints, classes: int, buckets: int, rate: float
) -> Floats:
    weights = np.zeros((classes, buckets + 1), np.float32)
    squares = np.full((classes, buckets + 1), np.float32(1e-3))
    told = np.empty(classes, np.float32)
    for text in order:
        first, last = starts[text], starts[text + 1]
        _told(values, first, last, weights, told)
        scale = np.float32(1.0) / np.sqrt(np.float32(max(last - first, 1)))
        for one in range(classes):
            slope = told[one] - np.float32(1.0 if codes[text] == one else 0.0)
            step = slope * scale
            for at in range(first, last):
                bucket = values[at] & np.uint32(buckets - 1)
                squares[one, bucket] += step * step
                weights[one, bucket] -= np.float32(rate) * step / np.sqrt(squares[one, bucket])
            squares[one, buckets] += slope * slope
            weights[one, buckets] -= np.float32(rate) * slope / np.sqrt(squares[one, buckets])
    return weights
