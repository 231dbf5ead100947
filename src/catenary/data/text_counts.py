"""Counts of a text's lines, words and repeats, in one compiled pass: what the rules of `quality.py` judge by.

Repeats are told by 64-bit hashes: two different lines or n-grams of one text meet with a chance below 10⁻⁹.
"""

from __future__ import annotations

from dataclasses import dataclass

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
    known = [
        np.sort(np.array([_hash_of(word) for word in sorted(one)], dtype=np.uint64)) for one in stop_words
    ]
    values = _counts(
        data, starts, words.begins, words.ends, words.firsts, words.chinese, known[0], known[1],
        np.array(short, dtype=np.int64), classes(), repeats,
    )  # fmt: skip
    return TextCounts(values, words.chinese)


def _hash_of(word: str) -> int:
    data = np.frombuffer(word.encode(), dtype=np.uint8)
    return int(hash_of_bytes(data, 0, len(data)))


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
    repeats: bool,
) -> Ints:
    texts = len(starts) - 1
    found = np.zeros((texts, COLUMNS), np.int64)
    most = 16
    most_words = 0
    for text in range(texts):
        most = max(most, firsts[text + 1] - firsts[text], starts[text + 1] - starts[text] >> 4)
        most_words = max(most_words, firsts[text + 1] - firsts[text])
    room = 64
    while room < 2 * most + 2:
        room *= 2
    lines = 0
    for text in range(texts):
        count = 0
        for at in range(starts[text], starts[text + 1]):
            count += data[at] == 0x0A
        lines = max(lines, count + 2)
    while room < 2 * lines + 2:
        room *= 2
    keys = np.zeros(room, np.uint64)
    marks = np.zeros(room, np.int64)
    numbers = np.zeros(room, np.int64)
    hashes = np.empty(most_words, np.uint64)
    sizes = np.empty(most_words, np.int64)
    grams = np.empty(most_words, np.uint64)
    times = np.empty(most_words, np.int64)
    lengths = np.empty(most_words, np.int64)
    mark = 0
    for text in range(texts):
        start, end = starts[text], starts[text + 1]
        row = found[text]
        limit = short[1] if chinese[text] else short[0]
        mark += 4
        _count_lines(data, start, end, limit, table, keys, marks, mark, row)
        first, last = firsts[text], firsts[text + 1]
        mark += 1
        _count_words(
            data, begins[first:last], ends[first:last], chinese_stop_words if chinese[text] else stop_words,
            table, hashes, sizes, keys, marks, mark, row,
        )  # fmt: skip
        if repeats:
            mark += 1
            mark = _count_repeats(
                hashes, sizes, last - first, grams, times, lengths, keys, marks, numbers, mark, row
            )
    return found


