"""Counts of a text's lines, words and repeats, in one compiled pass: what the rules of `quality.py` judge by.

Repeats are told by 64-bit hashes: two different lines or n-grams of one text meet with a chance below 10⁻⁹.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from catenary.data.compiled import Bytes, Ints, bytes_of, compiled
from catenary.data.shingles import GOLDEN
from catenary.data.utf8 import code_point, size_of
from catenary.data.words import BLANK, CLASS, LETTER, MARK, TERMINAL, Words, classes

Words64 = npt.NDArray[np.uint64]
Table = npt.NDArray[np.uint8]

(
    CHARACTERS,
    WORDS,  # that are more than marks
    WORD_CHARACTERS,  # of these
    ALL_WORDS,  # marks too
    ALPHABETIC,  # words with a letter
    HASHES,
    ELLIPSES,
    LINES,
    BULLETS,  # lines that begin with one
    TRAILING,  # lines that end with an ellipsis
    STOP_WORDS,  # different ones
    FILLED,  # lines that are not blank
    ENDED,  # of these, with a terminal mark at their end
    SHORT,  # of these, with so few characters as was asked
    REPEATED_FILLED,  # characters of filled lines that stood there before
    FEEDS,
    RUNS,  # lines between line feeds, however many
    REPEATED_RUNS,
    REPEATED_RUN_CHARACTERS,
    PARAGRAPHS,
    REPEATED_PARAGRAPHS,
    REPEATED_PARAGRAPH_CHARACTERS,
    TOP_2,  # characters of the commonest two words in a row, all its places together
    TOP_3,
    TOP_4,
    REPEATED_5,  # characters of five words in a row that stood there before
    REPEATED_6,
    REPEATED_7,
    REPEATED_8,
    REPEATED_9,
    REPEATED_10,
    COLUMNS,
) = range(32)


@dataclass(frozen=True, slots=True)
class TextCounts:
    """`values`: int64 (texts, COLUMNS); `chinese`: bool (texts,)."""

    values: Ints
    chinese: npt.NDArray[np.bool_]

    def __getitem__(self, column: int) -> Ints:
        return self.values[:, column]

    def share(self, column: int, of: int) -> npt.NDArray[np.float64]:
        """One count over another, 0 where there is nothing to divide by."""
        below = self[of]
        return np.where(below > 0, self[column] / np.maximum(below, 1), 0.0)


def text_counts(
    texts: pa.LargeStringArray,
    words: Words,
    stop_words: tuple[frozenset[str], frozenset[str]],
    short: tuple[int, int],
    repeats: bool = True,
) -> TextCounts:
    """The counts of each text. `stop_words` and the length of `short` lines are for (other, Chinese) texts."""
    data, starts = bytes_of(texts)
    values = _counts(
        data, starts, words.begins, words.ends, words.firsts, words.chinese, _table_of(stop_words[0]),
        _table_of(stop_words[1]), np.array(short, dtype=np.int64), classes(), _kinds_of_bytes(), repeats,
    )  # fmt: skip
    return TextCounts(values, words.chinese)


@cache
def _table_of(words: frozenset[str]) -> Words64:
    """The words' hashes, each at its place in a table that is mostly empty (0)."""
    table = np.zeros(max(64, 1 << (8 * len(words)).bit_length()), dtype=np.uint64)
    for word in sorted(words):
        data = np.frombuffer(word.encode(), dtype=np.uint8)
        told = int(_hash_of_stretch(data, 0, len(data)))
        at = told % len(table)
        while table[at]:
            at = (at + 1) % len(table)
        table[at] = told
    return table


PLAIN, FEED, FULL_STOP, HASH, ELLIPSIS = range(5)


@cache
def _kinds_of_bytes() -> Bytes:
    """Which bytes `_count_lines` must look at; with ELLIPSIS begins U+2026, and others."""
    kinds = np.zeros(256, dtype=np.uint8)
    for byte, kind in ((0x0A, FEED), (0x2E, FULL_STOP), (0x23, HASH), (0xE2, ELLIPSIS)):
        kinds[byte] = kind
    return kinds


