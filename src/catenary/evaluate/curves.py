"""What a classifier's probabilities are worth: areas under curves, and calibration.

    roc_auc   the share of (item of the class, other item) pairs that the probability orders rightly, ties half
              (Hanley & McNeil, Radiology 143, 1982)
    pr_auc    average precision: Σ (recall_i - recall_{i-1}) precision_i over thresholds
    ece       Σ_b |accuracy_b - mean confidence_b| · n_b / n over 15 bins of equal width (Guo et al., ICML 2017)

The areas are means over the classes of the gold, each against the rest; all equal scikit-learn's macro average.

    roc = mean_over(by_class(["a", "b", "a"], probabilities_NK, ["a", "b"]), roc_area)
    roc(np.ones((1, 3)))                   # each item once

N items · K classes · R samples
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catenary.errors import InvalidInput
from catenary.evaluate.intervals import Floats, Statistic

BINS = 15
CURVES = ("roc_auc", "pr_auc", "ece")


@dataclass(frozen=True, slots=True)
class Ordered:
    """The items by falling score of one class: their numbers, which are of the class, and where equal scores end."""

    order_N: NDArray[np.int64]
    is_class_N: NDArray[np.bool_]
    ends: NDArray[np.int64]


def ordered(is_class_N: NDArray[np.bool_], score_N: NDArray[Any]) -> Ordered:
    order_N = np.argsort(-score_N, kind="stable")
    sorted_N = score_N[order_N]
    ends = np.append(np.flatnonzero(sorted_N[1:] != sorted_N[:-1]), len(sorted_N) - 1)
    return Ordered(order_N, is_class_N[order_N], ends)


def by_class(gold: Sequence[str], probabilities_NK: NDArray[Any], names: Sequence[str]) -> list[Ordered]:
    """One order for each class of the gold that the model knows. Raises InvalidInput for a class that it does not."""
    unknown = set(gold) - set(names)
    if unknown:
        raise InvalidInput(
            "This label is not one of those evaluated.",
            got=sorted(unknown)[0],
            expected="one of {labels}",
            labels=", ".join(names),
        )
    gold_N = np.asarray(gold)
    return [
        ordered(gold_N == name, np.asarray(probabilities_NK)[:, k])
        for k, name in enumerate(names)
        if name in set(gold)
    ]


def mean_over(classes: Sequence[Ordered], area: Callable[[Ordered, Floats], Floats]) -> Statistic:
    """The mean of an area over classes, as a function of how often each item counts: (R, N) → (R,)."""
    return lambda weights_RN: np.mean([area(one, weights_RN) for one in classes], axis=0)


def roc_area(one: Ordered, weights_RN: Floats) -> Floats:
    """The area under the ROC curve; 0.5 where a sample has items of one kind only."""
    true, false = _cumulated(one, weights_RN)
    area = _steps(false) * (true - _steps(true) / 2)  # trapezia: what is tied counts half
    whole = true[:, -1] * false[:, -1]
    told: Floats = np.divide(area.sum(-1), whole, out=np.full(len(whole), 0.5), where=whole > 0)
    return told


def precision_recall_area(one: Ordered, weights_RN: Floats) -> Floats:
    """Average precision; 0 where a sample has no item of the class."""
    true, false = _cumulated(one, weights_RN)
    precision = np.divide(true, true + false, out=np.zeros_like(true), where=true + false > 0)
    area = (_steps(true) * precision).sum(-1)
    told: Floats = np.divide(area, true[:, -1], out=np.zeros(len(area)), where=true[:, -1] > 0)
    return told


def _cumulated(one: Ordered, weights_RN: Floats) -> tuple[Floats, Floats]:
    """At each threshold, how many items of the class and how many others score as high."""
    weights_RN = weights_RN[:, one.order_N]
    true = np.cumsum(weights_RN * one.is_class_N, axis=-1)[:, one.ends]
    false = np.cumsum(weights_RN * ~one.is_class_N, axis=-1)[:, one.ends]
    return true, false


def _steps(values: Floats) -> Floats:
    return np.diff(values, axis=-1, prepend=0.0)


def calibration_sums(right_N: NDArray[np.bool_], confidence_N: NDArray[Any]) -> Floats:
    """What an item adds to each bin's (items, right, confidence): (N, 3 · BINS). Bins are closed above, as Guo's."""
    confidence_N = np.asarray(confidence_N, np.float64)
    place_N = np.clip(np.ceil(confidence_N * BINS).astype(np.int64) - 1, 0, BINS - 1)
    sums = np.zeros((len(confidence_N), 3, BINS))
    row_N = np.arange(len(confidence_N))
    sums[row_N, 0, place_N], sums[row_N, 1, place_N], sums[row_N, 2, place_N] = 1, right_N, confidence_N
    return sums.reshape(len(confidence_N), -1)


def calibration_error(sums: Floats) -> Floats:
    """Expected calibration error of (…, 3 · BINS) sums."""
    items, right, confidence = (sums.reshape(*sums.shape[:-1], 3, BINS)[..., part, :] for part in range(3))
    told: Floats = np.abs(right - confidence).sum(-1) / items.sum(-1)
    return told
