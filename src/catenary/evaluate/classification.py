"""A classifier's figures as a sceptic wants them: with intervals, beside a control, and its worst mistakes first.

report = classification_report(
    gold, {"linear": Predictions(labels_1, p_1), "sentiment": Predictions(labels_2, p_2)}, control="linear", ids=ids
)
report.figures()["sentiment.accuracy"]       # Estimate(0.871, 0.854, 0.886, n=1700)
verdict(report.comparisons[0])               # "sentiment beats linear: …"
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from catenary.errors import InvalidInput
from catenary.evaluate.calibration import compare_curves, curve_estimate
from catenary.evaluate.curves import CURVES
from catenary.evaluate.estimate import LEVEL, RESAMPLES, Estimate
from catenary.evaluate.intervals import bootstrap, wilson
from catenary.evaluate.metrics import (
    METRICS,
    Integers,
    Metric,
    all_labels,
    check_paired,
    confusion_matrix,
    f1_by_class,
)
from catenary.evaluate.paired import Comparison, as_tally, compare, one_hot_tally
from catenary.evaluate.predictions import Predictions
from catenary.evaluate.wording import metric_title, number
from catenary.messages import Language, say

DEFAULT_METRICS = ("accuracy", "f1", "precision", "recall", "f1_weighted", "mcc")
COMPARED_METRICS = ("accuracy", "f1")
BEST_SHOWN = 5


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """How one class fared; `support` is how many items have it as gold label."""

    precision: Estimate
    recall: Estimate
    f1: Estimate
    support: int


@dataclass(frozen=True, slots=True)
class Example:
    """One item and what a model said of it. `confidence` is None where the model does not tell."""

    id: str
    gold: str
    predicted: str
    confidence: float | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class ModelFigures:
    """One model's figures; `confusion[i][j]` items of gold label i were called j."""

    name: str
    metrics: Mapping[str, Estimate]
    classes: Mapping[str, ClassFigures]
    confusion: tuple[tuple[int, ...], ...]
    mistakes: int
    worst: tuple[Example, ...]  # wrong, the most confident first
    best: tuple[Example, ...]  # right, the most confident first


@dataclass(frozen=True, slots=True)
class ClassificationReport:
    """All models on the same items. Comparisons with the control come first; their p are not corrected for number."""

    labels: tuple[str, ...]
    n: int
    models: tuple[ModelFigures, ...]
    control: str | None
    comparisons: tuple[Comparison, ...]
    level: float
    resamples: int
    seed: int

    def figures(self) -> dict[str, Estimate]:
        """`model.metric` → estimate, for gates and tables."""
        return {
            f"{model.name}.{name}": figure for model in self.models for name, figure in model.metrics.items()
        }

    def comparison(self, first: str, second: str, metric: str = "accuracy") -> Comparison | None:
        """How `first` compares with `second`, if that was asked in this order."""
        return next(
            (c for c in self.comparisons if (c.first, c.second, c.metric) == (first, second, metric)), None
        )


