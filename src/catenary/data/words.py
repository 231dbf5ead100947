"""The words of texts, as places in their bytes: what rules that count words, n-grams and stop words look at.

In a text that is mostly Chinese, Japanese or Korean the words are jieba's (`rjieba`, dictionary and HMM), for Chinese
has no spaces. In any other a word is what stands between white space, without the marks at its ends; those are words of
their own, several equal ones in a row being one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from catenary.data.characters import ASSIGNED, categories, characters
from catenary.data.codepoints import CODEPOINTS
from catenary.data.compiled import Bytes, Ints, bytes_of, compiled
from catenary.data.shingles import mostly_cjk
from catenary.data.utf8 import code_point, size_of

Mask = npt.NDArray[np.bool_]

BLANK, LETTER, DIGIT, MARK, SYMBOL = range(5)
TERMINAL = 8  # added to MARK: a sentence may end with it
CLASS = 7
PARTED = "\x1f"  # behind each word that jieba cuts; in a text it is blank
PARTS = ord(PARTED)
CUT_TOGETHER = (
    4096  # characters of short texts that jieba gets in one call; more, and its list leaves the cache
)
# What ends a sentence: the common members of Unicode's Sentence_Terminal, and what may close a quotation behind them.
TERMINALS = ".!?\"'。！？．｡…‥‼⁇⁈⁉؟۔।॥”’」』）"


@dataclass(frozen=True, slots=True)
class Words:
    """`begins`, `ends`: int64 (words,), in bytes; `firsts`: int64 (texts + 1,); `chinese`: bool (texts,)."""

    begins: Ints
    ends: Ints
    firsts: Ints
    chinese: Mask

    def listed(self, texts: pa.LargeStringArray) -> list[list[str]]:
        """The words of each text as strings."""
        data = bytes_of(texts)[0].tobytes()
        places = list(zip(self.begins.tolist(), self.ends.tolist(), strict=True))
        all_words = [data[begin:end].decode() for begin, end in places]
        bounds = self.firsts.tolist()
        return [all_words[a:b] for a, b in pairwise(bounds)]


def places_of_words(texts: Sequence[str]) -> list[list[tuple[int, int]]]:
    """Where the words of each text stand, in characters."""
    column = pa.array(texts, pa.large_string())
    found = []
    for text, told in zip(texts, words(column).listed(column), strict=True):
        at, places = 0, []
        for word in told:  # in their order; only blanks stand between them
            start = text.index(word, at)
            at = start + len(word)
            places.append((start, at))
        found.append(places)
    return found


def words(texts: pa.LargeStringArray) -> Words:
    """The words of a column without nulls."""
    data, starts = bytes_of(texts)
    chinese = mostly_cjk(data, starts)
    cut = _segmented(texts, np.flatnonzero(chinese))
    return Words(*_found(data, starts, chinese, cut, classes()), chinese)


@cache
def classes() -> npt.NDArray[np.uint8]:
    """For each code point its class, with TERMINAL added where a sentence may end."""
    every, kinds = characters(), categories()
    groups = kinds.astype("S1")  # letters, marks, numbers, punctuation …
    blank = np.fromiter(map(str.isspace, every), np.bool_, ASSIGNED) | np.isin(kinds, (b"Cc", b"Cf"))
    digit = np.fromiter(map(str.isalnum, every), np.bool_, ASSIGNED) | (groups == b"M")
    mark = groups == b"P"
    digit[ord("_")] = True
    mark[[ord(character) for character in "^~$`|+=<>"]] = True
    table = np.full(CODEPOINTS, SYMBOL, dtype=np.uint8)
    table[:ASSIGNED] = np.select(
        (blank, groups == b"L", digit, mark), (BLANK, LETTER, DIGIT, MARK), default=SYMBOL
    )
    for character in TERMINALS:
        table[ord(character)] += TERMINAL
    return table


def _segmented(texts: pa.LargeStringArray, rows: Ints) -> Bytes:
    """jieba's words of the texts at `rows`, a PARTED behind each; a line feed, as a word, behind each text."""
    import rjieba

    chosen = texts.take(pa.array(rows)).to_pylist()
    pieces: list[bytes] = []
    start = 0
    while start < len(chosen):
        end, together = start + 1, len(chosen[start])
        while end < len(chosen) and together + len(chosen[end]) < CUT_TOGETHER:
            together += len(chosen[end])
            end += 1
        whole = "\n".join((*chosen[start:end], ""))  # a line feed parts what jieba looks at together
        found = rjieba.cut(whole.replace(PARTED, " "))
        pieces.append(PARTED.join((*found, "")).encode())
        start = end
    return np.frombuffer(b"".join(pieces), np.uint8)


@compiled
def _found(
    data: Bytes, starts: Ints, chinese: Mask, cut: Bytes, table: npt.NDArray[np.uint8]
) -> tuple[Ints, Ints, Ints]:
    texts = len(starts) - 1
    most = starts[texts] - starts[0]
    begins = np.empty(most, np.int64)
    ends = np.empty(most, np.int64)
    firsts = np.zeros(texts + 1, np.int64)
    count = place = 0
    for text in range(texts):
        at, last = starts[text], starts[text + 1]
        if chinese[text]:
            while at <= last:  # the line feed behind it too, which may be one word with a carriage return
                begin = at
                blank = True
                while cut[place] != PARTS:
                    size = size_of(cut[place])
                    blank = blank and table[code_point(cut, place)] == BLANK
                    place += size
                    at += size
                place += 1
                if not blank:
                    begins[count], ends[count] = begin, at
                    count += 1
        else:
            while at < last:
                if table[code_point(data, at)] & CLASS == BLANK:
                    at += size_of(data[at])
                    continue
                core, core_end, stop = -1, -1, at
                while stop < last:
                    kind = table[code_point(data, stop)] & CLASS
                    if kind == BLANK:
                        break
                    size = size_of(data[stop])
                    if kind in (LETTER, DIGIT):
                        core = stop if core < 0 else core
                        core_end = stop + size
                    stop += size
                while at < stop:  # the marks before the core, the core, the marks behind it
                    begins[count] = at
                    if at == core:
                        at = core_end
                    else:
                        point = code_point(data, at)
                        at += size_of(data[at])
                        while at < stop and at != core and code_point(data, at) == point:
                            at += size_of(data[at])
                    ends[count] = at
                    count += 1
        firsts[text + 1] = count
    return begins[:count].copy(), ends[:count].copy(), firsts
