from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catenary.data import iter_split, read_split
from catenary.data.merge import bucket_count, merged, write_buckets
from catenary.data.shards import ROW_GROUP_ROWS, ParquetSink, SplitSink, committed, shard_paths, text_schema
from catenary.errors import NotFound
from catenary.records import document_schema


def table(texts: list[str]) -> pa.Table:
    rows = [
        dict.fromkeys(text_schema().names, "") | {"id": f"{at:04x}", "text": text, "offset": at}
        for at, text in enumerate(texts)
    ]
    return pa.Table.from_pylist(rows, text_schema())


@given(
    st.lists(st.text(max_size=20), max_size=40), st.integers(1, 30), st.integers(1, 40), st.integers(1, 10)
)
@settings(deadline=None, max_examples=30)
def test_shards_hold_every_row_once_in_order_however_they_are_written(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], shard_bytes: int, one: int, other: int
) -> None:
    written: list[list[bytes]] = []
    for step, threads in ((one, None), (other, ThreadPoolExecutor(2))):
        folder = tmp_path_factory.mktemp("out")
        sink = SplitSink(folder, "train", shard_bytes, threads)
        whole = table(texts)
        for start in range(0, len(texts), step):
            sink.write(whole.slice(start, step))
        sink.close()
        if threads:
            threads.shutdown()
        assert read_split(folder, "train", ["text"]).column("text").to_pylist() == texts
        assert [batch.num_columns for batch in iter_split(folder, "train", ["id", "text"])] == [2] * len(
            list(iter_split(folder, "train"))
        )
        for path in shard_paths(folder, "train"):
            held = pq.read_table(path).column("text").to_pylist()
            assert sum(len(text.encode()) for text in held) <= shard_bytes or len(held) == 1
        written.append([path.read_bytes() for path in shard_paths(folder, "train")])
    assert written[0] == written[1]


def test_row_groups_have_the_same_bytes_in_whatever_pieces_rows_come(tmp_path: Path) -> None:
    count = ROW_GROUP_ROWS + 3000
    numbers = np.arange(count)
    strings = {name: pa.array(numbers % 7, pa.int64()).cast(pa.string()) for name in document_schema().names}
    ids = pa.array(numbers).cast(pa.string())
    columns = strings | {
        "id": ids,
        "text": pc.binary_repeat(ids, pa.array(numbers % 9)).cast(pa.large_string()),
        "file": pc.utf8_slice_codeunits(ids, 0, 3),
        "offset": pa.array(numbers),
        "label": pc.if_else(pa.array(numbers % 3 == 0), strings["label"], None),
        "meta": pa.array(
            [[("a", str(n))] * (n % 3) for n in range(count)], pa.map_(pa.string(), pa.string())
        ),
        "annotations": pc.if_else(pa.array(numbers % 5 == 0), ids, None).cast(pa.large_string()),
    }
    whole = pa.table(columns).cast(document_schema())
    sizes = [[count], [1, 1023, 700, 5000, ROW_GROUP_ROWS, count], [3000] * 30]
    written = []
    for at, pieces in enumerate(sizes):
        with ParquetSink(tmp_path / f"{at}.parquet", document_schema()) as sink:
            start = 0
            for size in pieces:
                sink.write(whole.slice(start, size))
                start += size
        written.append((tmp_path / f"{at}.parquet").read_bytes())
    assert written[0] == written[1] == written[2]
    assert pq.read_table(tmp_path / "1.parquet").equals(whole)
    assert pq.read_metadata(tmp_path / "1.parquet").row_group(0).num_rows == ROW_GROUP_ROWS


def test_a_file_has_its_name_only_when_it_is_whole(tmp_path: Path) -> None:
    def broken_file() -> None:
        with ParquetSink(tmp_path / "x.parquet", text_schema()) as sink:
            sink.write(table(["a"]))
            raise RuntimeError

    def broken_folder() -> None:
        with committed(tmp_path / "folder") as part:
            (part / "f").write_text("x")
            raise RuntimeError

    for broken in (broken_file, broken_folder):
        with pytest.raises(RuntimeError):
            broken()
    assert not (tmp_path / "x.parquet").exists()
    assert not (tmp_path / "folder").exists()
    with committed(tmp_path / "folder") as part:
        (part / "f").write_text("y")
    assert (tmp_path / "folder" / "f").read_text() == "y"


def test_a_split_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="valid"):
        read_split(tmp_path, "valid")


@given(st.lists(st.lists(st.text("0123456789abcdef", min_size=4, max_size=4), max_size=30), max_size=5))
@settings(deadline=None, max_examples=30)
def test_merging_sorts_everything_by_id(
    tmp_path_factory: pytest.TempPathFactory, parts: list[list[str]]
) -> None:
    folder = tmp_path_factory.mktemp("parts")
    for buckets in (1, 4, 256):
        paths = []
        for at, ids in enumerate(parts):
            paths.append(folder / f"{buckets}-{at}")
            write_buckets(pa.table({"id": pa.array(ids, pa.string())}), paths[-1], buckets)
        found = [one for piece in merged(paths, buckets) for one in piece.column("id").to_pylist()]
        assert found == sorted(one for ids in parts for one in ids)


def test_buckets_grow_with_the_corpus_up_to_a_bound() -> None:
    sizes = (0, 1 << 25, (1 << 25) + 1, 1 << 30, 1 << 50)
    assert [bucket_count(size) for size in sizes] == [1, 1, 2, 32, 256]
