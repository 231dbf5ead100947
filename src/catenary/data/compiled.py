"""Loops over the bytes of a column, compiled when they first run and kept beside the source for the next time.

`compiled` is Numba's `njit` without the interpreter's lock. It needs no compiler on the machine. The modules that use
it import Numba, so nothing that must start quickly may import them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from catenary.errors import NotFound

try:
    import numba
except ModuleNotFoundError as error:
    raise NotFound(
        "Curation needs a package that is not installed.",
        got=str(error),
        next="pip install 'catenary[curate]'",
    ) from None

P = ParamSpec("P")
R = TypeVar("R")

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """`function` as machine code."""
    njit: Any = numba.njit
    try:
        made: Callable[P, R] = njit(cache=True, nogil=True, error_model="numpy")(function)
    except RuntimeError:  # nowhere to keep it: neither beside the source nor in the user's cache
        made = njit(nogil=True, error_model="numpy")(function)
    return made


def bytes_of(texts: pa.LargeStringArray) -> tuple[Bytes, Ints]:
    """(the UTF-8 of a column without nulls, where each text begins in it and the last ends); no copy is made."""
    if not len(texts):
        return np.zeros(0, np.uint8), np.zeros(1, np.int64)
    _, offsets, data = texts.buffers()
    starts = np.frombuffer(offsets, dtype=np.int64)[texts.offset : texts.offset + len(texts) + 1]
    values = np.frombuffer(data, dtype=np.uint8) if data is not None else np.zeros(0, np.uint8)
    return values, starts
