"""Segment: the words of a text with spaces between them, or its sentences a line each.

>>> segmented("我们去北京大学。", SegmentSettings())
'我们 去 北京大学 。'

Words are for classical models that cut at spaces; they may lose marks, stop words and English endings (Snowball,
M. Porter 2001). A Transformer's tokenizer wants none of this.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import pyarrow as pa

from catenary.data.batches import kept_rows, texts_at, with_dropped, with_texts
from catenary.data.sentences import sentences
from catenary.data.step_settings import SegmentSettings
from catenary.data.stop_words import LITTLE_SAID
from catenary.data.words import words
from catenary.errors import NotFound


def segment(batch: pa.RecordBatch, settings: SegmentSettings, notes: Counter[str]) -> pa.RecordBatch:
    """Rewrites the texts of the kept rows; drops `segment:no_words` where none is left."""
    rows = kept_rows(batch)
    new = _segmented(texts_at(batch, rows), settings)
    empty = np.array([not text for text in new], dtype=np.bool_)
    batch = with_texts(batch, rows, pa.array(new, pa.large_string()))
    return with_dropped(batch, rows[empty], "segment:no_words")


def segmented(text: str, settings: SegmentSettings) -> str:
    """One text."""
    return _segmented(pa.array([text], pa.large_string()), settings)[0]


def _segmented(texts: pa.LargeStringArray, settings: SegmentSettings) -> list[str]:
    if settings.by == "sentences":
        return ["\n".join(sentences(text)) for text in texts.to_pylist()]
    stem = _stemmer() if settings.stem else None
    told = []
    for found in words(texts).listed(texts):
        if settings.lower:
            found = [word.lower() for word in found]
        if settings.marks == "drop":
            found = [word for word in found if any(map(str.isalnum, word))]
        if settings.stop_words == "drop":
            found = [word for word in found if word.lower() not in LITTLE_SAID]
        if stem is not None:
            found = stem(found)
        told.append(" ".join(found))
    return told


def _stemmer() -> Callable[[list[str]], list[str]]:
    try:
        from snowballstemmer import stemmer
    except ImportError:
        raise NotFound(
            "The package {package} is not installed.", next="pip install {package}", package="snowballstemmer"
        ) from None
    english = stemmer("english")
    return lambda found: [english.stemWord(word) if word.isascii() else word for word in found]
