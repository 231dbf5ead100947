"""Keywords: texts that hold words of declared lists are dropped, masked or counted.

    - keywords: {lists: [abuse, gambling], words: {ours: [内部资料, "top secret"]}, do: drop}

All words of all lists are sought in one walk over the text (A. Aho, M. Corasick 1975). A word of Latin letters must
stand alone; a Chinese one may stand anywhere. Case does not matter. The shipped lists are seeds, short on purpose:
words with an innocent meaning are left out, and a team declares its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa

from catenary.data.batches import kept_rows, texts_at, with_dropped, with_texts
from catenary.data.keyword_lists import LISTS
from catenary.data.step_settings import KeywordsSettings

Hit = tuple[str, int, int]  # list, start, end


def keywords(batch: pa.RecordBatch, settings: KeywordsSettings, notes: Counter[str]) -> pa.RecordBatch:
    """Drops `keywords:<list>` or masks; notes `found.<list>`: in how many texts."""
    rows = kept_rows(batch)
    automaton = _automaton(_declared(settings))
    dropped: list[int] = []
    reasons: list[str] = []
    masked: list[int] = []
    new: list[str] = []
    for row, text in zip(rows.tolist(), texts_at(batch, rows).to_pylist(), strict=True):
        found = hits(text, automaton)
        if not found:
            continue
        for name in {name for name, _, _ in found}:
            notes[f"found.{name}"] += 1
        if settings.do == "drop" and len(found) >= settings.at_least:
            dropped.append(row)
            reasons.append(f"keywords:{found[0][0]}")
        elif settings.do == "mask":
            masked.append(row)
            characters = list(text)
            for _, start, end in found:
                characters[start:end] = "*" * (end - start)
            new.append("".join(characters))
    batch = with_texts(batch, np.array(masked, dtype=np.int64), pa.array(new, pa.large_string()))
    return with_dropped(batch, np.array(dropped, dtype=np.int64), reasons)


def hits(text: str, automaton: Any) -> list[Hit]:
    """The keywords in a text, in the order of their ends."""
    lowered = text.lower()
    if len(lowered) != len(text):  # a few capitals have a lower form of two characters: İ
        lowered = "".join(one.lower()[:1] for one in text)
    found: list[Hit] = []
    for end, (name, word) in automaton.iter(lowered):
        start = end + 1 - len(word)
        if word[0].isascii() and _is_letter(lowered, start - 1):
            continue
        if word[-1].isascii() and _is_letter(lowered, end + 1):
            continue
        found.append((name, start, end + 1))
    return found


def automaton(words: Mapping[str, Sequence[str]]) -> Any:
    """What `hits` looks for the words of these lists with."""
    return _automaton(tuple((name, tuple(of)) for name, of in sorted(words.items())))


def _is_letter(text: str, at: int) -> bool:
    return 0 <= at < len(text) and text[at].isascii() and text[at].isalnum()


def _declared(settings: KeywordsSettings) -> tuple[tuple[str, tuple[str, ...]], ...]:
    shipped = [(name, LISTS[name]) for name in settings.lists]
    return (*shipped, *sorted(settings.words.items()))


@lru_cache(maxsize=8)
def _automaton(lists: tuple[tuple[str, tuple[str, ...]], ...]) -> Any:
    import ahocorasick

    automaton = ahocorasick.Automaton()
    for name, words in lists:
        for word in words:
            automaton.add_word(word.lower(), (name, word.lower()))
    automaton.make_automaton()
    return automaton