@compiled
def hash_of_bytes(data: Bytes, start: int, end: int) -> np.uint64:
    """Of a stretch of bytes (FNV-1a, and SplitMix64's finaliser)."""
    told = np.uint64(0xCBF29CE484222325)
    for at in range(start, end):
        told = (told ^ np.uint64(data[at])) * np.uint64(0x100000001B3)
    told = (told ^ (told >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    return told ^ (told >> np.uint64(27))


@compiled
def _place(key: np.uint64, keys: Words64, marks: Ints, mark: int, mask: int) -> int:
    """Where `key` stands in the table of this `mark`, or the empty place for it."""
    at = int(np.int64(key & np.uint64(mask)))
    while marks[at] == mark and keys[at] != key:
        at = (at + 1) & mask
    return at


@compiled
def _eight(data: Bytes, at: int) -> np.uint64:
    told = np.uint64(0)
    for byte in range(8):
        told |= np.uint64(data[at + byte]) << np.uint64(8 * byte)
    return told


@compiled
def _hash_of_stretch(data: Bytes, start: int, end: int) -> np.uint64:
    """Of a stretch of bytes, eight of them at a time, the last eight perhaps in part again."""
    told = (np.uint64(0xCBF29CE484222325) ^ np.uint64(end - start)) * GOLDEN
    at = start
    while at + 8 <= end:
        told = (told ^ _eight(data, at)) * GOLDEN
        told ^= told >> np.uint64(32)
        at += 8
    if at < end:
        left = np.uint64(0)
        if end - start >= 8:
            left = _eight(data, end - 8)
        else:
            for place in range(at, end):
                left = left << np.uint64(8) | np.uint64(data[place])
        told = (told ^ left) * GOLDEN
        told ^= told >> np.uint64(32)
    told *= np.uint64(0xBF58476D1CE4E5B9)
    return told ^ (told >> np.uint64(29))


@compiled
def _counts(
    data: Bytes,
    starts: Ints,
    begins: Ints,
    ends: Ints,
    firsts: Ints,
    chinese: npt.NDArray[np.bool_],
    stop_words: Words64,
    chinese_stop_words: Words64,
    short: Ints,
    table: Table,
    kinds: Bytes,
    repeats: bool,
) -> Ints:
    texts = len(starts) - 1
    found = np.zeros((texts, COLUMNS), np.int64)
    most = 16
    for text in range(texts):
        feeds = 0
        for at in range(starts[text], starts[text + 1]):
            feeds += data[at] == 0x0A
        most = max(most, firsts[text + 1] - firsts[text], 2 * feeds + 4)
    room = 64
    while room < 2 * most + 3:  # what `_count_repeats` takes of a text with so many words
        room *= 2
    keys = np.zeros(room, np.uint64)
    marks = np.zeros(room, np.int64)
    numbers = np.zeros(room, np.int64)
    hashes = np.empty(most, np.uint64)
    sizes = np.empty(most, np.int64)
    grams = np.empty(most, np.uint64)
    places = np.empty(most, np.int64)
    times = np.empty(most, np.int64)
    which = np.empty(most, np.int64)
    mark = 0
    for text in range(texts):
        start, end = starts[text], starts[text + 1]
        row = found[text]
        limit = short[1] if chinese[text] else short[0]
        mark += 1
        _count_lines(data, start, end, limit, table, kinds, keys, marks, mark, row)
        first, last = firsts[text], firsts[text + 1]
        mark += 1
        _count_words(
            data, begins[first:last], ends[first:last], chinese_stop_words if chinese[text] else stop_words,
            table, hashes, sizes, keys, marks, mark, row,
        )  # fmt: skip
        if repeats:
            mark = _count_repeats(
                hashes, sizes, last - first, grams, places, times, which, keys, marks, numbers, mark, row
            )
    return found


@compiled
def _count_lines(
    data: Bytes,
    start: int,
    end: int,
    limit: int,
    table: Table,
    kinds: Bytes,
    keys: Words64,
    marks: Ints,
    mark: int,
    row: Ints,
) -> None:
    """Lines, runs of lines and paragraphs; uses the mark `mark`."""
    mask = 63
    feeds = 0
    for at in range(start, end):
        feeds += data[at] == 0x0A
    while mask < 4 * feeds + 8:
        mask = 2 * mask + 1
    row[FEEDS] = feeds
    hashes = ellipses = 0
    # Paragraphs are of the stripped text, cut at two line feeds or more.
    first, after = start, end
    while first < end and data[first] <= 0x20:
        first += 1
    while after > first and data[after - 1] <= 0x20:
        after -= 1
    paragraph, paragraph_characters = np.uint64(0), -1  # without its last line feed
    at = start
    while at <= end and start < end:
        line = at
        continued = dots = 0
        dot = -1  # where the last full stop ended
        while at < end:
            byte = data[at]
            kind = kinds[byte]
            if kind == PLAIN:
                continued += byte & 0xC0 == 0x80
            elif kind == FEED:
                break
            elif kind == FULL_STOP:
                dots = dots + 1 if dot == at else 1
                dot = at + 1
                if dots == 3:
                    ellipses += 1
                    dots = 0
            elif kind == HASH:
                hashes += 1
            else:
                ellipses += data[at + 1] == 0x80 and data[at + 2] == 0xA6
            at += 1
        characters = at - line - continued
        begin, stop = _inked(data, line, at, table)
        row[CHARACTERS] += characters
        last = at >= end
        opening = closing = -1
        if begin < stop:
            opening = code_point(data, begin)
            closing = code_point(data, _last_of(data, stop))
        if not (last and line == end):  # as str.splitlines counts
            row[LINES] += 1
            row[BULLETS] += opening == 0x2022 or opening == 0x2D
            row[TRAILING] += closing == 0x2026 or (closing == 0x2E and _three_dots(data, begin, stop, table))
        key = _hash_of_stretch(data, line, at)
        if begin < stop:
            row[FILLED] += 1
            row[ENDED] += stop == at and (table[closing] & TERMINAL) != 0
            row[SHORT] += characters <= limit
            place = _place(key, keys, marks, mark, mask)
            if marks[place] == mark:
                row[REPEATED_FILLED] += characters
            else:
                keys[place], marks[place] = key, mark
        # Runs: cut at one line feed or more, so that an empty line is one only at the text's edges.
        if characters or line == start or last:
            row[RUNS] += 1
            place = _place(key + GOLDEN, keys, marks, mark, mask)
            if marks[place] == mark:
                row[REPEATED_RUNS] += 1
                row[REPEATED_RUN_CHARACTERS] += characters
            else:
                keys[place], marks[place] = key + GOLDEN, mark
        if not last:
            row[CHARACTERS] += 1
        told_start, told_end = max(line, first), min(at, after)
        if told_start < told_end:
            if told_start > line or told_end < at:
                characters -= at - line - (told_end - told_start)
                key = _hash_of_stretch(data, told_start, told_end)
            paragraph = (paragraph ^ key) * GOLDEN
            paragraph ^= paragraph >> np.uint64(29)
            paragraph_characters += characters + 1
        if paragraph_characters >= 0 and (at == line or at >= after):
            row[PARAGRAPHS] += 1
            paragraph ^= GOLDEN
            place = _place(paragraph, keys, marks, mark, mask)
            if marks[place] == mark:
                row[REPEATED_PARAGRAPHS] += 1
                row[REPEATED_PARAGRAPH_CHARACTERS] += paragraph_characters
            else:
                keys[place], marks[place] = paragraph, mark
            paragraph, paragraph_characters = np.uint64(0), -1
        at += 1
    row[HASHES], row[ELLIPSES] = hashes, ellipses


@compiled
def _inked(data: Bytes, start: int, end: int, table: Table) -> tuple[int, int]:
    """What is left of a line without the blanks at its ends."""
    while start < end and table[code_point(data, start)] & CLASS == BLANK:
        start += size_of(data[start])
    while start < end:
        at = _last_of(data, end)
        if table[code_point(data, at)] & CLASS != BLANK:
            break
        end = at
    return start, end


@compiled
def _last_of(data: Bytes, end: int) -> int:
    """Where the character begins that ends before `end`."""
    end -= 1
    while data[end] & 0xC0 == 0x80:
        end -= 1
    return end


@compiled
def _three_dots(data: Bytes, start: int, end: int, table: Table) -> bool:
    """Whether a line ends with three full stops, blanks between them or not."""
    dots = 0
    while end > start:
        end = _last_of(data, end)
        point = code_point(data, end)
        if point == 0x2E:
            dots += 1
            if dots == 3:
                return True
        elif table[point] & CLASS != BLANK:
            return False
    return False


@compiled
def _count_words(
    data: Bytes,
    begins: Ints,
    ends: Ints,
    stop_words: Words64,
    table: Table,
    hashes: Words64,
    sizes: Ints,
    keys: Words64,
    marks: Ints,
    mark: int,
    row: Ints,
) -> None:
    """Words, and fills `hashes` and `sizes` (characters) of each."""
    mask = len(keys) - 1
    stops = len(stop_words) - 1
    alphabetic = words = word_characters = 0
    for word in range(len(begins)):
        at, end = begins[word], ends[word]
        told = _hash_of_stretch(data, at, end)
        size = 0
        letter = plain = False
        while at < end and not letter:
            kind = table[code_point(data, at)] & CLASS
            letter = kind == LETTER
            plain = plain or kind != MARK
            size += 1
            at += size_of(data[at])
        for place in range(at, end):
            size += data[place] & 0xC0 != 0x80
        hashes[word], sizes[word] = told, size
        alphabetic += letter
        if plain:
            words += 1
            word_characters += size
        at = int(np.int64(told & np.uint64(stops)))
        while stop_words[at]:
            if stop_words[at] == told:
                place = _place(told, keys, marks, mark, mask)
                if marks[place] != mark:
                    keys[place], marks[place] = told, mark
                    row[STOP_WORDS] += 1
                break
            at = (at + 1) & stops
    row[ALL_WORDS], row[ALPHABETIC] = len(begins), alphabetic
    row[WORDS], row[WORD_CHARACTERS] = words, word_characters


@compiled
def _count_repeats(
    hashes: Words64,
    sizes: Ints,
    count: int,
    grams: Words64,
    places: Ints,
    times: Ints,
    which: Ints,
    keys: Words64,
    marks: Ints,
    numbers: Ints,
    mark: int,
    row: Ints,
) -> int:
    """Repeated n-grams; the last mark used.

    An n-gram can only stand there twice where its first n − 1 words do: `places` are these, fewer for each n, and the
    others need not be looked at. `grams` are their hashes, `which` their numbers among the different ones, `times` how
    often each of these stands there.
    """
    mask = 63
    while mask < 2 * count + 2:
        mask = 2 * mask + 1
    held = count
    for at in range(count):
        grams[at], places[at] = hashes[at], at
    for n in range(2, 11):
        while held and places[held - 1] + n > count:
            held -= 1
        if count < n:
            break
        mark += 1
        different = 0
        for at in range(held):
            told = grams[at] * GOLDEN + hashes[places[at] + n - 1]
            told ^= told >> np.uint64(29)
            grams[at] = told
            place = _place(told, keys, marks, mark, mask)
            if marks[place] != mark:
                keys[place], marks[place], numbers[place] = told, mark, different
                times[different] = 0
                different += 1
            times[numbers[place]] += 1
            which[at] = numbers[place]
        if n <= 4:
            row[TOP_2 + n - 2] = _commonest(sizes, n, held, places, times, which)
        kept = 0
        for at in range(held):
            if times[which[at]] > 1:
                grams[kept], places[kept], which[kept] = grams[at], places[at], which[at]
                kept += 1
        held = kept
        if n >= 5:
            row[REPEATED_5 + n - 5] = _repeated(sizes, n, held, places, times, which)
            if not held:  # then nothing longer can stand there twice
                break
    return mark


@compiled
def _commonest(sizes: Ints, n: int, held: int, places: Ints, times: Ints, which: Ints) -> int:
    """Characters of the commonest n words in a row, the first of equally common ones, all its places together."""
    best, most = 0, 1
    for at in range(held):
        if times[which[at]] > most:
            best, most = places[at], times[which[at]]
    characters = n - 1
    for word in range(best, best + n):
        characters += sizes[word]
    return characters * most


@compiled
def _repeated(sizes: Ints, n: int, held: int, places: Ints, times: Ints, which: Ints) -> int:
    """Characters of n words in a row that stood there before, none counted twice; empties `times`."""
    found = 0
    free = 0  # the first word that is not counted yet
    for at in range(held):
        if places[at] < free:
            continue
        if times[which[at]] == 0:  # seen
            for word in range(places[at], places[at] + n):
                found += sizes[word]
            free = places[at] + n
        else:
            times[which[at]] = 0
    return found
