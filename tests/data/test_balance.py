from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from catenary.data import SplitSettings, curate, curate_files, read_index, read_split
from catenary.data.repeats import repeats_of
from catenary.data.shards import shard_path, shard_paths
from catenary.data.texts import count_of, labelled_texts_of, texts_of
from catenary.errors import InvalidInput
from catenary.records import Document
from tests.data.shards import write_shard

DOCUMENTS = [
    Document(f"{label}{n}", label=label, source="web" if n % 2 else "book")
    for label, count in (("a", 400), ("b", 100), ("c", 25))
    for n in range(count)
]


def left(settings: object, by: str = "label") -> dict[str, int]:
    return dict(Counter(getattr(one, by) for one in curate(DOCUMENTS, [{"balance": settings}]).kept))


def test_shares() -> None:
    assert left("label") == {"a": 25, "b": 25, "c": 25}
    assert left({"by": "label", "weights": {"a": 3, "b": 1}}) == {"a": 300, "b": 100}
    assert left({"by": "label", "temperature": 1.0}) == {"a": 400, "b": 100, "c": 25}
    assert left({"by": "label", "temperature": 0.5}) == {"a": 100, "b": 50, "c": 25}
    assert left({"by": "label", "temperature": 1.0, "at_most": 90}) == {"a": 90, "b": 90, "c": 25}
    assert left({"by": "source", "weights": {"web": 1, "book": 2}}, "source") == {"web": 131, "book": 263}


def test_who_stays_hangs_on_the_document_alone() -> None:
    one = {document.id for document in curate(DOCUMENTS, [{"balance": "label"}]).kept}
    other = {document.id for document in curate(DOCUMENTS[::-1], [{"balance": "label"}]).kept}
    assert one == other
    assert one != {d.id for d in curate(DOCUMENTS, [{"balance": {"by": "label", "seed": 1}}]).kept}


def read(settings: object, by: str = "label") -> dict[str, int]:
    done = curate(DOCUMENTS, [{"balance": settings}])
    assert len({one.id for one in done.documents}) == len(DOCUMENTS)
    counts: Counter[str] = Counter()
    for one in done.kept:
        counts[getattr(one, by)] += done.repeats.get(one.id, 1)
    return dict(counts)


def test_scarce_groups_are_read_several_times() -> None:
    assert read({"by": "label", "repeat": 4}) == {"a": 100, "b": 100, "c": 100}
    assert read({"by": "label", "repeat": 10}) == {"a": 250, "b": 250, "c": 250}
    assert read({"by": "label", "repeat": 100}) == {"a": 400, "b": 400, "c": 400}  # no more than that
    assert read({"by": "label", "temperature": 0.5, "repeat": 2}) == {"a": 200, "b": 100, "c": 50}
    assert read({"by": "label", "weights": {"a": 1, "b": 1}, "repeat": 3}) == {"a": 300, "b": 300}
    times = curate(DOCUMENTS, [{"balance": {"by": "label", "repeat": 10}}]).repeats.values()
    assert set(times) == {2, 3, 10}  # 250 of a hundred, and of twenty-five


def test_repeats_stand_beside_the_dataset_and_are_read(tmp_path: Path) -> None:
    for at in range(3):
        write_shard(shard_path(tmp_path, "raw", at), DOCUMENTS[at::3])
    raw = shard_paths(tmp_path, "raw")
    steps = [{"balance": {"by": "label", "repeat": 4}}, {"length": {"min_chars": 3}}]
    split = SplitSettings(valid=0.2)
    report = curate_files(raw, steps, split, tmp_path / "out", tmp_path / "state")
    assert report.steps[1].notes["read_again.c"] == 75
    ids = read_index(tmp_path / "out", ["id"]).column("id").to_pylist()
    assert len(set(ids)) == len(DOCUMENTS)

    train = read_split(tmp_path / "out", "train", ["id", "text", "label"]).to_pylist()
    assert len({row["id"] for row in train}) == len(train)
    repeats = {row["id"]: row["times"] for row in repeats_of(tmp_path / "out").to_pylist()}
    assert set(repeats) == {
        row["id"] for row in train if row["label"] == "c"
    }  # no shorter text, none held out
    expected = [row["text"] for row in train for _ in range(repeats.get(row["id"], 1))]
    assert list(texts_of(tmp_path / "out", "train")) == expected
    assert labelled_texts_of(tmp_path / "out", "train")[0] == expected
    assert count_of(tmp_path / "out", "train") == len(expected)
    assert count_of(tmp_path / "out", "valid") == len(list(texts_of(tmp_path / "out", "valid")))

    curate_files(raw, steps, split, tmp_path / "two", tmp_path / "state-two", workers=2)
    for name in ("repeats.parquet", "train-00000.parquet", "documents.parquet"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_a_weight_of_nothing() -> None:
    with pytest.raises(InvalidInput, match="has no document"):
        left({"by": "label", "weights": {"d": 1}})