def classification_report(
    gold: Sequence[str],
    predictions: Mapping[str, Predictions],
    *,
    control: str | None = None,
    ids: Sequence[str] | None = None,
    texts: Sequence[str] | None = None,
    metrics: Sequence[str] = DEFAULT_METRICS,
    worst: int = 20,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> ClassificationReport:
    """Figures of each model, each other model against the `control`, and the others against one another.

    `ids` (the items' own numbers when not given) and `texts` serve to show the `worst` most confident mistakes.
    Raises InvalidInput for columns that do not pair, an unknown metric and a control without predictions.
    """
    ids = [str(item) for item in range(1, len(gold) + 1)] if ids is None else ids
    for column in (
        ids,
        *([] if texts is None else [texts]),
        *(model.labels for model in predictions.values()),
    ):
        check_paired(gold, column)
    if control is not None and control not in predictions:
        raise InvalidInput(
            "There are no predictions of this control.",
            got=control,
            expected="one of {names}",
            names=", ".join(predictions),
        )
    for name in metrics:
        if name not in METRICS and name not in CURVES:
            raise InvalidInput(
                "There is no metric of this name.",
                got=name,
                expected="one of {names}",
                names=", ".join([*METRICS, *CURVES]),
            )
    labels = all_labels(gold, *(model.labels for model in predictions.values()))
    models = []
    for name, predicted in predictions.items():
        confusion = confusion_matrix(gold, predicted.labels, labels)
        mistakes = _examples(gold, predicted, ids, texts, right=False)
        best = _examples(gold, predicted, ids, texts, right=True)[:BEST_SHOWN]
        models.append(
            ModelFigures(
                name,
                {
                    metric: curve_estimate(metric, gold, predicted, level, resamples, seed)
                    if metric in CURVES
                    else _estimate(METRICS[metric], confusion, level, resamples, seed)
                    for metric in metrics
                },
                {
                    label: _class_figures(k, confusion, level, resamples, seed)
                    for k, label in enumerate(labels)
                },
                tuple(map(tuple, confusion.tolist())),
                len(mistakes),
                tuple(mistakes[:worst]),
                tuple(best),
            )
        )
    others = [name for name in predictions if name != control]
    pairs = [(name, control) for name in others if control is not None] + list(combinations(others, 2))
    comparisons = tuple(
        compare(
            gold,
            {a: predictions[a].labels, b: predictions[b].labels},
            metric,
            level=level,
            resamples=resamples,
            seed=seed,
        )
        for a, b in pairs
        for metric in COMPARED_METRICS
    ) + tuple(
        compare_curves(
            metric, gold, {a: predictions[a], b: predictions[b]}, level=level, resamples=resamples, seed=seed
        )
        for a, b in pairs
        for metric in metrics
        if metric in CURVES
    )
    return ClassificationReport(
        labels, len(gold), tuple(models), control, comparisons, level, resamples, seed
    )


def verdict(comparison: Comparison, lang: Language | None = None) -> str:
    """What a comparison came to, in one plain sentence with its p and the number of items."""
    values = {
        "first": comparison.first,
        "second": comparison.second,
        "metric": metric_title(comparison.metric, lang),
        "difference": number(comparison.difference.value, signed=True),
        "low": number(comparison.difference.low, signed=True),
        "high": number(comparison.difference.high, signed=True),
        "p": f"p={comparison.p:.4f}" if comparison.p >= 0.0001 else "p<0.0001",
        "n": f"{comparison.difference.n:,}",
    }
    sentences = {
        "better": say(
            "{first} beats {second}: {metric} {difference} [{low}, {high}] ({p}, n={n}).",
            lang=lang,
            **values,
        ),
        "worse": say(
            "{first} is worse than {second}: {metric} {difference} [{low}, {high}] ({p}, n={n}).",
            lang=lang,
            **values,
        ),
        "undecided": say(
            "{first} does not beat {second}: {metric} {difference} [{low}, {high}] ({p}, n={n}).",
            lang=lang,
            **values,
        ),
    }
    return sentences[comparison.outcome]


def _estimate(metric: Metric, confusion: Integers, level: float, resamples: int, seed: int) -> Estimate:
    """A metric of a confusion matrix: Wilson's interval for accuracy, BCa for all else."""
    if metric is METRICS["accuracy"]:
        return wilson(int(np.trace(confusion)), int(confusion.sum()), level)
    support_K = confusion.sum(axis=1)
    estimate = _bootstrapped(metric, confusion, level, resamples, seed)
    return _opened(estimate, int(support_K[support_K > 0].min()), level) if estimate.value == 1 else estimate


def _class_figures(k: int, confusion: Integers, level: float, resamples: int, seed: int) -> ClassFigures:
    """Precision and recall are shares of what was predicted and of what was there; F1 is neither."""
    right, support, predicted = int(confusion[k, k]), int(confusion[k].sum()), int(confusion[:, k].sum())
    f1 = _bootstrapped(lambda counts: f1_by_class(counts)[..., k], confusion, level, resamples, seed)
    return ClassFigures(
        wilson(right, predicted, level), wilson(right, support, level), _opened(f1, support, level), support
    )


def _bootstrapped(metric: Metric, confusion: Integers, level: float, resamples: int, seed: int) -> Estimate:
    gold_G, predicted_G = np.nonzero(confusion)
    return bootstrap(
        one_hot_tally(gold_G, predicted_G, len(confusion)),
        confusion[gold_G, predicted_G],
        lambda sums: metric(as_tally(sums)),
        level=level,
        resamples=resamples,
        seed=seed,
    )


def _opened(estimate: Estimate, items: int, level: float) -> Estimate:
    """`estimate`, its interval as wide as Wilson's for all or none of `items` where it has no width.

    Resampling draws no mistake (and no success) that it has not seen; that does not make a score certain.
    """
    if estimate.low < estimate.high or estimate.value not in (0, 1):
        return estimate
    bound = wilson(items if estimate.value == 1 else 0, items, level)
    return replace(estimate, low=bound.low, high=bound.high)


def _examples(
    gold: Sequence[str],
    predicted: Predictions,
    ids: Sequence[str],
    texts: Sequence[str] | None,
    *,
    right: bool,
) -> list[Example]:
    """All that are right, or all mistakes, the most confident first; by id where confidence is equal or unknown."""
    found = [
        Example(
            ids[item],
            gold[item],
            label,
            None if predicted.confidence is None else float(predicted.confidence[item]),
            None if texts is None else texts[item],
        )
        for item, label in enumerate(predicted.labels)
        if (label == gold[item]) is right
    ]
    return sorted(found, key=lambda one: (-(one.confidence or 0.0), one.id))
