"""CSV and TSV: a record a row."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Literal

from catenary.data.formats.encoding import LineDecoder
from catenary.data.formats.lines import Lines, blocks_of_lines, text_stream
from catenary.data.formats.opened import Input, UnreadableError
from catenary.data.formats.reading import Reading
from catenary.data.formats.records import BATCH_ROWS, BLOCK_BYTES, Records
from catenary.data.formats.rows import add_row, has_documents


def read_csv(one: Input, reading: Reading) -> Iterator[Records]:
    """Comma-separated (RFC 4180): a quoted field may hold commas and line feeds."""
    return _read(one, reading, ",", csv.QUOTE_MINIMAL)


def read_tsv(one: Input, reading: Reading) -> Iterator[Records]:
    """Tab-separated: IANA's text/tab-separated-values has no quotes."""
    return _read(one, reading, "\t", csv.QUOTE_NONE)


class _RowTooLargeError(Exception):
    pass


class _CsvLines:
    """A file's lines for `csv.reader`. No row may be longer than the limit, over however many lines it goes."""

    def __init__(self, one: Input, reading: Reading) -> None:
        self.decoder = LineDecoder(reading.source.encoding)
        self._limit = reading.source.max_document_bytes
        self._blocks = blocks_of_lines(text_stream(one, self.decoder), self._limit, decoder=self.decoder)
        self._block = Lines([], {})
        self._at = 0
        self.row_bytes = 0

    def __iter__(self) -> _CsvLines:
        return self

    def __next__(self) -> str:
        while self._at == len(self._block.lines):
            self._block, self._at = next(self._blocks), 0
        line, too_large = self._block.lines[self._at], self._at in self._block.too_large
        self._at += 1
        self.row_bytes += len(line)
        if too_large or self.row_bytes > self._limit:
            raise _RowTooLargeError
        # Bytes that are no text pass as lone surrogates, so that only their own field is lost.
        return line.decode(self.decoder.name, "surrogateescape") + "\n"


def _read(one: Input, reading: Reading, delimiter: str, quoting: Literal[0, 3]) -> Iterator[Records]:
    source = reading.source
    if csv.field_size_limit() < source.max_document_bytes:
        csv.field_size_limit(source.max_document_bytes)  # the module knows one limit for all its readers
    lines = _CsvLines(one, reading)
    rows = csv.reader(lines, delimiter=delimiter, quoting=quoting)
    header = None if source.columns is None else list(source.columns)
    offset = 0
    records, size = Records(labels=[], annotations=[]), 0
    while True:
        lines.row_bytes = 0
        try:
            row = next(rows)
        except StopIteration:
            break
        except (_RowTooLargeError, csv.Error) as error:
            offset += 1
            why = "read:bad_csv" if isinstance(error, csv.Error) else "read:too_large"
            records.add(offset, whole=b"%d" % offset, why=why)
            rows = csv.reader(lines, delimiter=delimiter, quoting=quoting)
            continue
        if header is None:
            header = row
            if not has_documents(set(header), source):
                raise UnreadableError("read:no_text_column")
            continue
        offset += 1
        if row:
            fields = dict(zip(header, row, strict=False))
            add_row(records, offset, fields, source, repr(row).encode("utf-8", "surrogatepass"))
        else:
            records.add(offset)
        size += len(records.texts[-1])
        if len(records.offsets) >= BATCH_ROWS or size >= BLOCK_BYTES:
            yield records
            records, size = Records(labels=[], annotations=[]), 0
    reading.notes[f"encoding.{lines.decoder.name}"] += 1
    yield records
