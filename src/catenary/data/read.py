"""Reading files as batches of documents, a bounded piece at a time.

Whatever a file holds, it never stops the run: what cannot be read becomes a document without text that was dropped
for a reason, so that every record of the file is accounted for.

    read:not_text         the bytes are not text in the source's encoding
    read:too_large        longer than `max_document_bytes` (its digest is still taken, its text is not held)
    read:empty            nothing but white space
    read:bad_json         the line is no JSON object        read:bad_csv   the row breaks the rules of CSV
    read:bad_annotations  the record's tokens, tags, answers … do not fit together (`annotations.py`)
    read:no_text          the record lacks the text column, or holds no text there
    read:no_text_column   the table has no such column      read:bad_parquet   the file is damaged
    read:unreadable, read:outside_source, read:broken_link, read:not_a_file   the file was not opened

A document's `sha256` is that of its text in UTF-8, or of the bytes that are no text.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal

import pyarrow as pa

from catenary.data.annotations import COLUMNS, annotations_in, text_of
from catenary.data.ids import FileIds
from catenary.data.sources import Format, Source, SourceFile, licence_of
from catenary.errors import InvalidInput
from catenary.records import document_schema

BLOCK_BYTES = 1 << 18
BATCH_ROWS = 8192
BOM = b"\xef\xbb\xbf"


@dataclass(slots=True)
class Records:
    """Records that follow each other in a file, by column. `offsets` count from 1."""

    offsets: list[int] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    sha256s: list[str] = field(default_factory=list)
    dropped: list[str | None] = field(default_factory=list)
    labels: list[str | None] | None = None
    annotations: list[str | None] | None = None

    def add(
        self,
        offset: int,
        text: str = "",
        label: str | None = None,
        annotations: str | None = None,
        *,
        whole: bytes = b"",
        why: str = "",
    ) -> None:
        """One record more: its text, or `why` there is none and the bytes that stand for it."""
        if not why:
            whole = text.encode()
        self.offsets.append(offset)
        self.texts.append("" if why else text)
        self.sha256s.append(hashlib.sha256(whole).hexdigest())
        self.dropped.append(why or _if_empty(text))
        if self.labels is not None:
            self.labels.append(label)
        if self.annotations is not None:
            self.annotations.append(None if why else annotations)


def read(source: Source, files: Iterable[SourceFile], source_name: str) -> Iterator[pa.RecordBatch]:
    """The documents of `files` in order, in batches of about a quarter of a megabyte or of one larger document."""
    for file in files:
        yield from read_file(source, file, source_name)


def read_file(source: Source, file: SourceFile, source_name: str) -> Iterator[pa.RecordBatch]:
    """The documents of one file. Batches do not cross files, and are the same at every reading."""
    ids = FileIds(source_name, file.name)
    licence = licence_of(source)
    for records in _records(source, file):
        if records.offsets:
            yield _batch(records, ids, source, file, source_name, licence)


def _batch(
    records: Records, ids: FileIds, source: Source, file: SourceFile, source_name: str, licence: str
) -> pa.RecordBatch:
    schema = document_schema()
    count = len(records.offsets)
    labels = records.labels or pa.nulls(count, pa.string())
    columns = {
        "id": ids.ids(records.sha256s),
        "text": records.texts,
        "label": pa.repeat(file.label, count) if file.label is not None else labels,
        "source": pa.repeat(source_name, count),
        "file": pa.repeat(file.name, count),
        "offset": records.offsets,
        "licence": pa.repeat(licence, count),
        "consent": pa.repeat(source.consent, count),
        "sha256": records.sha256s,
        "duplicate_of": pa.nulls(count, pa.string()),
        "dropped": records.dropped,
        "meta": pa.array([[]] * count, schema.field("meta").type),
        "annotations": records.annotations or pa.nulls(count, pa.large_string()),
    }
    arrays = [
        column if isinstance(column, pa.Array) else pa.array(column, schema.field(name).type)
        for name, column in columns.items()
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _records(source: Source, file: SourceFile) -> Iterator[Records]:
    last = 0
    why = file.refused
    if why is None:
        try:
            for records in READERS[file.format](source, file.path):
                last = records.offsets[-1] if records.offsets else last
                yield records
        except OSError:  # taken away or unreadable, perhaps half-way
            why = "read:unreadable"
    if why is not None:
        told = Records()
        told.add(last + 1, why=why)
        yield told


def _if_empty(text: str) -> str | None:
    return "read:empty" if not text or text.isspace() else None


# ── lines ───────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class Lines:
    """Lines without their ends. One longer than the limit is empty, and its digest stands in `too_large`."""

    lines: list[bytes]
    too_large: dict[int, str]


def _blocks_of_lines(file: BinaryIO, limit: int, block_bytes: int = BLOCK_BYTES) -> Iterator[Lines]:
    """Lines end with LF or CRLF. Holds at most `limit` bytes of an unfinished line, and one block."""
    held: list[bytes] = []
    held_bytes = 0
    outgrown = None  # the digest of a line that is longer than the limit
    first = True
    while block := file.read(block_bytes):
        if first:
            block, first = block.removeprefix(BOM), False
        lines = block.split(b"\n")
        rest = lines.pop()
        if lines:
            too_large: dict[int, str] = {}
            if outgrown is not None:
                outgrown.update(lines[0])
                too_large[0], lines[0], outgrown = outgrown.hexdigest(), b"", None
            elif held:
                lines[0] = b"".join((*held, lines[0]))
            held, held_bytes = [], 0
            yield _bounded(lines, too_large, limit)
        if outgrown is not None:
            outgrown.update(rest)
        elif rest:
            held.append(rest)
            held_bytes += len(rest)
            if held_bytes > limit + 1:  # + 1: a CR that belongs to the line's end
                outgrown = hashlib.sha256(b"".join(held))
                held, held_bytes = [], 0
    if outgrown is not None:
        yield Lines([b""], {0: outgrown.hexdigest()})
    elif held:
        yield _bounded([b"".join(held)], {}, limit)


def _bounded(lines: list[bytes], too_large: dict[int, str], limit: int) -> Lines:
    if any(line.endswith(b"\r") for line in lines):
        lines = [line.removesuffix(b"\r") for line in lines]
    if max(map(len, lines)) > limit:
        for at, line in enumerate(lines):
            if len(line) > limit:
                too_large[at] = hashlib.sha256(line).hexdigest()
                lines[at] = b""
    return Lines(lines, too_large)


def _decoded(lines: list[bytes], encoding: str) -> list[str | None]:
    """The text of each line, None where the bytes are none; all at once as long as all are text."""
    try:
        texts: list[str | None] = [*b"\n".join(lines).decode(encoding).split("\n")]
        if len(texts) == len(lines):
            return texts
    except UnicodeDecodeError:
        pass
    return [_text(line, encoding) for line in lines]


def _text(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return None


def _read_lines(source: Source, path: Path) -> Iterator[Records]:
    offset = 0
    with path.open("rb") as file:
        for block in _blocks_of_lines(file, source.max_document_bytes):
            texts = _decoded(block.lines, source.encoding)
            held = [text or "" for text in texts]
            # In UTF-8 the bytes that were read are those of the text.
            data = block.lines if source.encoding == "utf-8" else [text.encode() for text in held]
            records = Records(
                offsets=list(range(offset + 1, offset + 1 + len(texts))),
                texts=held,
                sha256s=[hashlib.sha256(line).hexdigest() for line in data],
                dropped=[None if text and not text.isspace() else "read:empty" for text in held],
            )
            for at, text in enumerate(texts) if None in texts else ():
                if text is None:
                    records.dropped[at] = "read:not_text"
                    records.sha256s[at] = hashlib.sha256(block.lines[at]).hexdigest()
            for at, sha256 in block.too_large.items():
                records.dropped[at], records.sha256s[at] = "read:too_large", sha256
            offset += len(texts)
            yield records


def _read_text(source: Source, path: Path) -> Iterator[Records]:
    records = Records()
    with path.open("rb") as file:
        data = file.read(source.max_document_bytes + len(BOM) + 1).removeprefix(BOM)
        if len(data) > source.max_document_bytes:
            sha256 = hashlib.sha256(data)
            while block := file.read(BLOCK_BYTES):
                sha256.update(block)
            yield Records([1], [""], [sha256.hexdigest()], ["read:too_large"])
            return
        text = _text(data, source.encoding)
        if text is None:
            records.add(1, whole=data, why="read:not_text")
        else:
            records.add(1, text)
    yield records


# ── tables ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _read_jsonl(source: Source, path: Path) -> Iterator[Records]:
    offset = 0
    with path.open("rb") as file:
        for block in _blocks_of_lines(file, source.max_document_bytes):
            records = Records(labels=[], annotations=[])
            for at, (line, text) in enumerate(
                zip(block.lines, _decoded(block.lines, source.encoding), strict=True)
            ):
                offset += 1
                if text is None:
                    records.add(offset, whole=line, why="read:not_text")
                elif at in block.too_large:
                    records.add(offset, why="read:too_large")
                    records.sha256s[-1] = block.too_large[at]
                elif not text or text.isspace():
                    records.add(offset, text)
                else:
                    _add_json(records, offset, text, source)
            yield records


def _add_json(records: Records, offset: int, line: str, source: Source) -> None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict):
        _add_row(records, offset, value, source, line)
    else:
        records.add(offset, whole=line.encode(), why="read:bad_json")


def _add_row(
    records: Records, offset: int, row: Mapping[str, object], source: Source, whole: str | None = None
) -> None:
    """A record with annotations perhaps, which make its text where it has none."""
    text, label = row.get(source.text), row.get(source.label) if source.label else None
    own = {name: value for name, value in row.items() if name != source.text}
    if source.label and isinstance(label, list):
        own["labels"] = label
    whole = repr(text) if whole is None else whole
    try:
        annotations = annotations_in(own)
    except InvalidInput:
        records.add(offset, whole=whole.encode("utf-8", "surrogatepass"), why="read:bad_annotations")
        return
    if annotations is not None and text is None:
        text = text_of(json.loads(annotations))
    _add_field(records, offset, text, label, whole, annotations)


def _add_field(
    records: Records, offset: int, text: object, label: object, whole: str, annotations: str | None = None
) -> None:
    """The record of a table's row; `whole` stands for it where it has no text."""
    told = str(label) if isinstance(label, str | int | float) else None
    if not isinstance(text, str):
        records.add(offset, label=told, whole=whole.encode("utf-8", "surrogatepass"), why="read:no_text")
        return
    try:
        text.encode()
        ((told or "") + (annotations or "")).encode()
    except UnicodeEncodeError:  # bytes that were no text; and JSON can escape half of a surrogate pair
        records.add(offset, whole=whole.encode("utf-8", "surrogatepass"), why="read:not_text")
    else:
        records.add(offset, text, told, annotations)


