"""Reading files as batches of documents, a bounded piece at a time.

Whatever a file holds, it never stops the run: what cannot be read becomes a document without text that was dropped
for a reason, so that every record of the file is accounted for.

    read:not_text         the bytes are no text in the source's encoding, or in any that we know
    read:too_large        longer than `max_document_bytes` (its digest is still taken, its text is not held)
    read:empty            nothing but white space
    read:bad_json, read:bad_csv, read:bad_line    the record breaks the rules of its format
    read:bad_annotations  the record's tokens, tags, answers … do not fit together (`annotations.py`)
    read:no_text          the record lacks the text column, or holds no text there
    read:no_text_column   the table has no such column
    read:lines_differ, read:no_such_language      parallel text whose other side is not there
    read:fuzzy, read:obsolete, read:untranslated  messages of a gettext catalog without a translation to trust

and for a whole file, or a part of one, which is then listed as quarantined:

    read:wrong_format     its content is not what its name or the source says     read:unknown_format
    read:damaged, read:bad_parquet, read:encrypted
    read:bomb             it expands beyond all measure                           read:too_deep, read:too_many_parts
    read:entities         XML that declares entities
    read:link, read:outside_source, read:broken_link, read:not_a_file, read:unreadable    it was not opened
    read:timeout, read:memory, read:crashed       it took a process too long, too much, or down with it

A document's `sha256` is that of its text in UTF-8, or of the bytes that are no text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa

from catenary.data.formats.reading import Reading, quarantined
from catenary.data.formats.records import BATCH_ROWS, BLOCK_BYTES, Records
from catenary.data.ids import FileIds
from catenary.data.source_files import SourceFile
from catenary.data.sources import Source, licence_of
from catenary.records import document_schema


def read(source: Source, files: Iterable[SourceFile], source_name: str) -> Iterator[pa.RecordBatch]:
    """The documents of `files` in order, in batches of about a quarter of a megabyte or of one larger document."""
    for file in files:
        yield from read_file(source, file, source_name)


def read_file(
    source: Source, file: SourceFile, source_name: str, reading: Reading | None = None
) -> Iterator[pa.RecordBatch]:
    """The documents of one file, and of all that stands in it. Batches are the same at every reading."""
    batch = _Batch(source, file, source_name)
    for records in _records(file, reading or Reading(source)):
        if records.offsets:
            batch.add(records)
            if batch.is_full:
                yield batch.take()
    if batch.rows:
        yield batch.take()


def _records(file: SourceFile, reading: Reading) -> Iterator[Records]:
    if file.refused is not None:
        yield quarantined(file.refused, file.bytes)
    else:
        yield from reading.file(file)


class _Batch:
    """Records of one file, gathered until they make a batch."""

    def __init__(self, source: Source, file: SourceFile, source_name: str) -> None:
        self.rows = 0
        self._source, self._file, self._source_name = source, file, source_name
        self._licence = licence_of(source)
        self._schema = document_schema()
        self._ids: dict[str, FileIds] = {}
        self._columns = self._new()
        self._bytes = 0

    def _new(self) -> dict[str, list[Any]]:
        return {
            name: []
            for name in ("id", "text", "label", "file", "offset", "sha256", "dropped", "meta", "annotations")
        }

    @property
    def is_full(self) -> bool:
        """Whether the batch is large enough to go on."""
        return self._bytes >= BLOCK_BYTES or self.rows >= BATCH_ROWS

    def add(self, records: Records) -> None:
        """Take up records."""
        count = len(records.offsets)
        name = f"{self._file.name}!/{records.part}" if records.part else self._file.name
        columns = self._columns
        columns["id"] += self._ids_of(records.part, name).ids(records.sha256s)
        columns["text"] += records.texts
        columns["label"] += records.labels or [None] * count
        columns["file"] += [name] * count
        columns["offset"] += records.offsets
        columns["sha256"] += records.sha256s
        columns["dropped"] += records.dropped
        columns["meta"] += [list(meta.items()) for meta in records.metas] if records.metas else [[]] * count
        columns["annotations"] += records.annotations or [None] * count
        self.rows += count
        self._bytes += records.text_bytes

    def take(self) -> pa.RecordBatch:
        """The batch; a new one begins."""
        count = self.rows
        file = self._file
        columns: dict[str, Any] = {
            **self._columns,
            "source": pa.repeat(self._source_name, count),
            "licence": pa.repeat(self._licence, count),
            "consent": pa.repeat(self._source.consent, count),
            "duplicate_of": pa.nulls(count, pa.string()),
        }
        if file.label is not None:
            columns["label"] = pa.repeat(file.label, count)
        arrays = [
            columns[field.name]
            if isinstance(columns[field.name], pa.Array)
            else pa.array(columns[field.name], field.type)
            for field in self._schema
        ]
        self._columns, self.rows, self._bytes = self._new(), 0, 0
        return pa.RecordBatch.from_arrays(arrays, schema=self._schema)

    def _ids_of(self, part: str, name: str) -> FileIds:
        """The ids of a part. A part that has ended does not come again; those that hold the present one do."""
        if part not in self._ids:
            self._ids = {
                other: ids for other, ids in self._ids.items() if not other or part.startswith(f"{other}!/")
            }
            self._ids[part] = FileIds(self._source_name, name)
        return self._ids[part]
