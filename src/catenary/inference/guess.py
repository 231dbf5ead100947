"""Guessing what comes next from what was said before, for a greedy answer to check several tokens in one step.

Prompt lookup (Saxena 2023, https://github.com/apoorvumang/prompt-lookup-decoding): the last few tokens stood somewhere
before, and what followed there may follow here. Checked guesses change nothing (Leviathan et al. 2023, 2211.17192).
"""

from __future__ import annotations

from collections.abc import Sequence

LONGEST, SHORTEST = 3, 2  # tokens that must be the same for a guess
TOKENS = 4  # of a guess: a step of five tokens takes about a twentieth longer than one of one
PATIENCE, PAUSE = 3, 8  # after so many wrong guesses in a row, only every so many tokens


def guess(ids: Sequence[int], *, most: int) -> list[int]:
    """At most `most` tokens that may follow `ids`; none where the end of `ids` is new.

    >>> guess([1, 2, 3, 4, 9, 1, 2, 3], most=2)
    [4, 9]
    """
    count = min(TOKENS, most)
    if count <= 0:
        return []
    for size in range(LONGEST, SHORTEST - 1, -1):
        end = list(ids[-size:])
        for at in range(len(ids) - size - 1, -1, -1):
            if ids[at] == end[0] and list(ids[at : at + size]) == end:
                return list(ids[at + size : at + size + count])
    return []
