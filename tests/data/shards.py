"""Shards of documents as `collect` writes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from catenary.data.batches import batch_of
from catenary.data.shards import ParquetSink
from catenary.digest import text_sha256
from catenary.records import Document, document_id, document_schema


def write_shard(path: Path, documents: Sequence[Document]) -> None:
    """Write documents, each with the id that its source, file and text give it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    named = [
        replace(one, id=document_id(one.source, one.file, one.text), sha256=text_sha256(one.text))
        for one in documents
    ]
    with ParquetSink(path, document_schema()) as sink:
        sink.write(pa.Table.from_batches([batch_of(named)]))
