"""Quality: rules that a text must pass, each dropping for a reason of its own.

Today the rule `length`. A new rule is a settings class and a function with the shape of `length`, and a line in
`steps.STEPS`.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from catenary.data.batches import kept_rows, texts_at, with_dropped
from catenary.data.step_settings import LengthSettings


def length(batch: pa.RecordBatch, settings: LengthSettings, notes: Counter[str]) -> pa.RecordBatch:
    """Drops `length:too_few_chars`, `length:too_many_chars`, `length:too_few_words`, `length:too_many_words`."""
    rows = kept_rows(batch)
    texts = texts_at(batch, rows)
    out = np.zeros(len(rows), dtype=np.bool_)
    for unit, lower, upper in (
        ("chars", settings.min_chars, settings.max_chars),
        ("words", settings.min_words, settings.max_words),
    ):
        if lower is None and upper is None:
            continue
        sizes = _sizes(texts, unit)
        for reason, beyond in (
            (f"length:too_few_{unit}", sizes < lower if lower is not None else None),
            (f"length:too_many_{unit}", sizes > upper if upper is not None else None),
        ):
            if beyond is not None:
                batch = with_dropped(batch, rows[beyond & ~out], reason)
                out |= beyond
    return batch


def _sizes(texts: pa.LargeStringArray, unit: str) -> npt.NDArray[np.int64]:
    words = r"[^\s\p{Z}]+"
    counts = pc.utf8_length(texts) if unit == "chars" else pc.count_substring_regex(texts, pattern=words)
    return np.asarray(counts.to_numpy(zero_copy_only=False), dtype=np.int64)
