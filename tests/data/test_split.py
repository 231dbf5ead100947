from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catenary.data import SplitSettings, split_of
from catenary.data.settings import parse
from catenary.data.split import splits_of
from catenary.errors import InvalidInput


@given(st.lists(st.text(), unique=True), st.integers())
def test_a_text_has_its_split_whatever_stands_beside_it(texts: list[str], seed: int) -> None:
    settings = SplitSettings(valid=0.2, test=0.3, seed=seed)
    assert splits_of(texts, settings) == [split_of(text, settings) for text in texts]


def test_shares_are_those_asked_for() -> None:
    counts = Counter(splits_of(map(str, range(20_000)), SplitSettings(valid=0.05, test=0.10, seed=17)))
    assert abs(counts["valid"] / 20_000 - 0.05) < 0.006  # four standard deviations
    assert abs(counts["test"] / 20_000 - 0.10) < 0.009


def test_a_larger_share_takes_more_and_gives_nothing_back() -> None:
    texts = [str(number) for number in range(2000)]
    small = splits_of(texts, SplitSettings(test=0.1))
    large = splits_of(texts, SplitSettings(test=0.2))
    assert all(after == "test" for before, after in zip(small, large, strict=True) if before == "test")


def test_the_seed_changes_the_split() -> None:
    texts = [str(number) for number in range(200)]
    assert splits_of(texts, SplitSettings(test=0.5, seed=1)) != splits_of(
        texts, SplitSettings(test=0.5, seed=2)
    )


@pytest.mark.parametrize("raw", [{"valid": 0.5, "test": 0.5}, {"valid": -0.1}, {"test": 1.0}, {"tset": 0.1}])
def test_shares_that_cannot_be(raw: dict[str, float]) -> None:
    with pytest.raises(InvalidInput):
        parse(SplitSettings, raw, "split")
