"""Of a document that was erased nothing is read but where it stood; all others are read as before."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq

from catenary.data import collect
from catenary.data.erased import ERASED
from catenary.data.sources import Source, resolve
from catenary.digest import text_sha256


def test_only_its_place_stays(tmp_path: Path) -> None:
    lines = [f"line {number} of Anna's letters" for number in range(50)]
    (tmp_path / "letters.txt").write_text("\n".join(lines), "utf-8")
    source = Source.model_validate({"path": "letters.txt", "format": "lines", "licence": "MIT"})
    files = resolve(source, tmp_path)
    collect(source, files, "mail", tmp_path / "all", tmp_path / "state")
    before = pq.read_table(tmp_path / "all" / "raw-00000.parquet").to_pylist()
    gone = before[7]["id"]
    report = collect(source, files, "mail", tmp_path / "out", tmp_path / "state2", erased=[gone, "0" * 32])
    after = pq.read_table(tmp_path / "out" / "raw-00000.parquet").to_pylist()
    assert [row for row in after if row["id"] != gone] == [row for row in before if row["id"] != gone]
    [left] = [row for row in after if row["id"] == gone]
    assert left["text"] == ""
    assert left["sha256"] == text_sha256("")
    assert left["dropped"] == ERASED
    assert (left["file"], left["offset"], left["licence"]) == ("letters.txt", before[7]["offset"], "MIT")
    assert report.dropped == {ERASED: 1}
    assert report.documents == 50
    index = pq.read_table(tmp_path / "out" / "documents.parquet").to_pylist()
    assert [row["dropped"] for row in index if row["id"] == gone] == [ERASED]
    for path in (tmp_path / "out").iterdir():
        assert lines[7].encode() not in path.read_bytes()
