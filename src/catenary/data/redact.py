"""Redact: personal data out of the texts, by a typed placeholder or a mask.

>>> redacted("请致电13812345678", find("请致电13812345678"))
'请致电[PHONE]'
>>> redacted("请致电13812345678", find("请致电13812345678"), "mask")
'请致电***********'
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from catenary.data.batches import kept_rows, texts_at, with_dropped, with_texts
from catenary.data.personal_data import CANDIDATE, Span, find
from catenary.data.step_settings import RedactSettings, Replacement


def redact(batch: pa.RecordBatch, settings: RedactSettings, notes: Counter[str]) -> pa.RecordBatch:
    """Replaces personal data in the kept rows. Notes `redacted.<kind>` and `documents`: how many held any.

    Annotations point to places in what they annotate: a document that has some, and personal data, is dropped.
    """
    batch = _without_annotated(batch, settings)
    rows = kept_rows(batch)
    texts = texts_at(batch, rows)
    # RE2 runs over the column's own bytes, so that only texts with a candidate are touched in Python.
    maybe = np.flatnonzero(pc.match_substring_regex(texts, CANDIDATE).to_numpy(zero_copy_only=False))
    chosen: list[int] = []
    new: list[str] = []
    for at, text in zip(maybe, texts.take(pa.array(maybe)).to_pylist(), strict=True):
        spans = find(text, settings.kinds)
        if spans:
            chosen.append(int(rows[at]))
            new.append(redacted(text, spans, settings.replace))
            for span in spans:
                notes[f"redacted.{span.kind}"] += 1
    notes["documents"] += len(chosen)
    return with_texts(batch, np.array(chosen, dtype=np.int64), pa.array(new, pa.large_string()))


def _without_annotated(batch: pa.RecordBatch, settings: RedactSettings) -> pa.RecordBatch:
    annotations = batch.column("annotations")
    if annotations.null_count == len(annotations):
        return batch
    rows = [
        int(row)
        for row in kept_rows(batch)
        if annotations[row].is_valid
        and (
            find(batch.column("text")[row].as_py(), settings.kinds)
            or find(annotations[row].as_py(), settings.kinds)
        )
    ]
    return with_dropped(batch, np.array(rows, dtype=np.int64), "redact:annotated")


def redacted(text: str, spans: Iterable[Span], replace: Replacement = "placeholder") -> str:
    """`text` with each of `spans` (in order, no overlaps) replaced."""
    pieces: list[str] = []
    done = 0
    for span in spans:
        old = text[span.start : span.end]
        new = f"[{span.kind.upper()}]" if replace == "placeholder" else re.sub(r"[^\W_]", "*", old)
        pieces += [text[done : span.start], new]
        done = span.end
    return "".join((*pieces, text[done:]))
