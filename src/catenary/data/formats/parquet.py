"""Parquet: a record a row."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from catenary.data.formats.arrow import records_of
from catenary.data.formats.opened import Input, UnreadableError
from catenary.data.formats.reading import Reading
from catenary.data.formats.records import Records
from catenary.data.formats.rows import has_documents, wanted

ROWS = 1024


def read(one: Input, reading: Reading) -> Iterator[Records]:
    """Only the columns that records are made of are read."""
    try:
        with one.seekable() as stream, pq.ParquetFile(stream) as file:
            names = file.schema_arrow.names
            if not has_documents(set(names), reading.source):
                raise UnreadableError("read:no_text_column")
            batches = file.iter_batches(batch_size=ROWS, columns=wanted(names, reading.source))
            yield from records_of(batches, file.schema_arrow, reading)
    except (pa.ArrowException, UnicodeDecodeError):
        raise UnreadableError("read:bad_parquet") from None
