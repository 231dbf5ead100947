"""Decontaminate: documents that share a long run of words with a held-out set go, so that no test is in the training
text.

    - decontaminate: {words: 13, characters: 20}

The held-out texts come from above (`held_out`), normalised as the corpus is. Runs are of words between white space,
or of characters in texts that are mostly Chinese; case and marks at a word's end count as they stand. Thirteen words
are GPT-3's (T. Brown et al., Language models are few-shot learners, 2020, app. C); twenty characters say about as
much.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from catenary.data.batches import kept_rows, texts_at, with_dropped
from catenary.data.compiled import Bytes, Ints, bytes_of, compiled
from catenary.data.normalise import normalised
from catenary.data.shingles import GOLDEN, mostly_cjk, unit_hashes
from catenary.data.step_settings import DecontaminateSettings, NormaliseSettings
from catenary.errors import InvalidInput

HeldOut = Callable[[], Iterable[str]]
Words64 = npt.NDArray[np.uint64]


def decontaminate(
    batch: pa.RecordBatch,
    settings: DecontaminateSettings,
    notes: Counter[str],
    held_out: HeldOut | None = None,
) -> pa.RecordBatch:
    """Drops `decontaminate:shared`: texts that share at least `runs` runs with a held-out text."""
    if held_out is None:
        raise InvalidInput(
            "There is no held-out set to compare with.",
            expected="`against:` with the sources of evaluation sets, beside `from:`",
            where="steps.decontaminate",
        )
    known = _known(held_out, settings.words, settings.characters)
    rows = kept_rows(batch)
    texts = texts_at(batch, rows)
    data, starts = bytes_of(texts)
    hashes, ends = _runs(data, starts, mostly_cjk(data, starts), settings.words, settings.characters)
    shared = np.isin(hashes, known) if len(known) else np.zeros(len(hashes), np.bool_)
    counts = np.add.reduceat(np.append(shared, False).astype(np.int64), ends[:-1]) * (np.diff(ends) > 0)
    return with_dropped(batch, rows[counts >= settings.runs], "decontaminate:shared")


@lru_cache(maxsize=4)
def _known(held_out: HeldOut, words: int, characters: int) -> Words64:
    column = normalised(pa.array(list(held_out()), pa.large_string()), NormaliseSettings())
    data, starts = bytes_of(column)
    return np.unique(_runs(data, starts, mostly_cjk(data, starts), words, characters)[0])


@compiled
def _runs(
    data: Bytes, starts: Ints, chinese: npt.NDArray[np.bool_], words: int, characters: int
) -> tuple[Words64, Ints]:
    """The hash of every run, and where those of each text begin."""
    texts = len(starts) - 1
    longest = 0
    for text in range(texts):
        longest = max(longest, starts[text + 1] - starts[text])
    units = np.empty(longest, np.uint64)
    found = np.empty(starts[texts] - starts[0], np.uint64)
    ends = np.zeros(texts + 1, np.int64)
    filled = 0
    for text in range(texts):
        count = unit_hashes(data, starts[text], starts[text + 1], units)
        size = characters if chinese[text] else words
        for first in range(count - size + 1):
            told = np.uint64(0)
            for step in range(size):
                told = (told ^ units[first + step]) * GOLDEN
                told = told ^ (told >> np.uint64(31))
            found[filled] = told
            filled += 1
        ends[text + 1] = filled
    return found[:filled].copy(), ends
