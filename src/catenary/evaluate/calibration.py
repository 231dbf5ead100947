"""Figures of a classifier's probabilities (`curves.py`) with their intervals, and two classifiers compared by them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from catenary.errors import InvalidInput
from catenary.evaluate.curves import (
    by_class,
    calibration_error,
    calibration_sums,
    mean_over,
    precision_recall_area,
    roc_area,
)
from catenary.evaluate.estimate import LEVEL, RESAMPLES, Estimate
from catenary.evaluate.intervals import Floats, Statistic, bca_weighted, bootstrap_weighted, resample_weights
from catenary.evaluate.paired import Comparison, shifted_p
from catenary.evaluate.predictions import Predictions


def curve_estimate(
    metric: str,
    gold: Sequence[str],
    predicted: Predictions,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate:
    """roc_auc, pr_auc or ece with its BCa interval. Raises InvalidInput where the model tells no probabilities."""
    return bootstrap_weighted(
        curve(metric, gold, predicted), len(gold), level=level, resamples=resamples, seed=seed
    )


def compare_curves(
    metric: str,
    gold: Sequence[str],
    predictions: Mapping[str, Predictions],
    *,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Comparison:
    """The first of two models less the second, by paired bootstrap."""
    (first, a), (second, b) = predictions.items()
    of_a, of_b = curve(metric, gold, a), curve(metric, gold, b)

    def difference(weights_RN: Floats) -> Floats:
        return of_a(weights_RN) - of_b(weights_RN)

    drawn_R = resample_weights(difference, len(gold), resamples=resamples, seed=seed)
    estimate = bca_weighted(drawn_R, difference, len(gold), level=level)
    return Comparison(first, second, metric, estimate, shifted_p(estimate.value, drawn_R), "paired_bootstrap")


def curve(metric: str, gold: Sequence[str], predicted: Predictions) -> Statistic:
    """One of CURVES as a function of how often each item counts."""
    if metric == "ece" and predicted.confidence is not None:
        right_N = np.array([a == b for a, b in zip(gold, predicted.labels, strict=True)])
        sums_NS = calibration_sums(right_N, np.asarray(predicted.confidence))
        return lambda weights_RN: calibration_error(weights_RN @ sums_NS)
    if metric == "ece" or predicted.probabilities_NK is None:
        raise InvalidInput(
            "This model tells no probabilities.",
            got=metric,
            expected="metrics of labels alone: accuracy, f1 …",
        )
    area = roc_area if metric == "roc_auc" else precision_recall_area
    return mean_over(by_class(gold, predicted.probabilities_NK, predicted.names), area)
