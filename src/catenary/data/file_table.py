"""The files of a source as a manifest tells of them: each with its size and SHA-256.

    told = file_list(files, sha_of)       # in the manifest itself, where they are few
    told = file_sums(files, sha_of)       # {"count": 1_000_000, "bytes": …, "sha256": …}: of what that list would say
    write_files(files, sha_of, path)      # … and that list as Parquet, written a piece at a time; returns the sums

As a list in a manifest a million files are half a gigabyte of JSON, and four times that in memory.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catenary.data.source_files import SourceFile

if TYPE_CHECKING:
    import pyarrow as pa

MOST_LISTED = 10_000  # files; those of a source with more are a table
ROWS = 8192

ShaOf = Callable[[Path], str]
Fact = dict[str, Any]


def file_list(files: Sequence[SourceFile], sha_of: ShaOf) -> list[Fact]:
    """What is told of each file."""
    return list(_facts(files, sha_of))


def file_sums(files: Sequence[SourceFile], sha_of: ShaOf) -> dict[str, Any]:
    """How many there are, their bytes together, and the SHA-256 of `file_list` as lines of JSON."""
    return _Sums().of(_facts(files, sha_of))


def write_files(files: Sequence[SourceFile], sha_of: ShaOf, path: Path) -> dict[str, Any]:
    """Write what `file_list` tells as a table, and give its `file_sums`."""
    import pyarrow as pa

    from catenary.data.shards import ParquetSink

    sums, schema = _Sums(), _schema()
    facts = _facts(files, sha_of)
    with ParquetSink(path, schema) as sink:
        while rows := list(islice(facts, ROWS)):
            sums.add(rows)
            sink.write(pa.Table.from_pylist(rows, schema))
    return sums.told


def add_records(table: Path, index: Path, out: Path) -> None:
    """Write the table of files anew with how many documents each gave, its parts' (`a.zip!/b.txt`) included."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from catenary.data.shards import ParquetSink

    records = _records(table, index)
    schema = _schema().append(pa.field("records", pa.int64()))
    start = 0
    with pq.ParquetFile(table) as files, ParquetSink(out, schema) as sink:
        for batch in files.iter_batches(ROWS):
            of_batch = records.slice(start, batch.num_rows)
            sink.write(pa.Table.from_batches([batch]).append_column(schema.field("records"), of_batch))
            start += batch.num_rows


def _records(table: Path, index: Path) -> pa.ChunkedArray:
    """How many documents in `index` each file of `table` gave, in its order."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    by_file = _documents_by_file(index)
    names = pq.read_table(table, columns=["name"], use_threads=False).column("name")
    at = pc.index_in(names, value_set=by_file.field("values"))
    return pc.fill_null(by_file.field("counts").take(at), 0)


def _documents_by_file(index: Path) -> pa.StructArray:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    with pq.ParquetFile(index) as documents:
        files = [
            pc.replace_substring_regex(batch.column("file").cast(pa.string()), "(?s)!/.*", "")
            for batch in documents.iter_batches(columns=["file"], use_threads=False)
        ]
    return pc.value_counts(pa.chunked_array(files, pa.string()))


def _facts(files: Sequence[SourceFile], sha_of: ShaOf) -> Iterator[Fact]:
    for file in files:
        yield {
            "name": file.name,
            "label": file.label,
            "format": file.format,
            "bytes": file.bytes,
            "sha256": None if file.refused or file.fingerprint else sha_of(file.path),
            **({"fingerprint": file.fingerprint} if file.fingerprint else {}),
            **({"other_sha256": sha_of(file.other)} if file.other and not file.refused else {}),
            "refused": file.refused,
        }


class _Sums:
    def __init__(self) -> None:
        self._count = self._bytes = 0
        self._sha = sha256()

    def of(self, facts: Iterator[Fact]) -> dict[str, Any]:
        while rows := list(islice(facts, ROWS)):
            self.add(rows)
        return self.told

    def add(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self._count += len(rows)
        self._bytes += sum(row["bytes"] for row in rows)
        lines = (json.dumps(row, sort_keys=True, separators=(",", ":")) + "\n" for row in rows)
        self._sha.update("".join(lines).encode())

    @property
    def told(self) -> dict[str, Any]:
        return {"count": self._count, "bytes": self._bytes, "sha256": self._sha.hexdigest()}


def _schema() -> pa.Schema:
    import pyarrow as pa

    texts = ("name", "label", "format", "sha256", "fingerprint", "other_sha256", "refused")
    fields = [pa.field(name, pa.string()) for name in texts]
    return pa.schema([*fields[:3], pa.field("bytes", pa.int64()), *fields[3:]])
