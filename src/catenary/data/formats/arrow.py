"""Arrow: files (Feather 2) and streams, which is how `datasets` keeps a dataset on disk.

Of a dataset's features (in the schema's metadata) the names of classes are taken, so that a label is `positive` and
no 1, and a tag `B-PER`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa

from catenary.data.formats.opened import Input, UnreadableError
from catenary.data.formats.reading import Reading
from catenary.data.formats.records import Records
from catenary.data.formats.rows import add_row, has_documents, wanted

ROWS = 1024


def read(one: Input, reading: Reading) -> Iterator[Records]:
    """A record a row."""
    try:
        if one.head(6) == b"ARROW1":
            with one.seekable() as stream, pa.ipc.open_file(stream) as file:
                batches = (file.get_batch(at) for at in range(file.num_record_batches))
                yield from _read(batches, file.schema, reading)
        else:
            with pa.ipc.open_stream(one.stream) as stream:
                yield from _read(stream, stream.schema, reading)
    except (pa.ArrowException, UnicodeDecodeError):
        raise UnreadableError("read:damaged") from None


def _read(batches: Iterable[pa.RecordBatch], schema: pa.Schema, reading: Reading) -> Iterator[Records]:
    if not has_documents(set(schema.names), reading.source):
        raise UnreadableError("read:no_text_column")
    names = wanted(schema.names, reading.source)
    parts = (
        batch.slice(at, ROWS)
        for batch in batches
        if batch.validate() is None
        for at in range(0, batch.num_rows, ROWS)
    )
    yield from records_of((part.select(names) for part in parts), schema, reading)


def records_of(batches: Iterable[pa.RecordBatch], schema: pa.Schema, reading: Reading) -> Iterator[Records]:
    """The records of batches of rows."""
    classes = _classes(schema)
    offset = 0
    for batch in batches:
        records = Records(labels=[], annotations=[])
        for row in batch.to_pylist():
            offset += 1
            for name, names in classes.items():
                if name in row:
                    row[name] = _named(row[name], names)
            add_row(records, offset, row, reading.source)
        reading.tick()
        yield records


def _classes(schema: pa.Schema) -> dict[str, list[str]]:
    """The names of classes by column, as `datasets` writes them."""
    try:
        told = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        features = told["info"]["features"]
    except (ValueError, KeyError, TypeError):
        return {}
    found = {}
    for name, feature in features.items() if isinstance(features, dict) else ():
        inner = feature.get("feature", feature) if isinstance(feature, dict) else None
        if (
            isinstance(inner, dict)
            and inner.get("_type") == "ClassLabel"
            and isinstance(inner.get("names"), list)
        ):
            found[name] = [str(one) for one in inner["names"]]
    return found


def _named(value: Any, names: list[str]) -> Any:
    if isinstance(value, list):
        return [_named(one, names) for one in value]
    return names[value] if isinstance(value, int) and 0 <= value < len(names) else None
