"""Reviewed: the labels that two reviewers gave, put on the documents.

    reviewed: [anna.csv, bo.csv]        # beside `from:`; what `catenary review export` wrote, with labels
    steps:
      - reviewed: {disputed: drop}

A document that both have labelled alike gets that label; one on which they differ is dropped or keeps what it had; what
only one of two has labelled stays as it was. With one file, its labels are taken as they are. Documents are named by
their ids, which hang on their source and text and so are the same in every dataset made of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from catenary.data.batches import kept_rows, with_dropped
from catenary.data.review import Reviewed
from catenary.data.step_settings import ReviewedSettings
from catenary.errors import InvalidInput


def reviewed(
    batch: pa.RecordBatch,
    settings: ReviewedSettings,
    notes: Counter[str],
    labels: Callable[[], Reviewed] | None = None,
) -> pa.RecordBatch:
    """Sets labels; drops `reviewed:disputed`, `reviewed:not_reviewed`. Notes `labelled` and `changed`."""
    if labels is None:
        raise InvalidInput(
            "There are no reviews to take labels from.",
            expected="`reviewed:` with the files of reviewers, beside `from:`",
            where="steps.reviewed",
        )
    told = labels()
    rows = kept_rows(batch)
    ids = batch.column("id").take(pa.array(rows)).to_pylist()
    given = batch.column("label").take(pa.array(rows)).to_pylist()
    agreed = np.array([one in told.labels for one in ids], dtype=np.bool_)
    disputed = np.array([one in told.disputed for one in ids], dtype=np.bool_)
    new = [told.labels[one] for one, mine in zip(ids, agreed, strict=True) if mine]
    before = [one for one, mine in zip(given, agreed, strict=True) if mine]
    notes["labelled"] += len(new)
    notes["changed"] += sum(a != b for a, b in zip(new, before, strict=True))
    mask = np.zeros(batch.num_rows, dtype=np.bool_)
    mask[rows[agreed]] = True
    at = batch.schema.get_field_index("label")
    column = pc.replace_with_mask(batch.column("label"), pa.array(mask), pa.array(new, pa.string()))
    batch = batch.set_column(at, batch.schema.field(at), column)
    if settings.disputed == "drop":
        batch = with_dropped(batch, rows[disputed], "reviewed:disputed")
    if settings.others == "drop":
        batch = with_dropped(batch, rows[~agreed & ~disputed], "reviewed:not_reviewed")
    return batch
