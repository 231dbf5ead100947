"""Datasets on disk: Parquet shards of texts, and one index of all documents sorted by id.

    documents.parquet       every document, dropped ones too, without its text: where it came from, under which licence,
                            what it is a copy of, why it was dropped, which split it is in
    train-00000.parquet …   the kept documents of a split with their texts, in the order of ids
    raw-00000.parquet …     documents as they were read, before curation

The same rows always give the same bytes: writer settings are fixed and nothing of the time or machine goes in.
"""

from __future__ import annotations

import os
import shutil
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from catenary.data.batches import Pieces
from catenary.errors import NotFound
from catenary.memory import release_unused
from catenary.records import document_schema

ROW_GROUP_ROWS = 65_536
PAGE_ROWS = 1024  # pages begin at multiples of so many rows in a chunk: the writer's default
SHARD_TEXT_BYTES = 64 << 20
SHARDS_ENDING = 1  # of a split beside the one that fills: its texts are in memory
INDEX_FILE = "documents.parquet"
REPEATED = ["label", "source", "file", "licence", "consent", "dropped", "split"]  # columns worth a dictionary


def index_schema() -> pa.Schema:
    """The columns of `documents.parquet`."""
    names = [
        "id",
        "label",
        "source",
        "file",
        "offset",
        "licence",
        "consent",
        "sha256",
        "duplicate_of",
        "dropped",
    ]
    return pa.schema([*(document_schema().field(name) for name in names), pa.field("split", pa.string())])


def text_schema() -> pa.Schema:
    """The columns of a split's shards."""
    names = ["id", "text", "label", "source", "file", "offset", "licence", "consent", "sha256", "annotations"]
    return pa.schema([document_schema().field(name) for name in names])


