"""Choosing the pieces of a Unigram tokenizer: fit their probabilities to the words, drop those that are missed least.

T. Kudo, Subword Regularization (2018), §3.2, with two changes for speed and for equal results everywhere: the first
pieces come from BPE instead of from all substrings, and the expectation step takes each word's best segmentation, so
that it counts in whole numbers whose sum has no order.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from tokenizers import Tokenizer as Backend
from tokenizers import models

SHRINK = 0.75  # the share of pieces kept in a round, as in SentencePiece
ROUNDS_AT_SIZE = 2
BATCH_WORDS = 1 << 16


def likeliest_pieces(seeds: Sequence[str], words: Mapping[str, int], size: int) -> list[tuple[str, float]]:
    """At most `size` of `seeds` with their log probabilities, the likeliest first; every single character stays.

    `words` are what the pieces must spell, and how often each occurs.
    """
    listed = sorted(words)
    weights = np.array([words[word] for word in listed], dtype=np.int64)
    pieces = {piece: math.log(1 / (at + 2)) for at, piece in enumerate(seeds)}  # Zipf's law, until counted
    left = ROUNDS_AT_SIZE
    while left:
        pieces = _fitted(pieces, listed, weights)
        if len(pieces) <= size:
            left -= 1
        else:
            pieces = _pruned(pieces, max(size, int(len(pieces) * SHRINK)))
    return sorted(pieces.items(), key=lambda item: (-item[1], item[0]))


def _fitted(
    pieces: Mapping[str, float], words: Sequence[str], weights: np.typing.NDArray[np.int64]
) -> dict[str, float]:
    """Log probabilities from how often each piece stands in the words' best segmentations; half a count if never."""
    names = list(pieces)
    unknown = len(names)
    backend = Backend(models.Unigram([*pieces.items(), ("\0", min(pieces.values()) - 10.0)], unknown, False))
    counts = np.zeros(unknown + 1, dtype=np.int64)
    for start in range(0, len(words), BATCH_WORDS):
        encoded = backend.encode_batch_fast(words[start : start + BATCH_WORDS], add_special_tokens=False)
        ids = [one.ids for one in encoded]
        sizes = [len(one) for one in ids]
        flat = np.fromiter((number for one in ids for number in one), np.int64, sum(sizes))
        np.add.at(counts, flat, np.repeat(weights[start : start + BATCH_WORDS], sizes))
    found = np.maximum(counts[:unknown], 0.5)
    total = math.log(float(found.sum()))
    return {name: math.log(float(count)) - total for name, count in zip(names, found, strict=True)}


def _pruned(pieces: Mapping[str, float], size: int) -> dict[str, float]:
    """The `size` pieces without which the words would lose the most likelihood, and all single characters."""

    def loss(piece: str) -> float:
        if len(piece) == 1:
            return math.inf
        halves = [
            pieces[piece[:at]] + pieces[piece[at:]]
            for at in range(1, len(piece))
            if piece[:at] in pieces and piece[at:] in pieces
        ]
        if not halves:
            return (
                math.exp(pieces[piece]) * 100.0
            )  # nothing else spells it in two: worth far more than one that has
        return math.exp(pieces[piece]) * (pieces[piece] - max(halves))

    best = sorted(pieces, key=lambda piece: (-loss(piece), piece))
    singles = sum(len(piece) == 1 for piece in pieces)
    return {piece: pieces[piece] for piece in best[: max(size, singles)]}
