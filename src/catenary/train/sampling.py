"""Which of the labelled documents are trained on, and how often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from catenary.errors import InvalidInput
from catenary.train.seeds import CHOICE, order_generator, seed_at

Rows = NDArray[np.int64]


def few_shots(labels: Sequence[str], shots: int, seed: int) -> Rows:
    """`shots` documents of each label, drawn by the seed, in the order of the data.

    Raises InvalidInput for a label with fewer.
    """
    scarce = [f"{label} {count}" for label, count in sorted(Counter(labels).items()) if count < shots]
    if scarce:
        raise InvalidInput(
            "Some labels have fewer documents than the shots asked for.",
            got=", ".join(scarce),
            expected="shots: at most the rarest label's number",
        )
    column = np.asarray(labels)
    chance = np.random.default_rng(seed_at(seed, CHOICE, 0))
    chosen = [chance.permutation(np.flatnonzero(column == label))[:shots] for label in sorted(set(labels))]
    return np.sort(np.concatenate(chosen))


def oversampled(labels: Sequence[str], seed: int) -> Rows:
    """Every document, and those of rarer labels again until each label has as many rows as the commonest."""
    column = np.asarray(labels)
    most = max(Counter(labels).values())
    chance = np.random.default_rng(seed_at(seed, CHOICE, 1))
    rows = []
    for label in sorted(set(labels)):
        own = np.flatnonzero(column == label)
        again = [chance.permutation(own) for _ in range(-(-most // len(own)) - 1)]
        rows.append(np.concatenate([own, *again])[:most])
    return np.concatenate(rows)


def folds_of(labels: Sequence[str], folds: int, seed: int) -> Rows:
    """The fold (0 … folds − 1) of each document; every label is spread evenly over them (stratified)."""
    if min(Counter(labels).values()) < folds:
        raise InvalidInput(
            "Some labels have fewer documents than there are folds.",
            got=", ".join(f"{label} {count}" for label, count in sorted(Counter(labels).items())),
            expected="at least {folds} each",
            folds=folds,
        )
    column, fold_N = np.asarray(labels), np.zeros(len(labels), np.int64)
    next_fold = 0
    for turn, label in enumerate(sorted(set(labels))):
        own = order_generator(seed, turn).permutation(np.flatnonzero(column == label))
        fold_N[own] = (np.arange(len(own)) + next_fold) % folds
        next_fold += len(own)
    return fold_N
