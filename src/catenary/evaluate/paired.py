"""Is one model better than another on the same items? Two tests that use the pairing.

- `mcnemar`: of the items that only one of the two gets right, is the split further from even than chance makes it?
  Exact binomial, two-sided (McNemar, Psychometrika 12, 1947; Dietterich, Neural Computation 10, 1998, on its use for
  classifiers).
- `compare` draws the same items for both (paired bootstrap; Koehn, EMNLP 2004). The difference gets a BCa interval; for
  a metric other than accuracy p is the share of draws, moved to mean nought, that lie as far out as what was seen
  (Berg-Kirkpatrick, Burkett & Klein, EMNLP 2012; two-sided).

    compare(gold, {"sentiment": a, "linear": b}, "accuracy").outcome      # better, undecided or worse
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from catenary.errors import InvalidInput
from catenary.evaluate.estimate import LEVEL, RESAMPLES, Estimate
from catenary.evaluate.intervals import Floats, bca, resample
from catenary.evaluate.metrics import METRICS, Tally, all_labels, check_paired, numbered

Outcome = Literal["better", "undecided", "worse"]
LESS_IS_BETTER = frozenset(
    {
        *("perplexity", "reply_perplexity", "bits_per_byte", "mae", "rmse", "ece"),
        *("ter", "self_bleu", "repetition", "misspelt", "slips", "over_refused"),
    }
)
Test = Literal["mcnemar_exact", "paired_bootstrap"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """`first` less `second` in one metric, on the same items, with the p of "there is no difference".

    `first_only` and `second_only` count the items that only one of them gets right.
    """

    first: str
    second: str
    metric: str
    difference: Estimate
    p: float
    test: Test
    first_only: int | None = None
    second_only: int | None = None

    @property
    def outcome(self) -> Outcome:
        """Better or worse when p is under 1 - level, else undecided."""
        if self.p >= 1 - self.difference.level or self.difference.value == 0:
            return "undecided"
        return "better" if (self.difference.value > 0) != (self.metric in LESS_IS_BETTER) else "worse"


def mcnemar(first_only: int, second_only: int) -> float:
    """The exact two-sided p of a split at least as uneven, were each of these items as likely to fall either way."""
    n, fewer = first_only + second_only, min(first_only, second_only)
    if n == 0:
        return 1.0
    # log C(n, k) - n log 2, summed from the smallest term: no overflow for millions of items
    k = np.arange(1, fewer + 1)
    log_terms = np.concatenate([[0.0], np.cumsum(np.log((n - k + 1) / k))]) - n * math.log(2)
    return min(1.0, 2 * float(np.exp(log_terms).sum()))


def compare(
    gold: Sequence[str],
    predictions: Mapping[str, Sequence[str]],
    metric: str = "accuracy",
    *,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Comparison:
    """The first of two models less the second in `metric` (a name in METRICS), with its interval and p.

    Raises InvalidInput for an unknown metric and for predictions that do not pair with `gold`.
    """
    if metric not in METRICS:
        raise InvalidInput(
            "There is no metric of this name.",
            got=metric,
            expected="one of {names}",
            names=", ".join(METRICS),
        )
    (first, a), (second, b) = predictions.items()
    for column in (a, b):
        check_paired(gold, column)
    labels = all_labels(gold, a, b)
    gold_N, a_N, b_N = (numbered(column, labels) for column in (gold, a, b))
    k = len(labels)
    cell_G, times_G = np.unique((gold_N * k + a_N) * k + b_N, return_counts=True)
    gold_G, a_G, b_G = cell_G // (k * k), cell_G // k % k, cell_G % k
    sums_GS = np.concatenate([one_hot_tally(gold_G, a_G, k), one_hot_tally(gold_G, b_G, k)], axis=1)

    def difference(sums: Floats) -> Floats:
        of_a, of_b = np.split(sums, 2, axis=-1)
        return METRICS[metric](as_tally(of_a)) - METRICS[metric](as_tally(of_b))

    first_only = int(times_G[(a_G == gold_G) & (b_G != gold_G)].sum())
    second_only = int(times_G[(a_G != gold_G) & (b_G == gold_G)].sum())
    drawn_R = resample(sums_GS, times_G, difference, resamples=resamples, seed=seed)
    estimate = bca(drawn_R, sums_GS, times_G, difference, level=level)
    if METRICS[metric] is METRICS["accuracy"]:
        p = mcnemar(first_only, second_only)
        return Comparison(first, second, metric, estimate, p, "mcnemar_exact", first_only, second_only)
    p = shifted_p(estimate.value, drawn_R)
    return Comparison(first, second, metric, estimate, p, "paired_bootstrap", first_only, second_only)


def shifted_p(value: float, drawn_R: Floats) -> float:
    """The two-sided p of a paired bootstrap; never 0, for draws are finite (Davison & Hinkley 1997, §4.4)."""
    as_far = int((np.abs(drawn_R - value) >= abs(value) - 1e-12).sum())
    return (as_far + 1) / (len(drawn_R) + 1)


def one_hot_tally(gold_G: NDArray[np.int64], predicted_G: NDArray[np.int64], k: int) -> Floats:
    """What one item of each group adds to the right, gold and predicted counts of k classes: (G, 3k)."""
    classes = np.eye(k)
    right_GK = classes[gold_G] * (gold_G == predicted_G)[:, None]
    return np.concatenate([right_GK, classes[gold_G], classes[predicted_G]], axis=1)


def as_tally(sums: Floats) -> Tally:
    """(..., 3k) sums back into counts."""
    return Tally(*np.split(sums, 3, axis=-1))
