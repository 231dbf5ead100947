"""The sentences of passages that answer a question, word for word: answers that need no model and cannot be made up.

A sentence is worth the share of the question that it speaks of (each word by how rare it is), or how near it comes in
meaning where a model makes vectors; a little more where it stands in a better passage. What
stands behind it in its paragraph comes along as long as there is little, and what stands behind a colon.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from catenary.data.sentences import sentence_spans
from catenary.search.chunk import columns
from catenary.search.index import Found, Passage
from catenary.search.terms import question_terms, terms

Span = tuple[int, int]
PASSAGES_READ = 5
BY_RANK = 0.25  # of the best passage over the worst
WIDEST = 500  # columns of a quote
ENOUGH = 180  # a quote of fewer columns takes the sentences behind it along: answers often stand there
ADDS = 0.15  # of the question, that a further quote must speak of and no earlier one does


@dataclass(frozen=True, slots=True)
class Quote:
    """Characters `start` to `end` of a document, in this passage; `worth` between 0 and about 1."""

    passage: Passage
    start: int
    end: int
    worth: float

    @property
    def text(self) -> str:
        at = self.passage.start
        return self.passage.text[self.start - at : self.end - at]


@dataclass(frozen=True, slots=True)
class _Sentence:
    quote: Quote
    speaks_of: frozenset[str]


def sentences_of(found: Sequence[Found]) -> list[tuple[int, Span, str]]:
    """(which passage, where in it, the words) of the sentences of the best passages."""
    return [
        (number, (start, end), one.passage.text[start:end])
        for number, one in enumerate(found[:PASSAGES_READ])
        for start, end in sentence_spans(one.passage.text)
    ]


def quotes(
    question: str,
    found: Sequence[Found],
    rarity: Callable[[str], float],
    *,
    most: int = 3,
    nearness: np.ndarray | None = None,
) -> list[Quote]:
    """The best quotes, in the order of their worth; none where no sentence speaks of the question.

    `nearness`: of each of `sentences_of(found)` to the question, where vectors tell it.
    """
    asked = question_terms(question)
    weight = {term: rarity(term) for term in asked}
    total = sum(weight.values()) or 1.0
    rated = []
    for at, (number, span, text) in enumerate(sentences_of(found)):
        passage = found[number].passage
        speaks_of = frozenset(weight).intersection(terms(text))
        below = frozenset(weight).intersection(terms(" ".join(passage.headings))) - speaks_of
        # What the headings say need not be said again: half of it counts for what stands below them.
        share = (sum(map(weight.get, speaks_of)) + sum(map(weight.get, below)) / 2) / total  # type: ignore[arg-type]
        near = 0.0 if nearness is None else float(nearness[at])
        if not speaks_of and near < 0.5:
            continue
        worth = max(share, near) + BY_RANK * (1 - number / max(len(found[:PASSAGES_READ]), 1))
        worth *= _whole(text)
        start, end = _with_neighbours(passage.text, span)
        rated.append(_Sentence(Quote(passage, passage.start + start, passage.start + end, worth), speaks_of))
    rated.sort(key=lambda one: -one.quote.worth)
    chosen: list[_Sentence] = []
    for one in rated:
        known = frozenset[str]().union(*(other.speaks_of for other in chosen))
        adds = sum(weight[term] for term in one.speaks_of - known) / total
        if chosen and (adds < ADDS or _overlap(one.quote, chosen)):
            continue
        chosen.append(one)
        if len(chosen) == most:
            break
    return [one.quote for one in chosen]


def _whole(text: str) -> float:
    """Less for what is no sentence: a line of a listing, a title."""
    ends = text.rstrip("”’\"')）]」』*").endswith((".", "!", "?", "。", "！", "？", "；", ";", ":", "："))
    return 1.0 if ends else 0.8


def _with_neighbours(text: str, span: Span) -> Span:
    start, end = span
    paragraph = text.find("\n", end)
    for following, stop in [one for one in sentence_spans(text) if one[0] >= end][:4]:
        own = text[start:end]
        goes_on = own.rstrip().endswith((":", "："))
        if not goes_on and (columns(own) >= ENOUGH or 0 <= paragraph < following):
            break
        if columns(text[start:stop]) > WIDEST:
            break
        end = stop
    return start, end


def _overlap(quote: Quote, chosen: Sequence[_Sentence]) -> bool:
    return any(
        quote.text in one.quote.text
        or one.quote.text in quote.text
        or (
            quote.passage.document == one.quote.passage.document
            and quote.start < one.quote.end
            and one.quote.start < quote.end
        )
        for one in chosen
    )
