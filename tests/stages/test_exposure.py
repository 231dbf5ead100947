"""The rows that training learns from lead back to documents, those too that are read several times."""

from __future__ import annotations

from pathlib import Path

from catenary.data import curate_files, read_split
from catenary.data.repeats import repeats_of
from catenary.data.shards import shard_path
from catenary.data.texts import count_of, texts_of
from catenary.records import Document
from catenary.stages.exposure import _ids_of, _row_of
from tests.data.shards import write_shard


def test_rows_of_repeated_documents(tmp_path: Path) -> None:
    documents = [
        Document(f"{label} {n}", label=label) for label, count in (("a", 30), ("b", 7)) for n in range(count)
    ]
    raw = shard_path(tmp_path, "raw", 0)
    write_shard(raw, documents)
    out = tmp_path / "out"
    curate_files([raw], [{"balance": {"by": "label", "repeat": 3}}], None, out, tmp_path / "state")
    read = list(texts_of(out, "train"))
    times = {row["id"]: row["times"] for row in repeats_of(out).to_pylist()}
    assert len(read) == count_of(out, "train") == 42
    for row in read_split(out, "train", ["id", "text"]).to_pylist():
        first, rows = _row_of(out, row["id"])
        mine = [at for at, text in enumerate(read) if text == row["text"]]
        assert rows == len(read)
        assert mine == list(range(first, first + times.get(row["id"], 1)))
        assert _ids_of([out, out], [*mine, len(read) + mine[0]]) == [row["id"]] * (len(mine) + 1)
    assert _row_of(out, "f" * 32) == (None, 42)
