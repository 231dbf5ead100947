"""The files of an index, and what stands in them.

    search.json       what made it: format, settings, how many documents, passages, terms
    documents.arrow   id, source, file, offset, licence, first (passage), text
    passages.arrow    document (its row), start, end, headings, text
    terms.txt         the terms in their order, a line each
    starts.npy        int64 (terms + 1,): where the postings of each term begin
    passages.npy      uint32 (postings,): the passages that have it, ascending
    counts.npy        uint16 (postings,): how often
    lengths.npy       uint32 (passages,): how many terms a passage has
    wide.npy          bool (passages,): whether it is mostly Chinese, Japanese or Korean
    vectors.npy       float32 (passages, size), where a model made some

All but the first are mapped into memory, not read: opening an index is quick, and several processes share it.
"""

from __future__ import annotations

import pyarrow as pa

FORMAT = 1
SETTINGS_FILE = "search.json"
DOCUMENTS_FILE = "documents.arrow"
PASSAGES_FILE = "passages.arrow"
TERMS_FILE = "terms.txt"
VECTORS_FILE = "vectors.npy"

DOCUMENTS = pa.schema(
    [
        pa.field("id", pa.string()),
        pa.field("source", pa.string()),
        pa.field("file", pa.string()),
        pa.field("offset", pa.int64()),
        pa.field("licence", pa.string()),
        pa.field("first", pa.int64()),
        pa.field("text", pa.large_string()),
    ]
)
PASSAGES = pa.schema(
    [
        pa.field("document", pa.int64()),
        pa.field("start", pa.int64()),
        pa.field("end", pa.int64()),
        pa.field("headings", pa.list_(pa.string())),
        pa.field("text", pa.large_string()),
    ]
)
