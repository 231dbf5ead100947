"""Metrics of classification, all made of three counts for each class: right, in the gold, predicted.

    accuracy   Σ right / N                       precision_k  right_k / predicted_k
    recall_k   right_k / gold_k                  f1_k         2 right_k / (gold_k + predicted_k)
    mcc        (N Σ right - Σ gold_k predicted_k) / √((N² - Σ predicted_k²) (N² - Σ gold_k²))

Averages over classes: macro (each class alike), weighted (by its share of the gold), micro (of the summed counts; with
one label for each item that is the accuracy). Matthews' coefficient for several classes is Gorodkin's (Computational
Biology and Chemistry 28, 2004). What would divide by nought is 0. All equal scikit-learn's.

    counts = tally(["a", "b", "b"], ["a", "b", "a"])
    METRICS["accuracy"](counts), METRICS["f1"](counts)

A tally may hold many samples at once (the bootstrap's): arrays (..., K); a metric then gives (...).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catenary.errors import InvalidInput

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Tally:
    """For each of K classes how many items are right, have it as gold label, and are predicted to be it: (..., K)."""

    right: NDArray[Any]
    gold: NDArray[Any]
    predicted: NDArray[Any]


Metric = Callable[[Tally], Floats]


def all_labels(*columns: Sequence[str]) -> tuple[str, ...]:
    """The labels that stand in any of `columns`, sorted."""
    return tuple(sorted(set().union(*columns)))


def numbered(column: Sequence[str], labels: Sequence[str]) -> Integers:
    """Labels as their numbers in `labels`; InvalidInput for one that is not among them."""
    number_of = {label: number for number, label in enumerate(labels)}
    try:
        return np.array([number_of[label] for label in column], np.int64)
    except KeyError as error:
        raise InvalidInput(
            "This label is not one of those evaluated.",
            got=error.args[0],
            expected="one of {labels}",
            labels=", ".join(labels),
        ) from error


def confusion_matrix(
    gold: Sequence[str], predicted: Sequence[str], labels: Sequence[str] | None = None
) -> Integers:
    """How many items of each gold label (row) were given each label (column): (K, K), in the order of `labels`.

    `labels` are all that occur, sorted, when not given. Raises InvalidInput when the columns do not pair.
    """
    names = all_labels(gold, predicted) if labels is None else labels
    check_paired(gold, predicted)
    cell = numbered(gold, names) * len(names) + numbered(predicted, names)
    return np.bincount(cell, minlength=len(names) ** 2).reshape(len(names), len(names))


def tally(gold: Sequence[str], predicted: Sequence[str], labels: Sequence[str] | None = None) -> Tally:
    """The counts that every metric is made of."""
    return tally_of(confusion_matrix(gold, predicted, labels))


def tally_of(confusion: Integers) -> Tally:
    """The counts in a confusion matrix with gold labels as rows."""
    return Tally(np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0))


def check_paired(gold: Sequence[str], predicted: Sequence[str]) -> None:
    """InvalidInput unless there is one prediction for each gold label, and at least one."""
    if not gold:
        raise InvalidInput("There is nothing to evaluate.", got=0, expected="at least one labelled item")
    if len(gold) != len(predicted):
        raise InvalidInput(
            "Each item needs one prediction.", got=len(predicted), expected="{n} predictions", n=len(gold)
        )


def accuracy(counts: Tally) -> Floats:
    """The share of items that are right."""
    return _ratio(counts.right.sum(axis=-1), counts.gold.sum(axis=-1))


def precision_by_class(counts: Tally) -> Floats:
    """Of the items predicted to be each class, the share that is: (..., K)."""
    return _ratio(counts.right, counts.predicted)


def recall_by_class(counts: Tally) -> Floats:
    """Of the items of each class, the share that was found: (..., K)."""
    return _ratio(counts.right, counts.gold)


def f1_by_class(counts: Tally) -> Floats:
    """The harmonic mean of precision and recall of each class: (..., K)."""
    return _ratio(2 * counts.right, counts.gold + counts.predicted)


def matthews(counts: Tally) -> Floats:
    """Matthews' correlation coefficient, -1 to 1; 0 for predictions that do not depend on the gold."""
    n = counts.gold.sum(axis=-1, dtype=np.float64)
    expected = (counts.gold.astype(np.float64) * counts.predicted).sum(axis=-1)
    spread_predicted = n**2 - (counts.predicted.astype(np.float64) ** 2).sum(axis=-1)
    spread_gold = n**2 - (counts.gold.astype(np.float64) ** 2).sum(axis=-1)
    return _ratio(n * counts.right.sum(axis=-1) - expected, np.sqrt(spread_predicted * spread_gold))


def macro(by_class: Metric) -> Metric:
    """The mean over the classes that stand in the gold or the predictions."""

    def mean(counts: Tally) -> Floats:
        present = (counts.gold + counts.predicted) > 0
        return _ratio((by_class(counts) * present).sum(axis=-1), present.sum(axis=-1))

    return mean


def weighted(by_class: Metric) -> Metric:
    """The mean over the classes, each weighing as much as it has items."""

    def mean(counts: Tally) -> Floats:
        return _ratio((by_class(counts) * counts.gold).sum(axis=-1), counts.gold.sum(axis=-1))

    return mean


METRICS: dict[str, Metric] = {
    "accuracy": accuracy,
    "precision": macro(precision_by_class),
    "recall": macro(recall_by_class),
    "f1": macro(f1_by_class),
    "precision_weighted": weighted(precision_by_class),
    "recall_weighted": weighted(recall_by_class),
    "f1_weighted": weighted(f1_by_class),
    "precision_micro": accuracy,
    "recall_micro": accuracy,
    "f1_micro": accuracy,
    "mcc": matthews,
}


def perplexity(log_prob: float, tokens: int) -> float:
    """exp of the mean negative natural log probability of a token."""
    return math.exp(-log_prob / tokens)


def bits_per_byte(log_prob: float, text_bytes: int) -> float:
    """The mean negative log₂ probability for each byte of UTF-8 text: comparable between tokenizers."""
    return -log_prob / math.log(2) / text_bytes


def _ratio(part: NDArray[Any], whole: NDArray[Any]) -> Floats:
    """part / whole, 0 where whole is 0."""
    quotient: Floats = np.divide(part, whole, out=np.zeros(np.shape(whole)), where=np.asarray(whole) != 0)
    return quotient
