"""Texts as sets of shingles, and those sets as MinHash signatures: what near-duplicate search compares.

A shingle is five units in a row. In a text that is mostly Chinese, Japanese or Korean a unit is a character that is
not white space; in any other, a word between white space. A text of fewer than five units is one shingle: short texts
are near only when they are equal. Shingles are held as 32-bit hashes, each text's sorted and without repeats.

MinHash: A. Broder, On the resemblance and containment of documents (1997).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from catenary.data.compiled import Bytes, Ints, bytes_of, compiled
from catenary.data.utf8 import code_point, is_blank, is_cjk, is_mark, size_of

UNITS = 5
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
SORTED_BY_DIGITS = 256  # more shingles than this are sorted a byte at a time

Words32 = npt.NDArray[np.uint32]
Words64 = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Sets:
    """`values`: uint32 (shingles,), sorted within a text; `starts`: int64 (texts + 1,)."""

    values: Words32
    starts: Ints


def shingles(texts: pa.LargeStringArray) -> Sets:
    """The shingle set of each text; empty for a text of white space only."""
    data, starts = bytes_of(texts)
    values, ends = _shingle_sets(data, starts)
    return Sets(values, ends)


def signatures(sets: Sets, rows: int, seed: int = 1) -> Words32:
    """MinHash values, uint32 (rows, texts): in each row the least of the text's shingles under one permutation.

    A permutation is x ↦ (x ⊕ a)·b mod 2³² with b odd. Texts without shingles have 0xffffffff everywhere.
    """
    random = np.random.Generator(np.random.PCG64(seed))
    flips = random.integers(0, 2**32, rows, dtype=np.uint32)
    factors = random.integers(0, 2**32, rows, dtype=np.uint32) | np.uint32(1)
    return _minima(sets.values, sets.starts, flips, factors).T.copy()


def band_keys(signature: Words32, rows_per_band: int) -> Words64:
    """One key a band, uint64 (bands, texts): texts that agree in all rows of a band have the same."""
    bands = len(signature) // rows_per_band
    keys = np.empty((bands, signature.shape[1]), dtype=np.uint64)
    for band in range(bands):
        key = np.full(signature.shape[1], band + 1, dtype=np.uint64)
        for row in signature[band * rows_per_band : (band + 1) * rows_per_band]:
            key = mix(key ^ (row.astype(np.uint64) + GOLDEN))
        keys[band] = key
    return keys


def mix(values: Words64) -> Words64:
    """A bijection of 64 bits that scatters them (SplitMix64's finaliser, G. Steele et al. 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


# ── compiled ────────────────────────────────────────────────────────────────────────────────────────────────────


@compiled
def _mixed(value: np.uint64) -> np.uint64:
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


@compiled
def _mostly_cjk(data: Bytes, start: int, end: int) -> bool:
    """Whether a text has at least one Chinese, Japanese or Korean character for three letters of other scripts."""
    cjk = letters = 0
    at = start
    while at < end:
        if data[at] < 0x80:
            letters += data[at] > 0x40
            at += 1
            continue
        point = code_point(data, at)
        at += size_of(data[at])
        if is_cjk(point):
            cjk += 1
        elif point > 0x40 and not is_blank(point) and not is_mark(point):
            letters += 1
    return cjk * 3 >= letters


@compiled
def mostly_cjk(data: Bytes, starts: Ints) -> npt.NDArray[np.bool_]:
    """Which texts are mostly Chinese, Japanese or Korean; one without letters counts as such."""
    found = np.zeros(len(starts) - 1, np.bool_)
    for text in range(len(starts) - 1):
        found[text] = _mostly_cjk(data, starts[text], starts[text + 1])
    return found


@compiled
def unit_hashes(data: Bytes, start: int, end: int, units: Words64) -> int:
    """Fills `units` with a hash for each unit of a text; how many there are."""
    count = 0
    by_character = _mostly_cjk(data, start, end)
    inside = False
    word = np.uint64(0)
    at = start
    while at < end:
        point = int(data[at])
        size = size_of(data[at])
        if size > 1:
            point = code_point(data, at)
        at += size
        if is_blank(point):
            if inside:
                units[count] = _mixed(word)
                count += 1
            inside, word = False, np.uint64(0)
        elif by_character:
            units[count] = _mixed(np.uint64(point) + GOLDEN)
            count += 1
        else:
            word = (word ^ np.uint64(point)) * np.uint64(0x100000001B3) + GOLDEN
            inside = True
    if inside:
        units[count] = _mixed(word)
        count += 1
    return count


@compiled
def _shingle_sets(data: Bytes, starts: Ints) -> tuple[Words32, Ints]:
    texts = len(starts) - 1
    longest = 0
    for text in range(texts):
        longest = max(longest, starts[text + 1] - starts[text])
    units = np.empty(longest, np.uint64)
    held = np.empty(longest, np.uint32)
    spare = np.empty(longest, np.uint32)
    found = np.empty(starts[texts] - starts[0], np.uint32)
    ends = np.zeros(texts + 1, np.int64)
    filled = 0
    for text in range(texts):
        count = unit_hashes(data, starts[text], starts[text + 1], units)
        whole = 0
        if count >= UNITS:
            whole = count - UNITS + 1
            for first in range(whole):
                told = np.uint64(0)
                for step in range(UNITS):
                    told = told * GOLDEN + units[first + step]
                held[first] = np.uint32(_mixed(told) >> np.uint64(32))
        elif count:  # one shingle of all that there is
            told = np.uint64(count)
            for unit in range(count):
                told = told * GOLDEN + units[unit]
            held[0] = np.uint32(_mixed(told) >> np.uint64(32))
            whole = 1
        _sort(held, spare, whole)
        for at in range(whole):
            if at == 0 or held[at] != held[at - 1]:
                found[filled] = held[at]
                filled += 1
        ends[text + 1] = filled
    return found[:filled].copy(), ends


@compiled
def _sort(values: Words32, spare: Words32, count: int) -> None:
    """The first `count` of `values` in order: by insertion or library for a few, by their digits for many."""
    if count < SORTED_BY_DIGITS:
        values[:count].sort()
        return
    for digit in range(4):
        shift = np.uint32(8 * digit)
        places = np.zeros(257, np.int64)
        for at in range(count):
            places[((values[at] >> shift) & np.uint32(255)) + 1] += 1
        for at in range(256):
            places[at + 1] += places[at]
        for at in range(count):
            key = (values[at] >> shift) & np.uint32(255)
            spare[places[key]] = values[at]
            places[key] += 1
        values, spare = spare, values  # after four turns they are where they were


@compiled
def _minima(values: Words32, starts: Ints, flips: Words32, factors: Words32) -> Words32:
    texts, rows = len(starts) - 1, len(flips)
    found = np.full((texts, rows), np.uint32(0xFFFFFFFF), np.uint32)
    for text in range(texts):
        least = found[text]
        for at in range(starts[text], starts[text + 1]):
            value = values[at]
            for row in range(rows):
                least[row] = min(least[row], np.uint32((value ^ flips[row]) * factors[row]))
    return found
