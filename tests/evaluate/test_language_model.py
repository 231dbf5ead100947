from __future__ import annotations

import math

import numpy as np
import pytest

from catenary.errors import InvalidInput
from catenary.evaluate import language_model
from catenary.evaluate.language_model import (
    Likelihoods,
    bits_per_byte_estimate,
    compare_likelihoods,
    language_model_report,
    perplexity_estimate,
    score,
)
from catenary.models.baselines import fit_ngram

draws = np.random.default_rng(4)
TRAINING = [
    [int(t) for t in draws.integers(0, 5, size=n).cumsum() % 8] for n in draws.integers(3, 12, size=300)
]
HELD_OUT = [
    [int(t) for t in draws.integers(0, 5, size=n).cumsum() % 8] for n in draws.integers(3, 12, size=120)
]


def test_perplexity_is_the_models_own() -> None:
    model = fit_ngram(TRAINING, order=2, vocab_size=8)
    estimate = perplexity_estimate(score(model, HELD_OUT))
    assert estimate.value == pytest.approx(model.perplexity(HELD_OUT), rel=1e-12)
    assert estimate.low < estimate.value < estimate.high
    assert estimate.n == 120


def test_bits_per_byte() -> None:
    likelihoods = Likelihoods(np.full(10, -8 * math.log(2)), np.full(10, 3), np.full(10, 4))
    estimate = bits_per_byte_estimate(likelihoods)
    assert estimate is not None
    assert (estimate.value, estimate.low, estimate.high) == pytest.approx((2, 2, 2))
    assert bits_per_byte_estimate(Likelihoods(likelihoods.log_prob, likelihoods.tokens)) is None


def test_the_better_model_has_the_lower_figure() -> None:
    sizes = [3 * len(sequence) for sequence in HELD_OUT]
    likelihoods = {
        f"{order}-gram": score(fit_ngram(TRAINING, order=order, vocab_size=8), HELD_OUT, text_bytes=sizes)
        for order in (2, 1)
    }
    report = language_model_report(likelihoods, control="1-gram")
    comparison = report.comparisons[0]
    assert (comparison.first, comparison.second, comparison.metric) == ("2-gram", "1-gram", "bits_per_byte")
    assert comparison.difference.value < 0
    assert comparison.outcome == "better"
    assert report.figures()["2-gram.perplexity"].value < report.figures()["1-gram.perplexity"].value
    without_sizes = {name: Likelihoods(found.log_prob, found.tokens) for name, found in likelihoods.items()}
    assert compare_likelihoods(without_sizes).metric == "perplexity"


def test_models_of_different_text_are_not_compared() -> None:
    a = Likelihoods(np.array([-1.0, -2.0]), np.array([1, 2]))
    b = Likelihoods(np.array([-1.0, -2.0]), np.array([2, 2]))
    with pytest.raises(InvalidInput, match="same text"):
        compare_likelihoods({"a": a, "b": b})
    with pytest.raises(InvalidInput, match="control"):
        language_model_report({"a": a}, control="c")


def test_what_is_no_log_probability_is_refused() -> None:
    class Broken:
        def log_probs(self, sequence: object) -> list[float]:
            return [math.nan]

    with pytest.raises(InvalidInput, match="no log probability"):
        score(Broken(), [[1]])
    with pytest.raises(InvalidInput, match="nothing to evaluate"):
        score(Broken(), [])
    with pytest.raises(InvalidInput, match="one size"):
        score(Broken(), [[1]], text_bytes=[1, 2])


def test_blocks_of_many_sequences_agree_with_single_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    log_prob = -draws.gamma(5, size=1500)
    likelihoods = Likelihoods(log_prob, np.full(1500, 3))
    single = perplexity_estimate(likelihoods)
    monkeypatch.setattr(language_model, "BLOCKS", 400)
    blocks = perplexity_estimate(likelihoods)
    assert blocks.value == pytest.approx(single.value)
    assert (blocks.low, blocks.high) == pytest.approx((single.low, single.high), rel=0.02)
    assert blocks.n == 1500
