"""How far a figure can be trusted: Wilson's interval for shares, the BCa bootstrap for all else.

Every statistic here is a function of sums over items (of right answers, of log probabilities …). So equal items are
grouped, a bootstrap sample is a multinomial draw of how often each group comes up, and leaving one item out is a
subtraction: exact, and quick for any number of items.

What is no function of sums (an area under a curve) takes how often each item was drawn: `bootstrap_weighted`.

    wilson(854, 1000)                                        # a share
    bootstrap(sums_GS, times_G, lambda sums: sums[..., 0] / sums[..., 1])
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catenary.evaluate.estimate import LEVEL, RESAMPLES, Estimate

Floats = NDArray[np.float64]
Statistic = Callable[[Floats], Floats]  # (..., S) sums over items → (...)

CELLS_AT_ONCE = 1 << 22  # bounds the memory of the draws
JACKKNIFED = 1000  # items left out one by one for the acceleration; of more, blocks
NORMAL = NormalDist()


def wilson(successes: int, n: int, level: float = LEVEL) -> Estimate:
    """A share and its score interval (Wilson, JASA 22, 1927), which keeps its level also near 0 and 1 and for few
    items (Brown, Cai & DasGupta, Statistical Science 16, 2001). With no items: 0, between 0 and 1.
    """
    if n == 0:
        return Estimate(0.0, 0.0, 1.0, 0, level, "wilson")
    z = NORMAL.inv_cdf((1 + level) / 2)
    share = successes / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    reach = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low = 0.0 if successes == 0 else max(0.0, middle - reach)
    high = 1.0 if successes == n else min(1.0, middle + reach)
    return Estimate(share, low, high, n, level, "wilson")


def bootstrap(
    sums_GS: NDArray[Any],
    times_G: NDArray[Any],
    statistic: Statistic,
    *,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate:
    """`statistic` of all items with its bias-corrected and accelerated interval (BCa: Efron, JASA 82, 1987).

    `sums_GS` is what one item of each group adds to the S sums, `times_G` how many such items there are.
    """
    drawn_R = resample(sums_GS, times_G, statistic, resamples=resamples, seed=seed)
    return bca(drawn_R, sums_GS, times_G, statistic, level=level)


def resample(
    sums_GS: NDArray[Any], times_G: NDArray[Any], statistic: Statistic, *, resamples: int, seed: int
) -> Floats:
    """`statistic` of `resamples` samples drawn from the items with replacement: (R,)."""
    draws = np.random.default_rng(seed)
    n, share_G = int(times_G.sum()), times_G / times_G.sum()
    at_once = max(1, CELLS_AT_ONCE // len(times_G))
    parts = []
    for start in range(0, resamples, at_once):
        times_RG = draws.multinomial(n, share_G, size=min(at_once, resamples - start))
        parts.append(statistic(times_RG.astype(np.float64) @ sums_GS))
    return np.concatenate(parts)


def bca(
    drawn_R: Floats,
    sums_GS: NDArray[Any],
    times_G: NDArray[Any],
    statistic: Statistic,
    *,
    level: float = LEVEL,
) -> Estimate:
    """`statistic` of all items, with the BCa interval that its values in bootstrap samples (drawn_R) give it."""
    left_out_G = statistic(times_G @ sums_GS - sums_GS)
    return corrected(
        float(statistic(times_G @ sums_GS)), drawn_R, left_out_G, times_G, n=int(times_G.sum()), level=level
    )


def bootstrap_weighted(
    statistic: Statistic, n: int, *, level: float = LEVEL, resamples: int = RESAMPLES, seed: int = 0
) -> Estimate:
    """`statistic` of n items with its BCa interval; it takes how often each item counts, (..., n), and gives (...)."""
    drawn_R = resample_weights(statistic, n, resamples=resamples, seed=seed)
    return bca_weighted(drawn_R, statistic, n, level=level)


def resample_weights(statistic: Statistic, n: int, *, resamples: int, seed: int) -> Floats:
    """`statistic` of `resamples` samples drawn from n items with replacement: (R,)."""
    draws = np.random.default_rng(seed)
    at_once = max(1, CELLS_AT_ONCE // n)
    return np.concatenate(
        [
            statistic(
                draws.multinomial(n, [1 / n] * n, size=min(at_once, resamples - start)).astype(np.float64)
            )
            for start in range(0, resamples, at_once)
        ]
    )


def bca_weighted(drawn_R: Floats, statistic: Statistic, n: int, *, level: float = LEVEL) -> Estimate:
    """As `bca`. The jackknife leaves out blocks of neighbours where there are more than JACKKNIFED items."""
    block_N = np.arange(n) * min(n, JACKKNIFED) // n
    blocks = int(block_N[-1]) + 1
    at_once = max(1, CELLS_AT_ONCE // n)
    left_out = np.concatenate(
        [
            statistic((block_N != np.arange(start, min(start + at_once, blocks))[:, None]).astype(np.float64))
            for start in range(0, blocks, at_once)
        ]
    )
    value = float(statistic(np.ones((1, n)))[0])
    return corrected(value, drawn_R, left_out, np.ones(blocks), n=n, level=level)


def corrected(
    value: float, drawn_R: Floats, left_out_G: Floats, times_G: NDArray[Any], *, n: int, level: float
) -> Estimate:
    """`value` with its BCa interval: from its values in bootstrap samples, and with each item (or group) left out."""
    if np.ptp(drawn_R) == 0:  # nothing to correct; a caller who knows better bounds says them
        return Estimate(value, float(drawn_R[0]), float(drawn_R[0]), n, level)
    # Bias: how far the value lies from the median of the draws. Ties count half.
    below = ((drawn_R < value).mean() + (drawn_R <= value).mean()) / 2
    bias = NORMAL.inv_cdf(min(max(float(below), 0.5 / len(drawn_R)), 1 - 0.5 / len(drawn_R)))
    # Acceleration: the skew of the jackknife's values, each item left out once.
    off_G = np.average(left_out_G, weights=times_G) - left_out_G
    spread = float((times_G * off_G**2).sum())
    acceleration = float((times_G * off_G**3).sum()) / (6 * spread**1.5) if spread > 0 else 0.0

    def moved(share: float) -> float:
        z = bias + NORMAL.inv_cdf(share)
        return NORMAL.cdf(bias + z / (1 - acceleration * z))

    tail = (1 - level) / 2
    low, high = np.quantile(drawn_R, [moved(tail), moved(1 - tail)])
    return Estimate(value, float(low), float(high), n, level)
