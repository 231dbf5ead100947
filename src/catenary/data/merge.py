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

BUCKET_BYTES = 32 << 20
MOST_BUCKETS = 256


def bucket_count(total_bytes: int) -> int:
    """How many buckets a corpus of this size is cut into: a power of two, for about 32 MB in each."""
    count = 1
    while count < MOST_BUCKETS and count * BUCKET_BYTES < total_bytes:
        count *= 2
    return count


def write_buckets(table: pa.Table, path: Path, buckets: int) -> None:
    """Write a part: its rows sorted by id, one record batch a bucket."""
    ordered = table.sort_by("id").combine_chunks()
    ids = ordered.column("id")
    order = _Ids(ids)
    bounds = [bisect_left(order, f"{MOST_BUCKETS * n // buckets:02x}") for n in range(1, buckets)]
    with pa.ipc.new_file(path, ordered.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as file:
        for start, end in zip([0, *bounds], [*bounds, len(ids)], strict=True):
            chunks = ordered.slice(start, end - start).to_batches()
            file.write_batch(chunks[0] if chunks else pa.RecordBatch.from_pylist([], ordered.schema))


def merged(parts: Sequence[Path], buckets: int) -> Iterator[pa.Table]:
    """The rows of all parts sorted by id, a bucket at a time. Let go of one before the next is asked for."""
    if parts:
        for bucket in range(buckets):
            yield _bucket(parts, bucket)


def _bucket(parts: Sequence[Path], bucket: int) -> pa.Table:
    tables = []
    for part in parts:
        with pa.ipc.open_file(part) as file:
            tables.append(pa.Table.from_batches([file.get_batch(bucket)]))
    return pa.concat_tables(tables).sort_by("id")


class _Ids(Sequence[str]):
    def __init__(self, column: pa.ChunkedArray) -> None:
        self._column = column

    def __len__(self) -> int:
        return len(self._column)

    def __getitem__(self, at):  # type: ignore[no-untyped-def]
        return self._column[at].as_py()
