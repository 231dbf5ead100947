"""The records that flow between the crafts: documents and the columns that hold them.

A document keeps its identity through every step. Its id says what it is and where it came from, not where it
stands now: the source's name, the file, the text as it was read, and which occurrence of that text in the file
it is. Lines added above it, or another machine, leave it unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from catenary.digest import digest, text_sha256

if TYPE_CHECKING:
    import pyarrow as pa

DOCUMENT_ID_DIGITS = 32  # 128 bits: a collision among 10⁹ documents has a chance of 10⁻²¹


@dataclass(frozen=True, slots=True)
class Document:
    """One text with where it came from and under which terms.

    `offset` is the record's number in its file, from 1: the line of a line format, the row of a table, 1 for a
    file that is one document. `dropped` says why a step dropped it, as `step:reason`; None while it is kept.
    """

    text: str
    id: str = ""
    label: str | None = None
    source: str = ""
    file: str = ""
    offset: int = 0
    licence: str = ""
    consent: str = ""
    sha256: str = ""  # of the text as it was read
    duplicate_of: str | None = None
    dropped: str | None = None
    meta: Mapping[str, str] = field(default_factory=dict)
    annotations: str | None = None  # a JSON object: see `data/annotations.py`


def document_id(source: str, file: str, text: str, occurrence: int = 0) -> str:
    """The id of the `occurrence`-th (from 0) document with this `text` in this `file` of this `source`."""
    return digest(["document", source, file, text_sha256(text), occurrence])[:DOCUMENT_ID_DIGITS]


@cache
def document_schema() -> pa.Schema:
    """The Arrow columns of documents, one for each field of `Document`."""
    import pyarrow as pa

    return pa.schema(
        [
            pa.field("id", pa.string(), nullable=False),
            pa.field("text", pa.large_string(), nullable=False),
            pa.field("label", pa.string()),
            pa.field("source", pa.string(), nullable=False),
            pa.field("file", pa.string(), nullable=False),
            pa.field("offset", pa.int64(), nullable=False),
            pa.field("licence", pa.string(), nullable=False),
            pa.field("consent", pa.string(), nullable=False),
            pa.field("sha256", pa.string(), nullable=False),
            pa.field("duplicate_of", pa.string()),
            pa.field("dropped", pa.string()),
            pa.field("meta", pa.map_(pa.string(), pa.string())),
            pa.field("annotations", pa.large_string()),
        ]
    )