def _read_csv(source: Source, path: Path) -> Iterator[Records]:
    return _read_separated(source, path, ",", csv.QUOTE_MINIMAL)


def _read_tsv(source: Source, path: Path) -> Iterator[Records]:
    return _read_separated(
        source, path, "\t", csv.QUOTE_NONE
    )  # IANA's text/tab-separated-values has no quotes


class _RowTooLargeError(Exception):
    pass


class _CsvLines:
    """A file's lines for `csv.reader`. No row may be longer than the limit, over however many lines it goes."""

    def __init__(self, file: BinaryIO, source: Source) -> None:
        self._blocks = _blocks_of_lines(file, source.max_document_bytes)
        self._block = Lines([], {})
        self._at = 0
        self._source = source
        self.row_bytes = 0

    def __iter__(self) -> _CsvLines:
        return self

    def __next__(self) -> str:
        while self._at == len(self._block.lines):
            self._block, self._at = next(self._blocks), 0
        line, too_large = self._block.lines[self._at], self._at in self._block.too_large
        self._at += 1
        self.row_bytes += len(line)
        if too_large or self.row_bytes > self._source.max_document_bytes:
            raise _RowTooLargeError
        # Bytes that are no text pass as lone surrogates, so that only their own field is lost.
        return line.decode(self._source.encoding, "surrogateescape") + "\n"


