"""Texts into passages and how often each word stands in each: the work of indexing that any process may do.

What comes back holds no Python objects to speak of, so that it passes quickly from one process to another.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from catenary.search.chunk import ChunkSettings, chunks, is_wide
from catenary.search.files import PASSAGES
from catenary.search.terms import words

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Texts:
    """Whole documents, and how they are cut."""

    texts: tuple[str, ...]
    chunk: ChunkSettings


@dataclass(frozen=True, slots=True)
class Counted:
    """`passages` in the order of the texts, whose numbers (from 0) are their `document`; how many each text has; which
    are wide; the words; and for each word and passage (one number, the word above) how often, ascending."""

    passages: pa.RecordBatch
    of_text: tuple[int, ...]
    wide: npt.NDArray[np.bool_]
    words: tuple[str, ...]
    keys: Ints
    counts: npt.NDArray[np.int32]


def counted(given: Texts) -> Counted:
    """The passages of these texts and the words in each, with those of its headings."""
    rows: dict[str, list[object]] = {name: [] for name in PASSAGES.names}
    documents, starts, ends, headings, texts = rows.values()
    numbers: defaultdict[str, int] = defaultdict()
    numbers.default_factory = numbers.__len__
    ids, sizes, of_text = array("I"), array("I"), []
    wide: list[bool] = []
    number = numbers.__getitem__
    for document, text in enumerate(given.texts):
        found = chunks(text, given.chunk)
        of_text.append(len(found))
        for chunk in found:
            documents.append(document)
            starts.append(chunk.start)
            ends.append(chunk.end)
            headings.append(chunk.headings)
            texts.append(chunk.text)
            before = len(ids)
            ids.extend(map(number, words(" ".join((*chunk.headings, chunk.text)))))
            sizes.append(len(ids) - before)
            wide.append(is_wide(chunk.text))
    passages = np.repeat(np.arange(len(sizes)), np.frombuffer(sizes, np.uint32))
    keys, counts = np.unique(
        np.frombuffer(ids, np.uint32).astype(np.int64) << 32 | passages, return_counts=True
    )
    return Counted(
        pa.record_batch(rows, schema=PASSAGES),
        tuple(of_text),
        np.array(wide, np.bool_),
        tuple(numbers),
        keys,
        counts.astype(np.int32),
    )


def ready(texts: Sequence[str] = ("预热",)) -> None:
    """Load what counting needs, before the first texts come."""
    counted(Texts(tuple(texts), ChunkSettings()))
