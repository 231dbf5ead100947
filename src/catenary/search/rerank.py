"""The best passages in another order: by a model that reads the question and each passage together.

Such a cross-encoder (Nogueira and Cho 2019) sees more than words and vectors do, which meet only as numbers, and
costs a pass a passage: so it reads the best few. Its order and the one before are joined by reciprocal ranks, as those
of words and of meaning are; passages behind the best few stay behind them.

>>> joined([0.1, 0.9, 0.2], weight=100.0)
[1, 2, 0]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from catenary.search.index import RANK_CONSTANT, Found

RELEVANT = "relevant"  # the label of a pair whose passage answers the question
BEST = 20  # passages that are read
WEIGHT = 1.0  # a rank by the model counts as so many by the order before


def passage_text(found: Found) -> str:
    """What the model reads of a passage, beside the question."""
    return "\n".join((*found.passage.headings[-1:], found.passage.text))


def reranked(found: Sequence[Found], relevance: Sequence[float]) -> list[Found]:
    """The passages, of which the first have been read; how relevant each of those is, stands in it."""
    read = [replace(one, relevance=told) for one, told in zip(found, relevance, strict=False)]
    return [*(read[at] for at in joined(relevance)), *found[len(read) :]]


def joined(relevance: Sequence[float], weight: float = WEIGHT) -> list[int]:
    """Places of an order, in the order that it and the greatest `relevance` make together."""
    by_model = sorted(range(len(relevance)), key=lambda at: (-relevance[at], at))
    ranks = {at: rank for rank, at in enumerate(by_model, 1)}
    return sorted(
        ranks, key=lambda at: (-weight / (RANK_CONSTANT + ranks[at]) - 1 / (RANK_CONSTANT + at + 1), at)
    )
