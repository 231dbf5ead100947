"""Two stretches of text in a row, and whether the second follows the first: BERT's and ALBERT's other question.

next sentence (Devlin et al. 2019, §3.1, task 2): in half of the rows the second comes from another document.
sentence order (Lan et al. 2020, ALBERT, §3.1): in half of them the two have changed places, so that topic does not
answer it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from catenary.data.sentences import sentences
from catenary.tokenizer import Tokenizer
from catenary.train.batches import IGNORED, TokenRows
from catenary.train.seeds import CHOICE, seed_at
from catenary.train.whole_words import Tokens, tokens_with_words

FOLLOWS, DOES_NOT = 0, 1  # as `transformers` numbers them
Question = Literal["none", "next", "order"]


@dataclass(frozen=True)
class MarkedRows:
    """Rows as `Batches` takes them: `marks` say where words begin, `seconds` where the second stretch does."""

    rows: TokenRows
    marks: TokenRows
    labels: np.ndarray | None = None
    seconds: list[int] | None = None


def marked_rows(
    tokenizer: Tokenizer,
    frame: tuple[list[int], list[int]],
    texts: Sequence[str],
    max_tokens: int,
    *,
    whole_words: bool,
    question: Question,
    seed: int,
) -> MarkedRows:
    """Rows of at most `max_tokens` tokens, special ones (`frame`) included; with a `question`, of two stretches each.

    A text is cut into sentences, which fill up rows in their order; a row of several is cut in two between two of them.
    One that is a single sentence asks nothing: its label is IGNORED.
    """
    if question == "none":
        pieces = _pieces(tokens_with_words(tokenizer, texts, whole_words=whole_words), max_tokens, frame)
        return MarkedRows(*_rows(pieces))
    cut = [sentences(text) for text in texts]
    flat = [sentence for several in cut for sentence in several]
    tokens = iter(tokens_with_words(tokenizer, flat, whole_words=whole_words))
    of_text = [[next(tokens) for _ in several] for several in cut]
    room = max_tokens - len(frame[0]) - 2 * len(frame[1])
    chance = np.random.default_rng(seed_at(seed, CHOICE, 2))
    stretches = [
        (number, chunk) for number, several in enumerate(of_text) for chunk in _chunks(several, room)
    ]
    made, labels, seconds = [], [], []
    for number, chunk in stretches:
        label, first = IGNORED, _joined(chunk)
        second: Tokens = ([], [])
        if len(chunk) > 1:
            at = int(chance.integers(1, len(chunk)))
            first, second = _joined(chunk[:at]), _joined(chunk[at:])
            label = int(chance.random() < 0.5)
            if label == DOES_NOT and question == "order":
                first, second = second, first
            elif label == DOES_NOT:
                second = _elsewhere(stretches, number, len(second[0]), chance)
        row, begins = _framed(first, second, frame)
        made.append((number, row))
        labels.append(label)
        seconds.append(begins)
    return MarkedRows(*_rows(made), np.array(labels, np.int64), seconds)


def _chunks(tokens: Sequence[Tokens], room: int) -> list[list[Tokens]]:
    """Sentences in a row that there is room for; a longer one is cut."""
    chunks: list[list[Tokens]] = []
    held = 0
    for ids, marks in tokens:
        for start in range(0, len(ids), room):
            part = ids[start : start + room], marks[start : start + room]
            if not chunks or held + len(part[0]) > room:
                chunks.append([])
                held = 0
            chunks[-1].append(part)
            held += len(part[0])
    return chunks


def _elsewhere(
    stretches: Sequence[tuple[int, list[Tokens]]], number: int, length: int, chance: np.random.Generator
) -> Tokens:
    """The beginning of a stretch of another document, at most so long; of the same one where there is no other."""
    for _ in range(10):
        other, chunk = stretches[int(chance.integers(0, len(stretches)))]
        if other != number:
            break
    ids, marks = _joined(chunk)
    return ids[:length], marks[:length]


def _joined(parts: Sequence[Tokens]) -> Tokens:
    return [i for ids, _ in parts for i in ids], [mark for _, marks in parts for mark in marks]


def _framed(first: Tokens, second: Tokens, frame: tuple[list[int], list[int]]) -> tuple[Tokens, int]:
    """Both stretches with special tokens around them, and where the second begins; the row's end where it is empty."""
    before, after = frame
    ids = [*before, *first[0], *after]
    marks = [*[1] * len(before), *first[1], *[1] * len(after)]
    begins = len(ids)
    if second[0]:
        ids += [*second[0], *after]
        marks += [*second[1], *[1] * len(after)]
    return (ids, marks), begins


def _pieces(
    tokens: Sequence[Tokens], max_tokens: int, frame: tuple[list[int], list[int]]
) -> list[tuple[int, Tokens]]:
    """Long texts in pieces, each framed; texts without a token left out."""
    room = max_tokens - len(frame[0]) - len(frame[1])
    return [
        (number, _framed((ids[start : start + room], marks[start : start + room]), ([], []), frame)[0])
        for number, (ids, marks) in enumerate(tokens)
        for start in range(0, len(ids), room)
    ]


def _rows(made: Sequence[tuple[int, Tokens]]) -> tuple[TokenRows, TokenRows]:
    return (
        TokenRows.of([ids for _, (ids, _) in made], [number for number, _ in made]),
        TokenRows.of([marks for _, (_, marks) in made]),
    )
