"""Parallel text as Moses has it: two files whose lines stand beside each other.

sources:
  news: {path: corpus, files: {source: news.en, target: news.zh}, format: moses, licence: CC-BY-4.0}
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest

from catenary.data.annotations import annotations_in, text_of
from catenary.data.formats.lines import text_lines
from catenary.data.formats.opened import Input, UnreadableError, buffered
from catenary.data.formats.reading import Reading
from catenary.data.formats.records import BATCH_ROWS, BLOCK_BYTES, Records


def read(one: Input, reading: Reading) -> Iterator[Records]:
    """A pair a line; where one file ends before the other, nothing of the rest is believed."""
    if one.other is None:
        raise UnreadableError("read:no_other_language")
    with one.other.open("rb") as file:
        other = Input(one.other.name, buffered(file, lambda count: reading.tick()))
        records, size = Records(annotations=[]), 0
        nothing = object()
        pairs = zip_longest(text_lines(one, reading), text_lines(other, reading), fillvalue=nothing)
        for offset, (source, target) in enumerate(pairs, 1):
            if source is nothing or target is nothing:
                records.add(offset, why="read:lines_differ")
                break
            if not isinstance(source, str) or not isinstance(target, str):
                records.add(offset, whole=b"%d" % offset, why="read:not_text")
            elif not source.strip() or not target.strip():
                records.add(offset)
            else:
                columns = {"source": source, "target": target}
                records.add(offset, text_of(columns) or "", None, annotations_in(columns))
                size += len(source) + len(target)
            if len(records.offsets) >= BATCH_ROWS or size >= BLOCK_BYTES:
                yield records
                records, size = Records(annotations=[]), 0
        yield records
