"""A text file, Markdown too, as one document; and how every other whole document is decoded."""

from __future__ import annotations

from collections.abc import Iterator

from catenary.data.formats.encoding import Decoded, decoded
from catenary.data.formats.opened import Input, UnreadableError
from catenary.data.formats.reading import Reading
from catenary.data.formats.records import Records, one


def read(given: Input, reading: Reading) -> Iterator[Records]:
    """The file's text."""
    told = whole_text(given, reading)
    yield one(told.text, encoding_meta(told))


def whole_text(given: Input, reading: Reading) -> Decoded:
    """All of an input as text. Raises UnreadableError where it is none, or too large."""
    return noted(decode(given.whole(reading.source.max_document_bytes), reading), reading)


def decode(data: bytes, reading: Reading) -> Decoded:
    """The text of bytes. Raises UnreadableError where they are none."""
    from hashlib import sha256

    told = decoded(data, reading.source.encoding)
    if told is None:
        raise UnreadableError("read:not_text", sha256(data).hexdigest())
    return told


def noted(told: Decoded, reading: Reading) -> Decoded:
    """`told`, with its encoding counted for the report."""
    reading.notes[f"encoding.{told.encoding}"] += 1
    reading.notes["encoding_errors"] += told.errors
    return told


def encoding_meta(told: Decoded) -> dict[str, str]:
    """What a document's `meta` says of an encoding that is not plain UTF-8."""
    meta = {} if told.encoding == "utf-8" else {"encoding": told.encoding}
    return meta | ({"encoding_errors": str(told.errors)} if told.errors else {})