class ParquetSink:
    """A Parquet file written a piece at a time, that appears under its name only when it is whole."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.path = path
        self.schema = schema
        self._part = path.with_name(path.name + ".part")
        self._writer = pq.ParquetWriter(
            self._part,
            schema,
            version="2.6",
            compression="zstd",
            compression_level=3,
            use_dictionary=[name for name in REPEATED if name in schema.names],
            write_statistics=True,
        )
        self._came = Pieces()  # fewer rows than a page begins at
        self._came_rows = 0
        self._group: list[pa.Table] = []  # the row group that fills
        self._group_rows = 0

    def write(self, table: pa.Table) -> None:
        """Append rows; they are cut into row groups of the same size however they come."""
        self._came.add(table.select(self.schema.names).cast(self.schema))
        self._came_rows += table.num_rows
        if self._came_rows < PAGE_ROWS:
            return
        came = self._came.taken()
        while came.num_rows >= PAGE_ROWS:
            fitting = min(ROW_GROUP_ROWS - self._group_rows, came.num_rows // PAGE_ROWS * PAGE_ROWS)
            self._take_up(came.slice(0, fitting))
            came = came.slice(fitting)
            if self._group_rows == ROW_GROUP_ROWS:
                self._write_group()
        self._came.add(came)
        self._came_rows = came.num_rows

    def _take_up(self, rows: pa.Table) -> None:
        self._group.append(rows.combine_chunks())
        self._group_rows += rows.num_rows

    def _write_group(self) -> None:
        """Write what fills a row group. Its texts are not copied into one: they are most of the memory."""
        table = pa.concat_tables(self._group)
        self._group, self._group_rows = [], 0
        for at, field in enumerate(self.schema):
            if field.name in REPEATED or field.type.num_fields:  # whose pages follow chunks
                table = table.set_column(at, field, table.column(at).combine_chunks())
        self._writer.write_table(table, row_group_size=ROW_GROUP_ROWS)

    def close(self) -> None:
        """Write what is held, make it durable, give the file its name."""
        if self._came_rows:
            self._take_up(self._came.taken())
        if self._group_rows:
            self._write_group()
        self._writer.close()
        release_unused()
        _sync(self._part)
        os.replace(self._part, self.path)  # noqa: PTH105 - the same call, and it says what it does
        _sync(self.path.parent)

    def __enter__(self) -> ParquetSink:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._writer.close()
            self._part.unlink(missing_ok=True)


class SplitSink:
    """The shards of one split: a new one begins when the last holds `shard_bytes` of text.

    Most of a shard is compressed and written when it ends: with `threads`, while the next one fills.
    """

    def __init__(
        self,
        folder: Path,
        split: str,
        shard_bytes: int = SHARD_TEXT_BYTES,
        threads: ThreadPoolExecutor | None = None,
    ) -> None:
        self.folder, self.split, self.shard_bytes = folder, split, shard_bytes
        self._threads = threads
        self._ending: deque[Future[None]] = deque()
        self._sink: ParquetSink | None = None
        self._count = 0
        self._bytes = 0

    def write(self, table: pa.Table) -> None:
        """Append rows."""
        while table.num_rows:
            sizes = pc.cumulative_sum(pc.binary_length(table.column("text")))
            fitting = int(pc.sum(pc.less_equal(sizes, self.shard_bytes - self._bytes)).as_py() or 0)
            if self._sink is None:
                self._sink = ParquetSink(shard_path(self.folder, self.split, self._count), text_schema())
                fitting = max(fitting, 1)  # a text may be larger than a shard
            part = table.slice(0, fitting)
            if fitting:
                self._sink.write(part)
                self._bytes += int(sizes[fitting - 1].as_py())
            table = table.slice(fitting)
            if table.num_rows:
                self._end_shard()

    def end(self) -> None:
        """The last row has been written; a split without any has one empty shard: that none is there means damage."""
        if self._sink is None and self._count == 0:
            self._sink = ParquetSink(shard_path(self.folder, self.split, 0), text_schema())
        if self._sink is not None:
            self._end_shard()

    def close(self) -> None:
        """Wait until every shard has its name."""
        self.end()
        while self._ending:
            self._ending.popleft().result()

    def _end_shard(self) -> None:
        assert self._sink is not None
        if self._threads:
            if len(self._ending) == SHARDS_ENDING:
                self._ending.popleft().result()
            self._ending.append(self._threads.submit(self._sink.close))
        else:
            self._sink.close()
        self._sink, self._bytes = None, 0
        self._count += 1


def shard_path(folder: Path, name: str, number: int) -> Path:
    """Where the shard of this name and number stands."""
    return folder / f"{name}-{number:05d}.parquet"


def shard_paths(folder: Path, name: str) -> list[Path]:
    """The shards of this name (a split, or `raw`), in order. Raises NotFound when there are none."""
    paths = sorted(folder.glob(f"{name}-[0-9][0-9][0-9][0-9][0-9].parquet"))
    if not paths:
        raise NotFound("The dataset has no split `{split}`.", got=str(folder), split=name)
    return paths


def iter_split(
    folder: Path, split: str, columns: Sequence[str] | None = None, batch_rows: int = 8192
) -> Iterator[pa.RecordBatch]:
    """The documents of a split in the order of ids, a batch at a time; only these `columns` when given."""
    for path in shard_paths(folder, split):
        with pq.ParquetFile(path) as file:
            yield from file.iter_batches(batch_rows, columns=None if columns is None else list(columns))


def read_split(folder: Path, split: str, columns: Sequence[str] | None = None) -> pa.Table:
    """All documents of a split as one table."""
    names = None if columns is None else list(columns)
    return pa.concat_tables([pq.read_table(path, columns=names) for path in shard_paths(folder, split)])


def read_index(folder: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """The index of all documents, sorted by id."""
    return pq.read_table(folder / INDEX_FILE, columns=None if columns is None else list(columns))


@contextmanager
def committed(folder: Path) -> Iterator[Path]:
    """A folder to write into that gets its name `folder` only when the block ends well."""
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    yield part
    for path in part.iterdir():
        _sync(path)
    _sync(part)
    part.rename(folder)
    _sync(folder.parent)


def write_atomically(path: Path, data: bytes) -> None:
    """A file that is either the old one or the whole new one, whatever happens."""
    part = path.with_name(path.name + ".part")
    part.write_bytes(data)
    _sync(part)
    os.replace(part, path)  # noqa: PTH105 - the same call, and it says what it does
    _sync(path.parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
