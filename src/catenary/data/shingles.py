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

from catenary.data.codepoints import Codepoints, codepoints, sums

UNITS = 5
MASK32 = np.uint64(0xFFFFFFFF)
GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True)
class Sets:
    """`values`: uint32 (shingles,), sorted within a text; `starts`: int64 (texts + 1,)."""

    values: npt.NDArray[np.uint32]
    starts: npt.NDArray[np.int64]


def shingles(texts: pa.LargeStringArray) -> Sets:
    """The shingle set of each text; empty for a text of white space only."""
    points = codepoints(texts)
    blank = _blank(points.values)
    by_character = _mostly_cjk(points, blank)
    units, starts = _units(points, blank, by_character)
    hashes, owners = _shingle_hashes(units, starts)
    keys = (owners.astype(np.uint64) << np.uint64(32)) | hashes
    keys.sort()  # np.unique would hash instead, at a tenth of the speed
    keys = keys[np.concatenate(([True], keys[1:] != keys[:-1]))] if len(keys) else keys
    counts = np.bincount((keys >> np.uint64(32)).astype(np.int64), minlength=len(texts))
    return Sets((keys & MASK32).astype(np.uint32), np.concatenate(([0], np.cumsum(counts))).astype(np.int64))


def signatures(sets: Sets, rows: int, seed: int = 1) -> npt.NDArray[np.uint32]:
    """MinHash values, uint32 (rows, texts): in each row the least of the text's shingles under one permutation.

    A permutation is x ↦ (x ⊕ a)·b mod 2³² with b odd. Texts without shingles have 0xffffffff everywhere.
    """
    random = np.random.Generator(np.random.PCG64(seed))
    flips = random.integers(0, 2**32, rows, dtype=np.uint32)
    factors = random.integers(0, 2**32, rows, dtype=np.uint32) | np.uint32(1)
    texts = len(sets.starts) - 1
    found = np.full((rows, texts), 0xFFFFFFFF, dtype=np.uint32)
    filled = np.flatnonzero(np.diff(sets.starts))
    if not len(filled):
        return found
    mixed = np.empty_like(sets.values)
    for row in range(rows):
        np.bitwise_xor(sets.values, flips[row], out=mixed)
        np.multiply(mixed, factors[row], out=mixed)
        found[row, filled] = np.minimum.reduceat(mixed, sets.starts[filled])
    return found


def band_keys(signature: npt.NDArray[np.uint32], rows_per_band: int) -> npt.NDArray[np.uint64]:
    """One key a band, uint64 (bands, texts): texts that agree in all rows of a band have the same."""
    bands = len(signature) // rows_per_band
    keys = np.empty((bands, signature.shape[1]), dtype=np.uint64)
    for band in range(bands):
        key = np.full(signature.shape[1], band + 1, dtype=np.uint64)
        for row in signature[band * rows_per_band : (band + 1) * rows_per_band]:
            key = mix(key ^ (row.astype(np.uint64) + GOLDEN))
        keys[band] = key
    return keys


def mix(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """A bijection of 64 bits that scatters them (SplitMix64's finaliser, G. Steele et al. 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _blank(values: npt.NDArray[np.uint32]) -> npt.NDArray[np.bool_]:
    blank: npt.NDArray[np.bool_] = (values <= 0x20) | (values == 0xA0) | (values == 0x3000)
    blank |= (values >= 0x2000) & (values <= 0x200A)
    return blank


def _mostly_cjk(points: Codepoints, blank: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    values = points.values
    cjk = (values >= 0x2E80) & (values <= 0x9FFF) | (values >= 0xAC00) & (values <= 0xD7AF)
    cjk |= (values >= 0x20000) & (values <= 0x323AF)
    marks = (values >= 0x2000) & (values <= 0x2BFF) | (values >= 0xFF00) & (values <= 0xFF20)
    letters = (values > 0x40) & ~blank & ~cjk & ~marks
    return points.counts(cjk) * 3 - points.counts(letters) >= 0


def _units(
    points: Codepoints, blank: npt.NDArray[np.bool_], by_character: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
    """A hash for each unit, and where each text's units start."""
    begins = ~blank
    inside = np.flatnonzero(~np.repeat(by_character, np.diff(points.starts)))  # texts of words
    text_start = np.zeros(len(blank) + 1, dtype=np.bool_)
    text_start[points.starts[:-1]] = True
    goes_on = (
        begins[inside] & ~text_start[inside] & begins[inside - 1]
    )  # with the word of the character before
    begins[inside[goes_on]] = False
    at = np.flatnonzero(begins)
    starts = np.concatenate(([0], np.cumsum(sums(begins, points.starts)))).astype(np.int64)
    units = mix(points.values[at].astype(np.uint64) + GOLDEN)
    if goes_on.any():
        # A word's hash is the sum of what its further characters are, each at its place, beside its first.
        further = inside[goes_on]
        word = np.searchsorted(at, further, side="right") - 1
        place = (further - at[word]).astype(np.uint64)
        hashes = mix(points.values[further].astype(np.uint64) + GOLDEN * (place + np.uint64(1)))
        run = np.flatnonzero(np.concatenate(([True], word[1:] != word[:-1])))
        units[word[run]] += np.add.reduceat(hashes, run)
        units[word[run]] = mix(units[word[run]])
    return units, starts


def _shingle_hashes(
    units: npt.NDArray[np.uint64], starts: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
    """(hash of 32 bits, text) for each place where a shingle begins."""
    counts = np.diff(starts)
    hashes = np.zeros(len(units), dtype=np.uint64)
    for step in range(UNITS):
        hashes *= GOLDEN
        hashes[: max(len(units) - step, 0)] += units[step:]
    owners = np.repeat(np.arange(len(counts)), counts)
    whole = starts[1:][owners] - np.arange(len(units)) >= UNITS
    for text in np.flatnonzero((counts > 0) & (counts < UNITS)):  # one shingle of all that there is
        first, last = int(starts[text]), int(starts[text + 1])
        short = np.uint64(last - first)
        with np.errstate(over="ignore"):
            for unit in units[first:last]:
                short = short * GOLDEN + unit
        hashes[first], whole[first] = short, True
    return mix(hashes[whole]) >> np.uint64(32), owners[whole]
