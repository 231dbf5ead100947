"""Normalising in one compiled pass over a column's UTF-8: what `normalise.py` does to most texts.

A table says for each character what becomes of it. Where that hangs on its neighbours (marks that combine, Hangul's
letters) or is several characters, the whole text is left to `normalise.py`, which gives it Unicode's own treatment.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from catenary.data.compiled import Bytes, Ints, bytes_of, compiled
from catenary.data.utf8 import code_point, size_of

Table = npt.NDArray[np.uint32]
Mask = npt.NDArray[np.bool_]

# An entry is the character that is written, or what else is to be done, in the bits above it.
BLANK = 1 << 21  # white space
GONE = 1 << 22  # nothing is written
JOINER = 1 << 23  # kept between characters that are not ASCII
CARRIAGE = 1 << 24  # a line feed, unless one follows
HARD = 1 << 25  # not here
FEED = BLANK | 0x0A


def rewritten(texts: pa.LargeStringArray, table: Table, feeds: bool) -> tuple[pa.LargeStringArray, Mask]:
    """(the texts as `table` has them, empty for those that are left to others; which these are).

    Runs of white space are one space, or with `feeds` one or two line feeds where they hold so many; none at the ends.
    No character of `table` may be longer in UTF-8 than what it stands for.
    """
    data, starts = bytes_of(texts)
    out, ends, hard = _rewritten(data, starts, table, feeds)
    return pa.LargeStringArray.from_buffers(len(texts), pa.py_buffer(ends), pa.py_buffer(out)), hard


@compiled
def _rewritten(data: Bytes, starts: Ints, table: Table, feeds: bool) -> tuple[Bytes, Ints, Mask]:
    texts = len(starts) - 1
    out = np.empty(starts[texts] - starts[0], np.uint8)
    ends = np.zeros(texts + 1, np.int64)
    hard = np.zeros(texts, np.bool_)
    filled = 0
    for text in range(texts):
        start, end = starts[text], starts[text + 1]
        began = filled
        at = start
        blank, lines = False, 0  # of the white space just read
        while at < end:
            first = data[at]
            if first < 0x80:
                entry = table[first]
                size = 1
            else:
                entry = table[code_point(data, at)]
                size = size_of(first)
            after = at + size
            if entry >= BLANK:
                if entry & HARD:
                    hard[text] = True
                    break
                if entry & CARRIAGE:
                    blank = True
                    lines += not (after < end and table[code_point(data, after)] == FEED)
                    at = after
                    continue
                if entry & BLANK:
                    blank = True
                    lines += entry == FEED
                    at = after
                    continue
                if entry & GONE or not _joins(data, start, at, after, end, table):
                    at = after
                    continue
                entry &= np.uint32(0x1FFFFF)
            if blank:
                if filled > began:
                    if feeds and lines:
                        out[filled] = 0x0A
                        filled += 1
                        if lines > 1:
                            out[filled] = 0x0A
                            filled += 1
                    else:
                        out[filled] = 0x20
                        filled += 1
                blank, lines = False, 0
            if entry < 0x80:
                out[filled] = entry
                filled += 1
            else:
                filled = _write(out, filled, entry)
            at = after
        if hard[text]:
            filled = began
        ends[text + 1] = filled
    return out[:filled], ends, hard


@compiled
def _joins(data: Bytes, start: int, at: int, after: int, end: int, table: Table) -> bool:
    """Whether the joiner at `at` has no ASCII beside it; what becomes a line feed counts as such."""
    if at > start and (data[at - 1] < 0x80 or table[_before(data, at)] == FEED):
        return False
    return after >= end or (data[after] >= 0x80 and table[code_point(data, after)] != FEED)


@compiled
def _before(data: Bytes, at: int) -> int:
    """The character that ends before byte `at`."""
    at -= 1
    while data[at] & 0xC0 == 0x80:
        at -= 1
    return code_point(data, at)


@compiled
def _write(out: Bytes, at: int, point: int) -> int:
    """Write a character in UTF-8; where it ends."""
    if point < 0x80:
        out[at] = point
        return at + 1
    if point < 0x800:
        out[at] = 0xC0 | point >> 6
        at += 1
    else:
        if point < 0x10000:
            out[at] = 0xE0 | point >> 12
            at += 1
        else:
            out[at] = 0xF0 | point >> 18
            out[at + 1] = 0x80 | (point >> 12 & 0x3F)
            at += 2
        out[at] = 0x80 | (point >> 6 & 0x3F)
        at += 1
    out[at] = 0x80 | (point & 0x3F)
    return at + 1
