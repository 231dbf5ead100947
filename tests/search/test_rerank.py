"""Passages in the order of a model that read them: joined with the order before, and no further than it read."""

from __future__ import annotations

from dataclasses import replace

from catenary.search import Found, Passage
from catenary.search.rerank import joined, passage_text, reranked

PASSAGE = Passage(0, "d", "s", "f.md", 1, "MIT", 0, 4, ("Top", "Tea"), "text")
FOUND = [Found(replace(PASSAGE, number=at), 1.0 - at / 10, 1.0, 1.0, None) for at in range(4)]


def test_what_the_model_and_the_order_before_agree_on_comes_first() -> None:
    assert joined([0.9, 0.8, 0.7]) == [0, 1, 2]
    assert joined([0.1, 0.9, 0.8]) == [1, 0, 2]
    assert joined([0.5, 0.5, 0.5]) == [0, 1, 2]
    assert joined([]) == []


def test_what_was_not_read_stays_behind_and_what_was_says_how_relevant() -> None:
    told = reranked(FOUND, [0.1, 0.2, 0.9])
    assert [one.passage.number for one in told] == [0, 2, 1, 3]
    assert [one.relevance for one in told] == [0.1, 0.9, 0.2, None]
    assert reranked([], []) == []


def test_the_model_reads_the_heading_too() -> None:
    assert passage_text(FOUND[0]) == "Tea\ntext"
