"""Extract: pages that were read with their markup (`extract: raw`, or records that hold HTML) become their main text.

    - extract               # or extract: precise, extract: all; as the source's own `extract:` has them

A text without the tags of a page is left as it is.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from catenary.data.batches import kept_rows, texts_at, with_dropped, with_texts
from catenary.data.step_settings import ExtractSettings
from catenary.errors import InvalidInput

# What makes a text a page: a tag that pages have, so that `a<b` and code stay as they are.
TAG = (
    r"(?i)</?(?:html|head|body|main|article|section|div|p|br|hr|span|a|img|ul|ol|li|table|tr|td|h[1-6]|pre|blockquote"
    r"|strong|em|b|i|script|style)(?:\s+[a-z:-]+\s*=[^<>]*|\s*/?)>|<!doctype\s"
)


def extract(batch: pa.RecordBatch, settings: ExtractSettings, notes: Counter[str]) -> pa.RecordBatch:
    """Rewrites; drops `extract:nothing_left`; notes `pages`."""
    try:
        from catenary.data.formats.html import extract as text_of_page
    except ImportError as error:
        raise InvalidInput(
            "A library that extracting needs is missing.",
            got=error.name,
            expected="`pip install 'catenary[formats]'`",
            where="steps.extract",
        ) from None
    rows = kept_rows(batch)
    texts = texts_at(batch, rows)
    pages = np.flatnonzero(pc.match_substring_regex(texts, TAG).to_numpy(zero_copy_only=False))
    new = [text_of_page(page, settings.how).strip() for page in texts.take(pa.array(pages)).to_pylist()]
    notes["pages"] += len(pages)
    batch = with_texts(batch, rows[pages], pa.array(new, pa.large_string()))
    empty = np.array([not text for text in new], dtype=np.bool_)
    return with_dropped(batch, rows[pages][empty], "extract:nothing_left")
