"""What Unicode says of every character, for tables that are looked up by code point; that of the Python that runs.

Read for all characters at once: a worker does this before it can begin, and a loop would take it half a second.
"""

from __future__ import annotations

import unicodedata
from functools import cache

import numpy as np
import numpy.typing as npt

# So many code points are looked at: planes 4 and up hold nothing but private use and, in 14, tags and selectors.
ASSIGNED = 0x32400


def characters() -> str:
    """All of these characters, each at its own place; lone surrogates too."""
    return np.arange(ASSIGNED, dtype="<u4").tobytes().decode("utf-32-le", "surrogatepass")


@cache
def categories() -> npt.NDArray[np.bytes_]:
    """The general category of each: b"Lu", b"Nd" …"""
    return np.frombuffer("".join(map(unicodedata.category, characters())).encode(), dtype="S2")


@cache
def decompositions() -> dict[int, str]:
    """What those that are made of others are made of, in Unicode's words; without Hangul's syllables, made by rule."""
    told = enumerate(map(unicodedata.decomposition, characters()))
    return {point: parts for point, parts in told if parts}
