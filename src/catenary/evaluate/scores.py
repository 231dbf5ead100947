"""Any task whose figures are functions of sums over items: tagging, reading, several labels, numbers.

Each model brings what every item adds to the S sums; a metric makes a figure of them. So one bootstrap over items
serves all tasks, and comparisons are paired.

    score_report({"a": sums_NS, "b": other_NS}, {"mae": lambda sums: sums[..., 0] / sums[..., 1]}, control="b")

N items · S sums
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catenary.errors import InvalidInput
from catenary.evaluate.classification import Example
from catenary.evaluate.estimate import LEVEL, RESAMPLES, Estimate
from catenary.evaluate.intervals import Floats, Statistic, bca, bootstrap, resample, wilson
from catenary.evaluate.paired import Comparison, shifted_p

COMPARED = 2  # the first metrics, in which models are compared
SHARES = frozenset(
    {
        "exact",
        "accuracy",
        "f1",
        "entity",
        "answer",
        "completion",
        "turns",
        "coherence",
        "mrr",
        "ndcg",
        "recall",
        "cited",
        "refused",
        "over",
    }
)  # figures between 0 and 1


@dataclass(frozen=True, slots=True)
class ScoredModel:
    """One model's figures; `confusion[i][j]`, where there is one, as in `ModelFigures`."""

    name: str
    metrics: Mapping[str, Estimate]
    mistakes: int
    worst: tuple[Example, ...]
    confusion: tuple[tuple[int, ...], ...] | None = None


@dataclass(frozen=True, slots=True)
class ScoreReport:
    """All models on the same items. `labels` are those of the confusions, empty where there are none."""

    task: str
    labels: tuple[str, ...]
    n: int
    models: tuple[ScoredModel, ...]
    control: str | None
    comparisons: tuple[Comparison, ...]
    level: float
    resamples: int
    seed: int

    def figures(self) -> dict[str, Estimate]:
        """`model.metric` → estimate, for gates and tables."""
        return {f"{m.name}.{name}": figure for m in self.models for name, figure in m.metrics.items()}

    def comparison(self, first: str, second: str, metric: str) -> Comparison | None:
        """How `first` compares with `second`, if that was asked in this order."""
        return next(
            (c for c in self.comparisons if (c.first, c.second, c.metric) == (first, second, metric)), None
        )


@dataclass(frozen=True, slots=True)
class Told:
    """What one model did: `sums` (N, S), its mistakes with the worst first, and a confusion of labels perhaps."""

    sums: NDArray[Any]
    mistakes: Sequence[Example] = ()
    confusion: NDArray[np.int64] | None = None


def score_report(
    told: Mapping[str, Told],
    metrics: Mapping[str, Statistic],
    *,
    task: str = "",
    labels: Sequence[str] = (),
    control: str | None = None,
    worst: int = 20,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> ScoreReport:
    """Figures of each model with BCa intervals over items, each other model against the `control`, and the others
    against one another, in the first two metrics.

    Raises InvalidInput for no item, for models on different items and for a control that is not among them.
    """
    sizes = {len(one.sums) for one in told.values()}
    if len(sizes) != 1 or not sizes.isdisjoint({0}):
        raise InvalidInput(
            "There is nothing to evaluate.", got=sorted(sizes), expected="at least one labelled item"
        )
    if control is not None and control not in told:
        raise InvalidInput(
            "There are no predictions of this control.",
            got=control,
            expected="one of {names}",
            names=", ".join(told),
        )
    models = tuple(
        ScoredModel(
            name,
            {
                metric: _estimate(metric, one.sums, statistic, level, resamples, seed)
                for metric, statistic in metrics.items()
            },
            len(one.mistakes),
            tuple(one.mistakes[:worst]),
            None if one.confusion is None else tuple(map(tuple, one.confusion.tolist())),
        )
        for name, one in told.items()
    )
    others = [name for name in told if name != control]
    pairs = [(name, control) for name in others if control is not None] + list(combinations(others, 2))
    comparisons = tuple(
        _compared(a, b, told, metric, metrics[metric], level, resamples, seed)
        for a, b in pairs
        for metric in list(metrics)[:COMPARED]
    )
    return ScoreReport(task, tuple(labels), sizes.pop(), models, control, comparisons, level, resamples, seed)


def _estimate(
    metric: str, sums_NS: NDArray[Any], statistic: Statistic, level: float, resamples: int, seed: int
) -> Estimate:
    groups_GS, times_G = np.unique(sums_NS, axis=0, return_counts=True)
    estimate = bootstrap(groups_GS, times_G, statistic, level=level, resamples=resamples, seed=seed)
    n = len(sums_NS)
    if metric.split("_")[0] in SHARES and estimate.low == estimate.high and estimate.value in (0, 1):
        # Resampling draws no mistake (and no success) that it has not seen; that does not make a score certain.
        bound = wilson(n if estimate.value == 1 else 0, n, level)
        return replace(estimate, low=bound.low, high=bound.high)
    return estimate


def _compared(
    first: str,
    second: str,
    told: Mapping[str, Told],
    metric: str,
    statistic: Statistic,
    level: float,
    resamples: int,
    seed: int,
) -> Comparison:
    both_NS = np.concatenate([told[first].sums, told[second].sums], axis=1)
    groups_GS, times_G = np.unique(both_NS, axis=0, return_counts=True)

    def difference(sums: Floats) -> Floats:
        of_first, of_second = np.split(sums, 2, axis=-1)
        return statistic(of_first) - statistic(of_second)

    drawn_R = resample(groups_GS, times_G, difference, resamples=resamples, seed=seed)
    estimate = bca(drawn_R, groups_GS, times_G, difference, level=level)
    return Comparison(first, second, metric, estimate, shifted_p(estimate.value, drawn_R), "paired_bootstrap")


def ratio(part: Floats, whole: Floats) -> Floats:
    """part / whole, 0 where whole is 0."""
    quotient: Floats = np.divide(part, whole, out=np.zeros(np.shape(whole)), where=np.asarray(whole) != 0)
    return quotient
