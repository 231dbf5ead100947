"""Documents that training reads several times: said in a file of the dataset, never copied.

    repeats.parquet       id, times: documents of the training split, in the order of ids, that `balance` repeats

A document stands in its dataset once. Whoever reads the training split to learn from it reads these documents so many
times, one time behind the other, so that the rows of what was learnt from lead back to the same ids.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from catenary.data.shards import ParquetSink, iter_split

Rows = TypeVar("Rows", pa.RecordBatch, pa.Table)
REPEATS_FILE = "repeats.parquet"
SCHEMA = pa.schema(
    [pa.field("id", pa.string(), nullable=False), pa.field("times", pa.int64(), nullable=False)]
)


def repeats_of(folder: Path) -> pa.Table:
    """The documents of the dataset in `folder` that are read several times, in the order of ids."""
    path = folder / REPEATS_FILE
    return pq.read_table(path, schema=SCHEMA) if path.exists() else SCHEMA.empty_table()


def write_repeats(folder: Path, repeats: pa.Table) -> None:
    """Write the file, unless nothing is read twice."""
    if repeats.num_rows:
        with ParquetSink(folder / REPEATS_FILE, SCHEMA) as sink:
            sink.write(repeats)


def repeated(batch: Rows, repeats: pa.Table) -> Rows:
    """The rows of a batch or table with the column `id`, each as often as it is read."""
    if not repeats.num_rows:
        return batch
    at = pc.index_in(batch.column("id"), repeats.column("id"))
    times = pc.fill_null(repeats.column("times").take(at), 1).to_numpy()
    return batch.take(pa.array(np.repeat(np.arange(batch.num_rows), times)))


def iter_read(folder: Path, split: str, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """The documents of a split as they are learnt from, a batch at a time; `columns` hold `id`."""
    repeats = repeats_of(folder) if split == "train" else SCHEMA.empty_table()
    for batch in iter_split(folder, split, columns):
        yield repeated(batch, repeats)


def more_rows(folder: Path, before: str | None = None) -> int:
    """How many rows more than documents the training split is read as; of the ids before this one, where given."""
    repeats = repeats_of(folder)
    if before is not None:
        repeats = repeats.filter(pc.less(repeats.column("id"), before))
    more: int = (pc.sum(repeats.column("times")).as_py() or 0) - repeats.num_rows
    return more


def times_of(folder: Path, document_id: str) -> int:
    """How often a document of the training split is read."""
    repeats = repeats_of(folder)
    found = repeats.column("times").filter(pc.equal(repeats.column("id"), document_id))
    return int(found[0].as_py()) if len(found) else 1
