"""Sorting documents by id with bounded memory.

Each part is sorted and cut into buckets, then one bucket of all parts is merged at a time.

Ids are digests, so buckets by their first digits are of one size. A part is an Arrow file with one record batch a
bucket; merging reads that batch of every part, so no more than one bucket of the corpus is in memory.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from catenary.memory import release_unused

BUCKET_BYTES = 32 << 20
PIECE_BYTES = 4 << 20  # of a bucket that are put in order at a time
MOST_BUCKETS = 256

# Rows on their way. By the thread that asks: each of Arrow's own would keep memory that it freed, and has no processor.
WRITTEN = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)
READ = pa.ipc.IpcReadOptions(use_threads=False)


def bucket_count(total_bytes: int) -> int:
    """How many buckets a corpus of this size is cut into: a power of two, for about 32 MB in each."""
    count = 1
    while count < MOST_BUCKETS and count * BUCKET_BYTES < total_bytes:
        count *= 2
    return count


def write_buckets(table: pa.Table, path: Path, buckets: int) -> None:
    """Write a part: its rows sorted by id, one record batch a bucket."""
    table = table.combine_chunks()
    order = pc.sort_indices(table.column("id"))
    ids = _Ids(table.column("id"), order)
    bounds = [bisect_left(ids, f"{MOST_BUCKETS * n // buckets:02x}") for n in range(1, buckets)]
    with pa.ipc.new_file(path, table.schema, options=WRITTEN) as file:
        for start, end in zip([0, *bounds], [*bounds, len(ids)], strict=True):
            chunks = table.take(order.slice(start, end - start)).combine_chunks().to_batches()
            file.write_batch(chunks[0] if chunks else pa.RecordBatch.from_pylist([], table.schema))


def merged(parts: Sequence[Path], buckets: int) -> Iterator[pa.Table]:
    """The rows of all parts sorted by id, some megabytes at a time."""
    if parts:
        for bucket in range(buckets):
            yield from _sorted(_bucket(parts, bucket))
            release_unused()


def _bucket(parts: Sequence[Path], bucket: int) -> pa.Table:
    tables = []
    for part in parts:
        with pa.ipc.open_file(part, options=READ) as file:
            tables.append(pa.Table.from_batches([file.get_batch(bucket)]))
    return pa.concat_tables(tables).combine_chunks()


def _sorted(bucket: pa.Table) -> Iterator[pa.Table]:
    """The bucket by id. It is never there a second time, in another order."""
    order = pc.sort_indices(bucket.column("id"))
    rows = max(1, PIECE_BYTES * bucket.num_rows // max(1, bucket.nbytes))
    for start in range(0, bucket.num_rows, rows):
        yield bucket.take(order.slice(start, rows))


class _Ids(Sequence[str]):
    """Ids in an order."""

    def __init__(self, column: pa.ChunkedArray, order: pa.Array) -> None:
        self._column, self._order = column, order

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, at):  # type: ignore[no-untyped-def]
        return self._column[self._order[at].as_py()].as_py()