@compiled
def _count_lines(
    data: Bytes,
    start: int,
    end: int,
    limit: int,
    table: Table,
    keys: Words64,
    marks: Ints,
    mark: int,
    row: Ints,
) -> None:
    """Lines, runs of lines and paragraphs; uses the marks `mark - 2` to `mark`."""
    mask = 63
    feeds = 0
    for at in range(start, end):
        feeds += data[at] == 0x0A
    while mask < 2 * feeds + 4:
        mask = 2 * mask + 1
    row[FEEDS] = feeds
    at = start
    # Paragraphs are of the stripped text, cut at two line feeds or more.
    text_start, text_end = start, end
    while text_start < end and data[text_start] <= 0x20:
        text_start += 1
    while text_end > text_start and data[text_end - 1] <= 0x20:
        text_end -= 1
    paragraph, paragraph_characters = text_start, 0
    while at <= end and start < end:
        line = at
        characters = dots = 0
        begin, stop = -1, at  # of what is not blank
        opening, closing, before, third = -1, -1, -1, -1
        while at < end and data[at] != 0x0A:
            point = code_point(data, at)
            size = size_of(data[at])
            characters += 1
            if point == 0x23:
                row[HASHES] += 1
            elif point == 0x2026:
                row[ELLIPSES] += 1
            dots = dots + 1 if point == 0x2E else 0
            if dots == 3:
                row[ELLIPSES] += 1
                dots = 0
            if table[point] & CLASS != BLANK:
                if begin < 0:
                    begin, opening = at, point
                stop = at + size
                third, before, closing = before, closing, point
            at += size
        row[CHARACTERS] += characters
        last = at >= end
        if not (last and line == end):  # as str.splitlines counts
            row[LINES] += 1
            row[BULLETS] += opening == 0x2022 or opening == 0x2D
            row[TRAILING] += closing == 0x2026 or (closing == 0x2E and before == 0x2E and third == 0x2E)
        key = hash_of_bytes(data, line, at)
        if begin >= 0:
            row[FILLED] += 1
            whole = stop == at
            row[ENDED] += whole and (table[closing] & TERMINAL) != 0
            row[SHORT] += characters <= limit
            place = _place(key, keys, marks, mark, mask)
            if marks[place] == mark:
                row[REPEATED_FILLED] += characters
            else:
                keys[place], marks[place] = key, mark
        # Runs: cut at one line feed or more, so that an empty line is one only at the text's edges.
        if characters or line == start or last:
            row[RUNS] += 1
            key = key + GOLDEN
            place = _place(key, keys, marks, mark, mask)
            if marks[place] == mark:
                row[REPEATED_RUNS] += 1
                row[REPEATED_RUN_CHARACTERS] += characters
            else:
                keys[place], marks[place] = key, mark
        if not last:
            row[CHARACTERS] += 1
        at += 1
    # Paragraphs, in a walk of their own: they hold line feeds.
    at = text_start
    while at <= text_end and text_start < text_end:
        if at == text_end or (data[at] == 0x0A and at + 1 < text_end and data[at + 1] == 0x0A):
            row[PARAGRAPHS] += 1
            key = hash_of_bytes(data, paragraph, at) ^ GOLDEN
            place = _place(key, keys, marks, mark + 1, mask)
            if marks[place] == mark + 1:
                row[REPEATED_PARAGRAPHS] += 1
                row[REPEATED_PARAGRAPH_CHARACTERS] += paragraph_characters
            else:
                keys[place], marks[place] = key, mark + 1
            while at < text_end and data[at] == 0x0A:
                at += 1
            if at == text_end:
                break
            paragraph, paragraph_characters = at, 0
        else:
            paragraph_characters += (data[at] & 0xC0) != 0x80
            at += 1
    return


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
    row[ALL_WORDS] = len(begins)
    for word in range(len(begins)):
        at, end = begins[word], ends[word]
        told = np.uint64(0xCBF29CE484222325)
        size = 0
        letter = plain = False
        while at < end:
            kind = table[code_point(data, at)] & CLASS
            letter = letter or kind == LETTER
            plain = plain or kind != MARK
            size += 1
            for _ in range(size_of(data[at])):
                told = (told ^ np.uint64(data[at])) * np.uint64(0x100000001B3)
                at += 1
        told = (told ^ (told >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        told = told ^ (told >> np.uint64(27))
        hashes[word], sizes[word] = told, size
        row[ALPHABETIC] += letter
        if plain:
            row[WORDS] += 1
            row[WORD_CHARACTERS] += size
        if len(stop_words):
            at = np.searchsorted(stop_words, told)
            if at < len(stop_words) and stop_words[at] == told:
                place = _place(told, keys, marks, mark, mask)
                if marks[place] != mark:
                    keys[place], marks[place] = told, mark
                    row[STOP_WORDS] += 1


@compiled
def _count_repeats(
    hashes: Words64,
    sizes: Ints,
    count: int,
    grams: Words64,
    times: Ints,
    lengths: Ints,
    keys: Words64,
    marks: Ints,
    numbers: Ints,
    mark: int,
    row: Ints,
) -> int:
    """Repeated n-grams; the last mark used."""
    mask = 63
    while mask < 2 * count + 2:
        mask = 2 * mask + 1
    for at in range(count):
        grams[at] = hashes[at]
    for n in range(2, 11):
        whole = count - n + 1
        if whole <= 0:
            break
        for at in range(whole):
            told = grams[at] * GOLDEN + hashes[at + n - 1]
            grams[at] = told ^ (told >> np.uint64(29))
        mark += 1
        if n <= 4:
            different = 0
            for at in range(whole):
                place = _place(grams[at], keys, marks, mark, mask)
                if marks[place] == mark:
                    times[numbers[place]] += 1
                else:
                    keys[place], marks[place], numbers[place] = grams[at], mark, different
                    times[different], lengths[different] = 1, at
                    different += 1
            best = 0
            for number in range(1, different):
                if times[number] > times[best]:
                    best = number
            characters = n - 1
            for word in range(lengths[best], lengths[best] + n):
                characters += sizes[word]
            row[TOP_2 + n - 2] = characters * times[best]
        else:
            repeated = 0
            at = 0
            while at < whole:
                place = _place(grams[at], keys, marks, mark, mask)
                if marks[place] == mark:
                    for word in range(at, at + n):
                        repeated += sizes[word]
                    at += n
                else:
                    keys[place], marks[place] = grams[at], mark
                    at += 1
            row[REPEATED_5 + n - 5] = repeated
            if repeated == 0:  # then nothing longer can stand there twice
                break
    return mark
