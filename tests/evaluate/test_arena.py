"""Ranks are those of the maximum likelihood, with intervals; agreement is Krippendorff's."""

from __future__ import annotations

import math

import numpy as np
import pytest

from catenary.errors import InvalidInput
from catenary.evaluate.arena import SCALE, Vote, agreement, bradley_terry, shown_first


def played(strengths: dict[str, float], questions: int, seed: int) -> list[Vote]:
    draw, names = np.random.default_rng(seed), list(strengths)
    votes = []
    for question in range(questions):
        a, b = draw.choice(names, 2, replace=False)
        chance = strengths[a] / (strengths[a] + strengths[b])
        votes.append(Vote(f"q{question}", str(a), str(b), str(a if draw.random() < chance else b)))
    return votes


def test_strengths_are_recovered_within_their_intervals() -> None:
    true = {"strong": 4.0, "middle": 1.0, "weak": 0.25}
    ranks = bradley_terry(played(true, 1500, 3), resamples=200)
    assert [rank.model for rank in ranks] == ["strong", "middle", "weak"]
    for rank in ranks:
        assert rank.strength.low < SCALE * math.log(true[rank.model]) < rank.strength.high
    assert sum(rank.wins for rank in ranks) == 1500


def test_two_models_have_the_strength_of_their_odds() -> None:
    votes = [Vote(f"q{n}", "a", "b", "a" if n < 300 else "b") for n in range(400)]
    first, second = bradley_terry(votes, resamples=50)
    assert first.strength.value - second.strength.value == pytest.approx(SCALE * math.log(3), rel=0.02)


def test_equal_models_are_not_ranked_apart_and_one_that_never_lost_is_finite() -> None:
    ties = [Vote(f"q{n}", "a", "b", "tie") for n in range(30)]
    assert all(rank.strength.value == pytest.approx(0) for rank in bradley_terry(ties, resamples=20))
    assert math.isfinite(bradley_terry([Vote("q", "a", "b", "a")], resamples=20)[0].strength.value)
    with pytest.raises(InvalidInput):
        bradley_terry([])
    with pytest.raises(InvalidInput):
        bradley_terry([Vote("q", "a", "b", "c")])


def test_agreement_is_one_when_all_agree_and_near_nought_by_chance() -> None:
    same = [Vote(f"q{n}", "a", "b", "ab"[n % 2], rater) for n in range(40) for rater in "xy"]
    assert agreement(same) == 1
    draw = np.random.default_rng(1)
    chance = [Vote(f"q{n}", "a", "b", str(draw.choice(["a", "b"])), r) for n in range(2000) for r in "xyz"]
    assert abs(agreement(chance)) < 0.05
    # Krippendorff (2011), "Computing Krippendorff's alpha", example A: binary, two observers, ten units: 0.095
    one, other = "0100000000", "1110010010"
    named = {"0": "a", "1": "b"}
    votes = [
        Vote(f"q{n}", "a", "b", named[x], r)
        for r, row in (("x", one), ("y", other))
        for n, x in enumerate(row)
    ]
    assert agreement(votes) == pytest.approx(0.095, abs=5e-4)
    assert math.isnan(agreement([Vote("q", "a", "b", "a", "x")]))


def test_the_order_is_blind_even_and_the_same_again() -> None:
    firsts = [shown_first(f"q{n}", "a", "b", "rater")[0] for n in range(400)]
    assert 150 < firsts.count("a") < 250
    assert firsts[7] == shown_first("q7", "b", "a", "rater")[0]
