"""Annotations: from a source's records into a dataset's splits, whole or not at all."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from catenary.data import SplitSettings, collect, curate, curate_files, resolve
from catenary.data.annotations import annotated_documents_of, annotations_in, joined, text_of
from catenary.data.shards import shard_paths
from catenary.data.sources import Source
from catenary.errors import InvalidInput
from catenary.records import Document

TAGGED = {"tokens": ["张", "三", "在", "北", "京"], "tags": ["B-per", "I-per", "O", "B-loc", "I-loc"]}
ASKED = {
    "question": "谁在北京？",
    "context": "张三在北京。",
    "answers": {"text": ["张三"], "answer_start": [0]},
}


def dataset(
    tmp_path: Path, rows: list[dict], steps: list, split: dict | None = None, **source: object
) -> Path:
    (tmp_path / "rows.jsonl").write_text("\n".join(json.dumps(row) for row in rows), "utf-8")
    told = Source(path=str(tmp_path / "rows.jsonl"), licence="CC0-1.0", **source)
    collect(told, resolve(told, tmp_path), "rows", tmp_path / "raw", tmp_path / "notes")
    curate_files(
        shard_paths(tmp_path / "raw", "raw"),
        steps,
        SplitSettings(**(split or {})),
        tmp_path / "out",
        tmp_path / "state",
    )
    return tmp_path / "out"


def test_annotations_travel_from_a_source_into_a_split(tmp_path):
    found = annotated_documents_of(
        dataset(
            tmp_path, [TAGGED, ASKED, {"text": "好", "label": "a"}], ["normalise", "dedup"], label="label"
        ),
        "train",
    )
    by_text = {document.text: document for document in found}
    assert by_text["张三在北京"].columns == TAGGED
    assert by_text["谁在北京？\n张三在北京。"].columns == ASKED
    assert (by_text["好"].label, by_text["好"].columns) == ("a", {})


def test_they_come_from_parquet_too(tmp_path):
    pq.write_table(pa.Table.from_pylist([TAGGED]), tmp_path / "rows.parquet")
    told = Source(path=str(tmp_path / "rows.parquet"), licence="CC0-1.0")
    collect(told, resolve(told, tmp_path), "rows", tmp_path / "raw", tmp_path / "notes")
    assert annotated_documents_of(tmp_path / "raw", "raw")[0].columns == TAGGED


def test_several_labels(tmp_path):
    rows = [{"text": "又快又好", "topics": ["speed", "quality"]}, {"text": "无", "topics": []}]
    found = annotated_documents_of(dataset(tmp_path, rows, [], label="topics"), "train", ["labels"])
    assert sorted(document.columns["labels"] for document in found) == [[], ["speed", "quality"]]


@pytest.mark.parametrize(
    "record",
    [
        {"tokens": ["a"], "tags": ["O", "O"]},
        {"tokens": [1], "tags": ["O"]},
        {**ASKED, "answers": {"text": ["李四"], "answer_start": [0]}},
        {**ASKED, "answers": {"text": ["张三"], "answer_start": []}},
        {"messages": [{"role": "user"}]},
    ],
)
def test_what_does_not_fit_is_refused_and_its_record_dropped(tmp_path, record):
    with pytest.raises(InvalidInput):
        annotations_in(record)
    dataset(tmp_path, [record, TAGGED], [])
    index = pq.read_table(tmp_path / "out/documents.parquet", columns=["dropped"])
    assert sorted(index.column("dropped").to_pylist(), key=str) == [None, "read:bad_annotations"]


def test_columns_that_only_share_a_name_are_no_annotations():
    assert (
        annotations_in({"source": "wikipedia", "tokens": 512, "tags": ["news"], "question": "why?"}) is None
    )


def test_an_annotated_document_with_personal_data_is_dropped():
    said = json.dumps({"messages": [{"role": "user", "content": "电话13812345678"}]})
    done = curate([Document("电话13812345678", annotations=said), Document("电话13812345678。")], ["redact"])
    assert [document.dropped for document in done.documents] == ["redact:annotated", None]
    assert done.kept[0].text == "电话[PHONE]。"


def test_questions_on_one_text_stand_in_one_split(tmp_path):
    rows = [
        {"question": f"第{q}问？", "context": f"第{c}篇。", "answers": {"text": [], "answer_start": []}}
        for c in range(40)
        for q in range(3)
    ]
    out = dataset(tmp_path, rows, [], split={"test": 0.4})
    sides = [
        {document.columns["context"] for document in annotated_documents_of(out, split)}
        for split in ("train", "test")
    ]
    assert not sides[0] & sides[1]
    assert len(sides[0] | sides[1]) == 40


def test_a_missing_column_is_told_of(tmp_path):
    out = dataset(tmp_path, [{"text": "好"}], [])
    with pytest.raises(InvalidInput, match="tags"):
        annotated_documents_of(out, "train", ["tags"])
    assert annotated_documents_of(out, "valid", ["tags"]) == []


def test_texts_of_annotations():
    assert joined(["中", "国", "and", "the", "UK", "。"]) == "中国and the UK。"
    assert (
        text_of({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]})
        == "a\nb"
    )
    assert text_of({"source": "a", "target": "b"}) == "a\nb"
    assert text_of({"labels": []}) is None
