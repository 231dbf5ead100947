"""Redact: personal data out of the texts; `replacements.py` says what stands there instead.

>>> redacted("请致电13812345678", find("请致电13812345678"))
'请致电[PHONE]'
>>> redacted("请致电13812345678", find("请致电13812345678"), "mask")
'请致电***********'
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from catenary.data.batches import kept_rows, texts_at, with_dropped, with_texts
from catenary.data.personal_codes import CODES
from catenary.data.personal_data import ANY_CANDIDATE, TAGGED_KINDS, Span, find
from catenary.data.replacements import Replace, replacement
from catenary.data.step_settings import RedactSettings
from catenary.errors import InvalidInput

Tagger = Callable[
    [Sequence[str]], Sequence[Sequence[Span]]
]  # the spans of kinds `name` and `place` in each text


def redact(
    batch: pa.RecordBatch, settings: RedactSettings, notes: Counter[str], tagger: Tagger | None = None
) -> pa.RecordBatch:
    """Replaces personal data in the kept rows. Notes `redacted.<kind>` and `documents`: how many held any.

    Names and places are those that `tagger` finds. Annotations point to places in what they annotate: a document that
    has some, and personal data, is dropped.
    """
    replace = replacement(settings.replace, settings.key)
    batch = _without_annotated(batch, settings)
    rows = kept_rows(batch)
    texts = texts_at(batch, rows)
    tagged = _tagged(texts, settings, tagger)
    # RE2 runs over the column's own bytes, so that only texts with a candidate are touched in Python.
    pattern = ANY_CANDIDATE if "url" not in settings.kinds else f"{ANY_CANDIDATE}|{CODES['url'].pattern}"
    maybe = pc.match_substring_regex(texts, pattern).to_numpy(zero_copy_only=False).copy()
    maybe[[at for at, spans in enumerate(tagged) if spans]] = True
    maybe = np.flatnonzero(maybe)
    chosen: list[int] = []
    new: list[str] = []
    for at, text in zip(maybe.tolist(), texts.take(pa.array(maybe)).to_pylist(), strict=True):
        spans = find(text, settings.kinds)
        if tagged:
            spans = _together(spans, tagged[at])
        if spans:
            chosen.append(int(rows[at]))
            new.append(_replaced(text, spans, replace))
            for span in spans:
                notes[f"redacted.{span.kind}"] += 1
    notes["documents"] += len(chosen)
    return with_texts(batch, np.array(chosen, dtype=np.int64), pa.array(new, pa.large_string()))


def _tagged(
    texts: pa.LargeStringArray, settings: RedactSettings, tagger: Tagger | None
) -> Sequence[Sequence[Span]]:
    wanted = [kind for kind in TAGGED_KINDS if kind in settings.kinds]
    if not wanted:
        return ()
    if tagger is None:
        raise InvalidInput(
            "Names and places are found by a tagger, and none was given.",
            got=", ".join(wanted),
            expected="`helpers` with a `tagger` (in Python), or other kinds",
            where="steps.redact",
        )
    return [[span for span in spans if span.kind in wanted] for spans in tagger(texts.to_pylist())]


def _together(spans: Sequence[Span], tagged: Sequence[Span]) -> list[Span]:
    """Both, in order; where they overlap, what patterns found."""
    free = [one for one in tagged if all(one.end <= other.start or one.start >= other.end for other in spans)]
    return sorted((*spans, *free), key=lambda span: span.start)


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


def redacted(
    text: str, spans: Iterable[Span], replace: Literal["placeholder", "mask"] = "placeholder"
) -> str:
    """`text` with each of `spans` (in order, no overlaps) replaced."""
    return _replaced(text, spans, replacement(replace))


def _replaced(text: str, spans: Iterable[Span], replace: Replace) -> str:
    pieces: list[str] = []
    done = 0
    for span in spans:
        pieces += [text[done : span.start], replace(span.kind, text[span.start : span.end])]
        done = span.end
    return "".join((*pieces, text[done:]))
