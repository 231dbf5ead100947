"""Arrow batches of documents: which rows are kept, and how a step changes their text or drops them.

A step never removes a row. It works on the rows that are still kept, and writes what it decided beside them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from catenary.records import Document, document_schema

Rows = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

DROPPED_TYPE = pa.string()
PIECES_TOGETHER = 256


class Pieces:
    """Tables gathered into one. Small ones are joined as they come: one of a single row takes some 20 kB."""

    def __init__(self) -> None:
        self._pieces: list[pa.Table] = []
        self._joined = 0  # so many of these are several in one

    def add(self, table: pa.Table) -> None:
        """Gather one more."""
        self._pieces.append(table)
        if len(self._pieces) - self._joined == PIECES_TOGETHER:
            self._pieces[self._joined :] = [pa.concat_tables(self._pieces[self._joined :]).combine_chunks()]
            self._joined += 1

    def taken(self) -> pa.Table:
        """All that was gathered; then nothing is."""
        table = pa.concat_tables(self._pieces)
        self._pieces, self._joined = [], 0
        return table


def kept_rows(batch: pa.RecordBatch) -> Rows:
    """The row numbers of documents that no step has dropped."""
    dropped = batch.column("dropped")
    if dropped.null_count == len(dropped):
        return np.arange(batch.num_rows, dtype=np.int64)
    return np.flatnonzero(dropped.is_null().to_numpy(zero_copy_only=False)).astype(np.int64)


def texts_at(batch: pa.RecordBatch, rows: Rows) -> pa.LargeStringArray:
    """The texts of `rows`; no copy is made when that is all of them."""
    column = batch.column("text")
    return column if len(rows) == batch.num_rows else column.take(pa.array(rows))


def with_texts(batch: pa.RecordBatch, rows: Rows, texts: pa.LargeStringArray) -> pa.RecordBatch:
    """`batch` with `texts` in place of those of `rows`."""
    if len(rows) == batch.num_rows:
        return _set(batch, "text", texts)
    if not len(rows):
        return batch
    order = np.arange(batch.num_rows, dtype=np.int64)
    order[rows] = batch.num_rows + np.arange(len(rows), dtype=np.int64)
    both = pa.concat_arrays([batch.column("text"), texts])
    return _set(batch, "text", both.take(pa.array(order)))


def with_dropped(batch: pa.RecordBatch, rows: Rows, reasons: str | Sequence[str]) -> pa.RecordBatch:
    """`batch` with `rows` dropped for `reasons` (one for all, or one a row), each `step:reason`."""
    return _fill(batch, "dropped", rows, reasons)


def with_duplicates(batch: pa.RecordBatch, rows: Rows, originals: Sequence[str]) -> pa.RecordBatch:
    """`batch` with `duplicate_of` set to `originals` in `rows`."""
    return _fill(batch, "duplicate_of", rows, originals)


def batch_of(documents: Iterable[Document]) -> pa.RecordBatch:
    """Documents as one batch with the columns of `records.document_schema()`."""
    rows = list(documents)
    schema = document_schema()
    columns: list[Any] = []
    for field in schema:
        values = [getattr(row, field.name) for row in rows]
        if field.name == "meta":
            values = [list(value.items()) for value in values]
        columns.append(pa.array(values, field.type))
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def documents_of(batch: pa.RecordBatch) -> list[Document]:
    """The documents that a batch holds, in its order."""
    return [Document(**{**row, "meta": dict(row["meta"] or ())}) for row in batch.to_pylist()]


def _fill(batch: pa.RecordBatch, name: str, rows: Rows, values: str | Sequence[str]) -> pa.RecordBatch:
    if not len(rows):
        return batch
    mask = np.zeros(batch.num_rows, dtype=np.bool_)
    mask[rows] = True
    new = pa.scalar(values, pa.string()) if isinstance(values, str) else pa.array(values, pa.string())
    return _set(batch, name, pc.replace_with_mask(batch.column(name), pa.array(mask), new))


def _set(batch: pa.RecordBatch, name: str, column: pa.Array) -> pa.RecordBatch:
    at = batch.schema.get_field_index(name)
    return batch.set_column(at, batch.schema.field(at), column)
