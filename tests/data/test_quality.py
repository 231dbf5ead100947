from __future__ import annotations

import pytest

from catenary.data import curate
from catenary.errors import InvalidInput


def test_length_in_characters_and_words() -> None:
    texts = ["好", "很好看", "one two three", "one two three four five", "    "]
    done = curate(texts, [{"length": {"min_chars": 3, "max_chars": 20, "min_words": 1}}])
    assert [document.dropped for document in done.documents] == [
        "length:too_few_chars",
        None,
        None,
        "length:too_many_chars",
        "length:too_few_words",
    ]


def test_bounds_are_included() -> None:
    assert len(curate(["abc"], [{"length": {"min_chars": 3, "max_chars": 3}}]).kept) == 1


def test_a_rule_without_a_bound_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no bound"):
        curate(["a"], ["length"])
