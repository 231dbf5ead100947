"""Suffix arrays: the beginnings of all that stands in a text, in the order of what follows them.

Induced sorting (Nong, Zhang & Chan, Two efficient algorithms for linear time suffix array construction, 2011), in the
form of AtCoder's library (public domain), over integers: linear time, about 20 bytes of memory a token.

    >>> suffix_array(np.array([2, 1, 3, 1, 3, 1], np.uint16), 4).tolist()      # "banana"
    [5, 3, 1, 0, 4, 2]
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from catenary.data.compiled import compiled

Numbers = npt.NDArray[np.int32]
Tokens = npt.NDArray[Any]


def suffix_array(tokens: Tokens, above: int) -> Numbers:
    """Where each suffix of `tokens` begins, in order; all tokens are less than `above`, at most 2³¹ - 2 of them."""
    n = len(tokens)
    if n < 2:
        return np.arange(n, dtype=np.int32)
    smaller, larger_before, smaller_before = _kinds(tokens, above)
    places, numbers = _leftmost(smaller)
    suffixes = np.empty(n, np.int32)
    _induce(tokens, smaller, larger_before, smaller_before, places, suffixes)
    if len(places):
        names, most = _named(tokens, suffixes, places, numbers)
        del numbers
        places = places[suffix_array(names, most + 1)]
        _induce(tokens, smaller, larger_before, smaller_before, places, suffixes)
    return suffixes


@compiled
def _kinds(tokens: Tokens, above: int) -> tuple[npt.NDArray[np.bool_], Numbers, Numbers]:
    """Which suffixes are smaller than the next one, and where each token's two kinds begin."""
    n = len(tokens)
    smaller = np.zeros(n, np.bool_)
    for i in range(n - 2, -1, -1):
        smaller[i] = smaller[i + 1] if tokens[i] == tokens[i + 1] else tokens[i] < tokens[i + 1]
    larger_before, smaller_before = np.zeros(above + 1, np.int32), np.zeros(above + 1, np.int32)
    for i in range(n):
        if not smaller[i]:
            smaller_before[tokens[i]] += 1
        else:
            larger_before[np.int64(tokens[i]) + 1] += 1
    for token in range(above):
        smaller_before[token] += larger_before[token]
        larger_before[token + 1] += smaller_before[token]
    return smaller, larger_before, smaller_before


@compiled
def _leftmost(smaller: npt.NDArray[np.bool_]) -> tuple[Numbers, Numbers]:
    """Where a smaller suffix follows a larger one, in order; and the number of each such place, -1 elsewhere."""
    n = len(smaller)
    numbers = np.full(n + 1, -1, np.int32)
    found = 0
    for i in range(1, n):
        if smaller[i] and not smaller[i - 1]:
            numbers[i] = found
            found += 1
    places = np.empty(found, np.int32)
    for i in range(1, n):
        if numbers[i] >= 0:
            places[numbers[i]] = i
    return places, numbers


@compiled
def _induce(
    tokens: Tokens,
    smaller: npt.NDArray[np.bool_],
    larger_before: Numbers,
    smaller_before: Numbers,
    places: Numbers,
    suffixes: Numbers,
) -> None:
    """All suffixes from the order of those at `places`: the larger from the left, the smaller from the right."""
    n = len(tokens)
    suffixes[:] = -1
    free = smaller_before.copy()
    for place in places:
        token = tokens[place]
        suffixes[free[token]] = place
        free[token] += 1
    free = larger_before.copy()
    token = tokens[n - 1]
    suffixes[free[token]] = n - 1
    free[token] += 1
    for i in range(n):
        at = suffixes[i]
        if at >= 1 and not smaller[at - 1]:
            token = tokens[at - 1]
            suffixes[free[token]] = at - 1
            free[token] += 1
    free = larger_before.copy()
    for i in range(n - 1, -1, -1):
        at = suffixes[i]
        if at >= 1 and smaller[at - 1]:
            after = np.int64(tokens[at - 1]) + 1
            free[after] -= 1
            suffixes[free[after]] = at - 1


@compiled
def _named(tokens: Tokens, suffixes: Numbers, places: Numbers, numbers: Numbers) -> tuple[Numbers, int]:
    """The pieces between places, by their rank: equal pieces have equal names. And the highest name."""
    n, count = len(tokens), len(places)
    ordered = np.empty(count, np.int32)
    filled = 0
    for i in range(n):
        if suffixes[i] >= 0 and numbers[suffixes[i]] >= 0:
            ordered[filled] = suffixes[i]
            filled += 1
    names = np.zeros(count, np.int32)
    most = 0
    for i in range(1, count):
        left, right = np.int64(ordered[i - 1]), np.int64(ordered[i])
        end_left = np.int64(places[numbers[left] + 1]) if numbers[left] + 1 < count else n
        end_right = np.int64(places[numbers[right] + 1]) if numbers[right] + 1 < count else n
        same = end_left - left == end_right - right
        if same:
            while left < end_left and tokens[left] == tokens[right]:
                left += 1
                right += 1
            same = left < n and right < n and left >= end_left and tokens[left] == tokens[right]
        if not same:
            most += 1
        names[numbers[ordered[i]]] = most
    return names, most


@compiled
def longest_matches(tokens: Tokens, suffixes: npt.NDArray[np.uint32], asked: Tokens, best: Numbers) -> None:
    """Raise `best[i]` to the length of the longest run at `asked[i:]` that stands in `tokens`."""
    n, m = len(suffixes), len(asked)
    for i in range(m):
        low, high = 0, n
        low_shared, high_shared = 0, 0  # what the borders share with the run is not compared again
        found = 0
        while low < high:
            middle = (low + high) >> 1
            at = np.int64(suffixes[middle])
            shared = min(low_shared, high_shared)
            while i + shared < m and at + shared < len(tokens) and tokens[at + shared] == asked[i + shared]:
                shared += 1
            found = max(found, shared)
            if i + shared == m:
                break
            if at + shared == len(tokens) or tokens[at + shared] < asked[i + shared]:
                low, low_shared = middle + 1, shared
            else:
                high, high_shared = middle, shared
        best[i] = max(best[i], found)


@compiled
def occurrences(tokens: Tokens, suffixes: npt.NDArray[np.uint32], run: Tokens) -> tuple[int, int]:
    """Where in `suffixes` those begin and end that start with `run`."""
    borders = np.zeros(2, np.int64)
    for side in range(2):
        low, high = 0, len(suffixes)
        while low < high:
            middle = (low + high) >> 1
            at = np.int64(suffixes[middle])
            shared = 0
            while shared < len(run) and at + shared < len(tokens) and tokens[at + shared] == run[shared]:
                shared += 1
            if shared == len(run):
                before = side == 1
            else:
                before = at + shared == len(tokens) or tokens[at + shared] < run[shared]
            if before:
                low = middle + 1
            else:
                high = middle
        borders[side] = low
    return borders[0], borders[1]
