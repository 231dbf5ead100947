"""JSON lines: a record a line."""

from __future__ import annotations

import json
from collections.abc import Iterator

from catenary.data.formats.lines import decoded_blocks
from catenary.data.formats.opened import Input
from catenary.data.formats.reading import QUARANTINED, Reading
from catenary.data.formats.records import Records
from catenary.data.formats.rows import add_row


def read(one: Input, reading: Reading) -> Iterator[Records]:
    """A record a line; see `rows.py` for the shapes that it may have."""
    offset = 0
    for block, texts in decoded_blocks(one, reading):
        records = Records(labels=[], annotations=[], metas=[] if block.too_large else None)
        for at, (line, text) in enumerate(zip(block.lines, texts, strict=True)):
            offset += 1
            if text is None:
                records.add(offset, whole=line, why="read:not_text")
            elif at in block.too_large:
                records.add(offset, why="read:too_large")
                assert records.metas is not None
                large = block.too_large[at]
                records.sha256s[-1], records.metas[-1] = large.sha256, {QUARANTINED: str(large.length)}
            elif not text or text.isspace():
                records.add(offset, text)
            else:
                try:
                    value = json.loads(text)
                except (ValueError, RecursionError):
                    value = None
                if isinstance(value, dict):
                    add_row(records, offset, value, reading.source, text.encode("utf-8", "surrogatepass"))
                else:
                    records.add(offset, whole=text.encode("utf-8", "surrogatepass"), why="read:bad_json")
        yield records
