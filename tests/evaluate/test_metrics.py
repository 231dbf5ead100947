from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearns

from catenary.errors import InvalidInput
from catenary.evaluate.metrics import (
    METRICS,
    Tally,
    bits_per_byte,
    confusion_matrix,
    f1_by_class,
    perplexity,
    precision_by_class,
    recall_by_class,
    tally,
)

pairs = st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("abce")), min_size=1, max_size=60)


@pytest.mark.filterwarnings("ignore:A single label")
@settings(max_examples=40)
@given(pairs)
def test_metrics_are_sklearns(items: list[tuple[str, str]]) -> None:
    gold, predicted = [g for g, _ in items], [p for _, p in items]
    counts = tally(gold, predicted)
    expected = {
        "accuracy": sklearns.accuracy_score(gold, predicted),
        "mcc": sklearns.matthews_corrcoef(gold, predicted),
    }
    for average, ending in (("macro", ""), ("weighted", "_weighted"), ("micro", "_micro")):
        figures = sklearns.precision_recall_fscore_support(gold, predicted, average=average, zero_division=0)
        expected |= {
            f"{name}{ending}": figure
            for name, figure in zip(("precision", "recall", "f1"), figures, strict=False)
        }
    assert METRICS.keys() == expected.keys()
    for name, metric in METRICS.items():
        assert float(metric(counts)) == pytest.approx(expected[name], abs=1e-12), name
    by_class = sklearns.precision_recall_fscore_support(gold, predicted, zero_division=0)
    for ours, theirs in zip((precision_by_class, recall_by_class, f1_by_class), by_class, strict=False):
        np.testing.assert_allclose(ours(counts), theirs, atol=1e-12)
    np.testing.assert_array_equal(
        confusion_matrix(gold, predicted), sklearns.confusion_matrix(gold, predicted)
    )


@given(st.lists(pairs, min_size=1, max_size=4))
def test_many_samples_at_once_are_the_same_as_each(samples: list[list[tuple[str, str]]]) -> None:
    tallies = [tally([g for g, _ in items], [p for _, p in items], "abcde") for items in samples]
    together = Tally(
        *(np.stack(column) for column in zip(*((t.right, t.gold, t.predicted) for t in tallies), strict=True))
    )
    for metric in METRICS.values():
        np.testing.assert_allclose(metric(together), [metric(one) for one in tallies], atol=1e-15)


def test_millions_of_items_do_not_overflow() -> None:
    counts = Tally(np.array([3_000_000_000, 1]), np.array([3_000_000_001, 2]), np.array([3_000_000_001, 2]))
    assert METRICS["mcc"](counts) == pytest.approx(0.5, abs=1e-6)


def test_columns_must_pair() -> None:
    with pytest.raises(InvalidInput, match="one prediction"):
        tally(["a"], ["a", "b"])
    with pytest.raises(InvalidInput, match="nothing to evaluate"):
        tally([], [])
    with pytest.raises(InvalidInput, match="not one of those"):
        tally(["a"], ["z"], labels=["a", "b"])


def test_perplexity_and_bits() -> None:
    assert perplexity(5 * np.log(1 / 8), 5) == pytest.approx(8)
    assert bits_per_byte(5 * np.log(1 / 8), 3) == pytest.approx(5)
