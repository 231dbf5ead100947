"""What a model says by heart, and which test items its training text holds: both from an index of the training tokens.

    contamination(index, test_ids)             # share of test items that share a long span with the training text
    memorisation(index, continuations)         # share of continuations that go on as a training document does

Extraction as in Carlini et al. (ICLR 2023): the model is given the beginning of a training document and goes on.
"""

from __future__ import annotations

from collections.abc import Sequence

from catenary.evaluate.estimate import LEVEL, Estimate
from catenary.evaluate.intervals import wilson
from catenary.evaluate.verbatim import Index

SHARED_TOKENS = 13  # GPT-3's (Brown et al. 2020, app. C), in words there
BY_HEART_TOKENS = 50  # Carlini et al. 2023, §3


def contamination(
    index: Index, items: Sequence[Sequence[int]], *, tokens: int = SHARED_TOKENS, level: float = LEVEL
) -> Estimate:
    """The share of items of which a span of `tokens` (or the whole item, where it is shorter) is in the index."""
    found = sum(
        bool(index.spans(one, min_tokens=min(tokens, len(one)), spans=1, places=1)) for one in items if one
    )
    return wilson(found, len(items), level)


def memorisation(
    index: Index,
    written: Sequence[tuple[Sequence[int], Sequence[int]]],
    *,
    tokens: int = BY_HEART_TOKENS,
    level: float = LEVEL,
) -> Estimate:
    """The share of (beginning, continuation) pairs of which some document holds the first `tokens` of the continuation
    right after the beginning's last ones."""
    found = 0
    for beginning, continuation in written:
        run = [*beginning[-tokens:], *continuation[:tokens]]
        spans = (
            index.spans(run, min_tokens=len(run), spans=1, places=1) if len(continuation) >= tokens else []
        )
        found += bool(spans)
    return wilson(found, len(written), level)
