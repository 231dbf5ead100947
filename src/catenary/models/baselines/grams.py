"""Each n-gram of a text as one number, so that numpy counts and finds all of them at once.

Grams live in levels, one for each length. A gram of length k is its place in the sorted keys of level k, and its key
is made of its prefix and its last token:

    key = (place of the first k - 1 tokens in level k - 1) * base + last token

So a gram has one 64-bit key however long it is, the grams that continue one context lie side by side, and walking
from level to level is a binary search (the sorted-array trie of Heafield, "KenLM", WMT 2011). `place_T[t]` is the place
of the gram that ends at position t, ABSENT where there is none; T counts the positions of all texts, end to end.

    level 1: place_T = the tokens themselves
    level k: at_P, keys_P = longer_keys(place_T, token_T, depth_T, k, base); then count them or find_keys(...)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

ABSENT = -1

Keys = NDArray[np.uint64]
Places = NDArray[np.int64]


def lay_out(sequences: Iterable[Sequence[int] | Places]) -> tuple[Places, Places]:
    """(token_T, depth_T) of all sequences end to end; `depth` is a position's place in its own sequence, from 0."""
    arrays = [np.asarray(sequence, dtype=np.int64) for sequence in sequences]
    if not arrays:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    return np.concatenate(arrays), depths(np.array([len(array) for array in arrays], dtype=np.int64))


def depths(lengths: Places) -> Places:
    """[3, 2] → [0, 1, 2, 0, 1]: the places in their own sequences of the positions of sequences laid end to end."""
    starts = np.cumsum(lengths) - lengths
    return np.arange(int(lengths.sum()), dtype=np.int64) - np.repeat(starts, lengths)


def longer_keys(
    place_T: Places, token_T: Places, depth_T: Places, length: int, base: int
) -> tuple[Places, Keys]:
    """Where grams of `length` end whose prefixes have a place (at_P), and their keys (keys_P).

    `place_T` holds the places of the grams one token shorter. A token that is ABSENT ends no gram.
    """
    at_P = np.flatnonzero((depth_T >= length - 1) & (token_T != ABSENT))
    at_P = at_P[place_T[at_P - 1] != ABSENT]
    return at_P, place_T[at_P - 1].astype(np.uint64) * np.uint64(base) + token_T[at_P].astype(np.uint64)


def find_keys(level: Keys, keys_P: Keys) -> Places:
    """The place of each key in the sorted `level`, ABSENT where it is not there."""
    if len(level) == 0:
        return np.full(len(keys_P), ABSENT, np.int64)
    place_P = np.minimum(np.searchsorted(level, keys_P), len(level) - 1)
    return np.where(level[place_P] == keys_P, place_P, ABSENT)


def children(level: Keys, place: int, base: int) -> tuple[slice, Places]:
    """The grams of `level` that continue the gram at `place` one level below: their places, and their last tokens."""
    first, end = np.searchsorted(level, np.array([place, place + 1], dtype=np.uint64) * np.uint64(base))
    span = slice(int(first), int(end))
    return span, (level[span] % np.uint64(base)).astype(np.int64)


def spell(levels: Sequence[Keys], length: int, base: int) -> Places:
    """The tokens (grams, length) of every gram of `length`; `levels[0]` is level 2."""
    place_G = np.arange(len(levels[length - 2]) if length > 1 else base)
    columns: list[Places] = []
    for level in reversed(levels[: length - 1]):
        columns.append((level[place_G] % np.uint64(base)).astype(np.int64))
        place_G = (level[place_G] // np.uint64(base)).astype(np.int64)
    return np.stack([place_G, *reversed(columns)], axis=1)
