"""Parity: what is counted, what is told."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from catenary.compress import parity
from catenary.errors import InvalidInput
from catenary.inference import Scores


def says(probability: float) -> Scores:
    pair = {"good": probability, "bad": 1 - probability}
    return Scores(dict(sorted(pair.items(), key=lambda item: -item[1])), tokens=1, truncated=False)


def trained(texts: Sequence[str]) -> list[Scores]:
    return [says(float(text)) for text in texts]


def exported(texts: Sequence[str]) -> list[Scores]:
    return [says(max(0.0, float(text) - 0.125)) for text in texts]


def test_agreement_and_the_largest_difference() -> None:
    told = parity(trained, exported, ["1.0", "0.75", "0.5625", "0.25"])
    assert (told.agreement, told.n, told.max_difference) == (0.75, 4, 0.125)
    (one,) = told.disagreements
    assert (one.index, one.text, one.trained, one.exported) == (2, "0.5625", "good", "bad")
    assert (one.trained_probability, one.exported_probability) == (0.5625, 0.5625)


def test_the_surest_are_told_first_and_not_all() -> None:
    told = parity(trained, exported, ["0.51", "0.6", "0.55"] * 300, shown=2)
    assert told.agreement == 0
    assert [(one.index, one.text) for one in told.disagreements] == [(1, "0.6"), (4, "0.6")]


def test_no_texts_or_other_labels_are_refused() -> None:
    with pytest.raises(InvalidInput):
        parity(trained, exported, [])
    with pytest.raises(InvalidInput, match="other labels"):
        parity(trained, lambda texts: [Scores({"x": 1.0}, 1, False) for _ in texts], ["1"])
