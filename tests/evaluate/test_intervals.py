from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from catenary.evaluate.intervals import bootstrap, wilson


@given(st.integers(1, 5000), st.floats(0, 1), st.sampled_from([0.8, 0.95, 0.99]))
def test_wilson_is_scipys(n: int, share: float, level: float) -> None:
    successes = round(n * share)
    ours = wilson(successes, n, level)
    theirs = stats.binomtest(successes, n).proportion_ci(level, method="wilson")
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)
    assert ours.low <= ours.value <= ours.high


def test_nothing_measured_says_nothing() -> None:
    estimate = wilson(0, 0)
    assert (estimate.low, estimate.high, estimate.n) == (0.0, 1.0, 0)


def test_bca_is_scipys() -> None:
    draws = np.random.default_rng(5)
    items = draws.exponential(size=200)  # skewed: where BCa and the plain percentiles differ
    sums = np.stack([items, items**2, np.ones(200)], axis=1)
    ours = bootstrap(
        sums,
        np.ones(200, np.int64),
        lambda s: np.sqrt(s[..., 1] / s[..., 2] - (s[..., 0] / s[..., 2]) ** 2),
        resamples=10_000,
    )
    theirs = stats.bootstrap((items,), np.std, n_resamples=10_000, random_state=1).confidence_interval
    assert ours.value == pytest.approx(items.std())
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), rel=0.015)
    plain = stats.bootstrap((items,), np.std, n_resamples=10_000, method="percentile", random_state=1)
    assert abs(ours.high - plain.confidence_interval.high) > 3 * abs(ours.high - theirs.high)


def test_grouped_items_are_the_items_themselves() -> None:
    groups, times = np.array([[1.0, 1.0], [0.0, 1.0]]), np.array([30, 70])
    share = bootstrap(groups, times, lambda s: s[..., 0] / s[..., 1], resamples=10_000)
    assert share.n == 100
    assert share.value == pytest.approx(0.3)
    exact = wilson(30, 100)
    assert (share.low, share.high) == pytest.approx((exact.low, exact.high), abs=0.015)


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    draws = np.random.default_rng(11)
    covered = 0
    for seed in range(200):
        right = draws.random(100) < 0.85
        found = bootstrap(
            np.stack([right, np.ones(100)], axis=1),
            np.ones(100, np.int64),
            lambda s: s[..., 0] / s[..., 1],
            resamples=300,
            seed=seed,
        )
        covered += found.low <= 0.85 <= found.high
    assert 0.90 < covered / 200 < 0.985


def test_the_same_seed_gives_the_same_interval() -> None:
    arguments = (np.arange(20.0).reshape(-1, 1), np.ones(20, np.int64), lambda s: s[..., 0])
    assert bootstrap(*arguments, seed=1) == bootstrap(*arguments, seed=1)
    assert bootstrap(*arguments, seed=1) != bootstrap(*arguments, seed=2)