def _read_separated(source: Source, path: Path, delimiter: str, quoting: Literal[0, 3]) -> Iterator[Records]:
    if csv.field_size_limit() < source.max_document_bytes:
        csv.field_size_limit(source.max_document_bytes)  # the module knows one limit for all its readers
    with path.open("rb") as file:
        lines = _CsvLines(file, source)
        rows = csv.reader(lines, delimiter=delimiter, quoting=quoting)
        header = None if source.columns is None else list(source.columns)
        offset = 0
        records, size = Records(labels=[]), 0
        while True:
            lines.row_bytes = 0
            try:
                row = next(rows)
            except StopIteration:
                yield records
                return
            except (_RowTooLargeError, csv.Error) as error:
                offset += 1
                why = "read:bad_csv" if isinstance(error, csv.Error) else "read:too_large"
                records.add(offset, whole=b"%d" % offset, why=why)
                rows = csv.reader(lines, delimiter=delimiter, quoting=quoting)
                continue
            if header is None:
                header = row
                if source.text not in header:
                    records.add(1, why="read:no_text_column")
                    yield records
                    return
                continue
            offset += 1
            if row:
                fields = dict(zip(header, row, strict=False))
                label = fields.get(source.label) if source.label else None
                _add_field(records, offset, fields.get(source.text), label, repr(row))
            else:
                records.add(offset)
            size += len(records.texts[-1])
            if len(records.offsets) >= BATCH_ROWS or size >= BLOCK_BYTES:
                yield records
                records, size = Records(labels=[]), 0


def _read_parquet(source: Source, path: Path) -> Iterator[Records]:
    import pyarrow.parquet as pq

    offset = 0
    records = Records(labels=[])
    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            if source.text not in names and not COLUMNS.keys() & set(names):
                records.add(1, why="read:no_text_column")
                yield records
                return
            columns = [name for name in (source.text, source.label, *COLUMNS) if name in names]
            for batch in file.iter_batches(batch_size=1024, columns=columns):
                records = Records(labels=[], annotations=[])
                for row in batch.to_pylist():
                    offset += 1
                    text = row.get(source.text)
                    if isinstance(text, str) and len(text.encode()) > source.max_document_bytes:
                        records.add(offset, whole=text.encode(), why="read:too_large")
                    else:
                        _add_row(records, offset, row, source)
                yield records
    except (pa.ArrowException, UnicodeDecodeError):
        records = Records(labels=[])
        records.add(offset + 1, why="read:bad_parquet")
        yield records


READERS: dict[Format, Callable[[Source, Path], Iterator[Records]]] = {
    "lines": _read_lines,
    "text": _read_text,
    "jsonl": _read_jsonl,
    "csv": _read_csv,
    "tsv": _read_tsv,
    "parquet": _read_parquet,
}
