"""The compiled counts, against the plainest Python for each, on texts full of repeats and odd white space."""

from __future__ import annotations

import random
import re
from collections import Counter

import pyarrow as pa

from catenary.data import text_counts as of
from catenary.data.text_counts import text_counts
from catenary.data.words import words

PIECES = [
    "a",
    "b",
    "x\x00",
    "is",
    "the",
    " ",
    " ",
    " ",
    "\n",
    "\n",
    "\n\n",
    ".",
    "...",
    "…",
    "#",
    "-",
    " \t",
    "悬",
    "é",
    "\u3000",
]


def expected(text: str, tokens: list[str]) -> dict[int, int]:
    """What stands in these columns."""
    found = {of.FEEDS: text.count("\n"), of.ALL_WORDS: len(tokens), of.CHARACTERS: len(text)}
    for number, again, characters, pieces in (
        (
            of.PARAGRAPHS,
            of.REPEATED_PARAGRAPHS,
            of.REPEATED_PARAGRAPH_CHARACTERS,
            re.split("\n{2,}", stripped(text)),
        ),
        (of.RUNS, of.REPEATED_RUNS, of.REPEATED_RUN_CHARACTERS, re.split("\n+", text)),
    ):
        repeated = [piece for at, piece in enumerate(pieces) if piece in pieces[:at]]
        found |= {number: len(pieces), again: len(repeated), characters: sum(map(len, repeated))}
    for n in (2, 3, 4):
        grams = Counter(tuple(tokens[at : at + n]) for at in range(len(tokens) - n + 1))
        [(best, times)] = grams.most_common(1) or [((), 0)]
        found[of.TOP_2 + n - 2] = len(" ".join(best)) * times
    for n in range(5, 11):
        seen: set[tuple[str, ...]] = set()
        at = characters = 0
        while at < len(tokens) - n + 1:
            gram = tuple(tokens[at : at + n])
            if gram in seen:
                characters += len("".join(gram))
                at += n
            else:
                seen.add(gram)
                at += 1
        found[of.REPEATED_5 + n - 5] = characters
    return found


def stripped(text: str) -> str:
    return text.strip("".join(map(chr, range(0x21))))


def test_counts_are_those_of_the_plainest_code() -> None:
    r = random.Random(4)
    texts = ["".join(r.choices(PIECES, k=r.randrange(1, 120))) for _ in range(600)]
    texts = [text for text in texts if stripped(text)]
    column = pa.array(texts, pa.large_string())
    found = words(column)
    counts = text_counts(column, found, (frozenset(("is", "the")), frozenset(("的",))), (30, 12))
    for row, (text, tokens) in enumerate(zip(texts, found.listed(column), strict=True)):
        for at, value in expected(text, tokens).items():
            assert counts.values[row, at] == value, (text, at)
        known = {"的"} if found.chinese[row] else {"is", "the"}
        assert counts.values[row, of.STOP_WORDS] == len(known & set(tokens)), text


def test_tables_hold_any_number_of_words() -> None:
    """One less than a power of two was once too many for them."""
    for power in range(3, 16):
        for count in (2**power - 2, 2**power - 1, 2**power):
            column = pa.array([" ".join(f"word{at}" for at in range(count))], pa.large_string())
            counts = text_counts(column, words(column), (frozenset(), frozenset()), (0, 0))
            assert counts[of.ALL_WORDS].tolist() == [count]
            assert counts[of.REPEATED_5].tolist() == [0]
