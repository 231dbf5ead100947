"""SQLite: the rows of the tables that hold documents, or of the source's `query:`.

The file is opened for reading alone. What it defines (views, triggers, functions in its schema) is not trusted.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from catenary.data.formats.opened import Input, UnreadableError
from catenary.data.formats.reading import Reading
from catenary.data.formats.records import BATCH_ROWS, BLOCK_BYTES, Records
from catenary.data.formats.rows import add_row, has_documents, wanted


def read(one: Input, reading: Reading) -> Iterator[Records]:
    """A record a row; without a query, every table whose columns make documents, in the order of their names."""
    with one.on_disk() as path:
        try:
            yield from _rows(path, reading)
        except sqlite3.DatabaseError:
            raise UnreadableError("read:damaged") from None


def _rows(path: Path, reading: Reading) -> Iterator[Records]:
    database = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
    try:
        database.execute("PRAGMA trusted_schema = OFF")
        database.execute("PRAGMA cell_size_check = ON")
        database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, max(reading.source.max_document_bytes * 2, 1 << 16))
        database.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
        queries = [reading.source.query] if reading.source.query else _queries(database, reading)
        if not queries:
            raise UnreadableError("read:no_text_column")
        offset = 0
        for query in queries:
            rows = database.execute(query)
            names = [column[0] for column in rows.description]
            records, size = Records(labels=[], annotations=[]), 0
            try:
                for row in rows:
                    offset += 1
                    add_row(records, offset, dict(zip(names, row, strict=True)), reading.source)
                    size += len(records.texts[-1])
                    if len(records.offsets) >= BATCH_ROWS or size >= BLOCK_BYTES:
                        reading.tick()
                        yield records
                        records, size = Records(labels=[], annotations=[]), 0
            except sqlite3.DatabaseError:
                yield records  # what came before is whole
                raise
            yield records
    finally:
        database.close()


def _queries(database: sqlite3.Connection, reading: Reading) -> list[str]:
    tables = [
        name
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        if isinstance(name, str) and not name.startswith("sqlite_")
    ]
    found = []
    for table in tables:
        columns = [row[1] for row in database.execute(f"PRAGMA table_info({_quoted(table)})")]
        if has_documents(set(columns), reading.source):
            listed = ", ".join(map(_quoted, wanted(columns, reading.source)))
            found.append(f"SELECT {listed} FROM {_quoted(table)}")
    return found


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
