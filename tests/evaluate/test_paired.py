from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from catenary.errors import InvalidInput
from catenary.evaluate.paired import compare, mcnemar


@given(st.integers(0, 3000), st.integers(0, 3000))
def test_mcnemar_is_the_exact_binomial_test(b: int, c: int) -> None:
    expected = stats.binomtest(b, b + c).pvalue if b + c else 1.0
    assert mcnemar(b, c) == pytest.approx(expected, rel=1e-9, abs=1e-300)


def test_mcnemar_of_millions() -> None:
    assert mcnemar(1_000_000, 1_003_000) == pytest.approx(
        stats.binomtest(1_000_000, 2_003_000).pvalue, rel=1e-6
    )


def predictions(right_a: list[bool], right_b: list[bool]) -> tuple[list[str], dict[str, list[str]]]:
    gold = ["x" if i % 2 else "y" for i in range(len(right_a))]
    wrong = {"x": "y", "y": "x"}
    return gold, {
        name: [label if ok else wrong[label] for label, ok in zip(gold, right, strict=True)]
        for name, right in (("a", right_a), ("b", right_b))
    }


@pytest.mark.parametrize("metric", ["accuracy", "f1", "mcc"])
def test_a_clear_difference_is_found_in_both_directions(metric: str) -> None:
    gold, models = predictions([i % 10 != 0 for i in range(600)], [i % 3 != 0 for i in range(600)])
    better = compare(gold, models, metric)
    assert better.outcome == "better"
    assert better.p < 0.01
    assert 0 < better.difference.low < better.difference.value < better.difference.high
    worse = compare(gold, {"b": models["b"], "a": models["a"]}, metric)
    assert worse.outcome == "worse"
    assert worse.difference.value == pytest.approx(-better.difference.value)


@pytest.mark.parametrize("metric", ["accuracy", "f1"])
def test_the_same_predictions_are_undecided(metric: str) -> None:
    gold, models = predictions([True] * 30 + [False] * 5, [True] * 30 + [False] * 5)
    same = compare(gold, models, metric)
    assert (same.outcome, same.difference.value, same.p) == ("undecided", 0.0, 1.0)


def test_discordant_items_are_counted() -> None:
    gold, models = predictions([True, True, True, False], [True, False, False, True])
    comparison = compare(gold, models)
    assert (comparison.first_only, comparison.second_only) == (2, 1)
    assert comparison.p == 1.0
    assert comparison.test == "mcnemar_exact"


@pytest.mark.parametrize("metric", ["accuracy", "f1"])
def test_chance_is_called_a_difference_as_seldom_as_promised(metric: str) -> None:
    draws = np.random.default_rng(3)
    called = 0
    for seed in range(100):
        gold, models = predictions(list(draws.random(200) < 0.8), list(draws.random(200) < 0.8))
        called += compare(gold, models, metric, resamples=300, seed=seed).outcome != "undecided"
    assert called / 100 < 0.12


def test_an_unknown_metric_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no metric"):
        compare(["a"], {"x": ["a"], "y": ["a"]}, "beauty")
