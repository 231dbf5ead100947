from __future__ import annotations

import io
import json
import sqlite3
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.data.formats.reads import columns, rows, texts, told

USER, ANSWER = {"role": "user", "content": "你好"}, {"role": "assistant", "content": "你好！"}
CHATS = [
    {"messages": [USER, ANSWER]},
    {"conversations": [{"from": "human", "value": "你好"}, {"from": "gpt", "value": "你好！"}]},
    {"instruction": "你好", "input": "", "output": "你好！"},
    {"messages": [{"role": "user", "content": [{"type": "text", "text": "你好"}]}, ANSWER]},
]


def lines(*values: object) -> bytes:
    return b"".join(json.dumps(value, ensure_ascii=False).encode() + b"\n" for value in values)


@pytest.mark.parametrize("shape", CHATS)
def test_chats_of_every_shape_are_messages(tmp_path: Path, shape: dict[str, object]) -> None:
    for name, data in (("a.jsonl", lines(shape)), ("a.json", json.dumps([shape]).encode())):
        found = rows(tmp_path, name, data)
        assert columns(found) == [{"messages": [USER, ANSWER]}]
        assert texts(found) == ["你好\n你好！"]


def test_alpaca_with_all_it_may_have(tmp_path: Path) -> None:
    record = {
        "instruction": "Translate.",
        "input": "你好",
        "output": "Hello",
        "system": "Be brief.",
        "history": [["Hi", "Hello."]],
    }
    [told_] = columns(rows(tmp_path, "a.jsonl", lines(record)))
    assert [(one["role"], one["content"]) for one in told_["messages"]] == [
        ("system", "Be brief."),
        ("user", "Hi"),
        ("assistant", "Hello."),
        ("user", "Translate.\n你好"),
        ("assistant", "Hello"),
    ]


def test_preferences(tmp_path: Path) -> None:
    plain = {"prompt": "Hi", "chosen": "Hello", "rejected": "What"}
    talk = {"conversations": [{"from": "human", "value": "Hi"}], "chosen": {"from": "gpt", "value": "Hello"}}
    talk["rejected"] = {"from": "gpt", "value": "What"}
    first, second = columns(rows(tmp_path, "a.jsonl", lines(plain, talk)))
    assert first == plain
    assert second == {
        "prompt": [{"role": "user", "content": "Hi"}],
        "chosen": [{"role": "assistant", "content": "Hello"}],
        "rejected": [{"role": "assistant", "content": "What"}],
    }


def test_columns_of_other_names(tmp_path: Path) -> None:
    record = {"q": "Who?", "passage": "Tom came.", "answers": {"text": ["Tom"], "answer_start": [0]}}
    found = rows(tmp_path, "a.jsonl", lines(record), fields={"question": "q", "context": "passage"})
    assert columns(found) == [{"question": "Who?", "context": "Tom came.", "answers": record["answers"]}]


def test_squad(tmp_path: Path) -> None:
    tree = {
        "version": "v2.0",
        "data": [
            {
                "title": "t",
                "paragraphs": [
                    {
                        "context": "鲁迅写了它。",
                        "qas": [
                            {"id": "1", "question": "谁？", "answers": [{"text": "鲁迅", "answer_start": 0}]},
                            {"id": "2", "question": "何时？", "answers": [], "is_impossible": True},
                        ],
                    }
                ],
            }
        ],
    }
    found = columns(rows(tmp_path, "a.json", json.dumps(tree).encode()))
    assert [one["answers"] for one in found] == [
        {"text": ["鲁迅"], "answer_start": [0]},
        {"text": [], "answer_start": []},
    ]


def test_json_of_any_layout(tmp_path: Path) -> None:
    values = [{"text": "a", "n": [1, [2]]}, {"text": "b"}]
    for data in (
        json.dumps(values, indent=2),
        "\n".join(map(json.dumps, values)),
        json.dumps({"data": values}),
    ):
        for encoding in ("utf-8", "utf-16"):
            assert texts(rows(tmp_path, "a.json", data.encode(encoding))) == ["a", "b"]
    assert texts(rows(tmp_path, "a.json", b'{"text": "alone"}')) == ["alone"]
    found = rows(tmp_path, "a.json", b'[{"text": "good"}, {"text": bad}]')
    assert [row["dropped"] for row in found] == [None, "read:bad_json"]


def test_a_large_array_is_read_an_element_at_a_time(tmp_path: Path) -> None:
    values = [{"text": f"{number} " + "x" * 5000} for number in range(400)]
    found = rows(tmp_path, "a.json", json.dumps(values).encode(), max_document_bytes=10_000)
    assert texts(found) == [value["text"] for value in values]


def test_conll(tmp_path: Path) -> None:
    data = (
        "-DOCSTART- -X- O O\n\nEU NNP B-NP B-ORG\nrejects VBZ B-VP O\n\n北京 NR B-NP B-LOC\n欢迎 VV B-VP O\n"
    )
    found = rows(tmp_path, "a.conll", data.encode())
    assert texts(found) == ["EU rejects", "北京欢迎"]
    assert columns(found)[0] == {"tokens": ["EU", "rejects"], "tags": ["B-ORG", "O"]}
    assert [row["offset"] for row in found] == [3, 6]


def test_conll_u(tmp_path: Path) -> None:
    data = (
        "# text = vámonos ya\n1-2\tvámonos\t_\t_\t_\t_\t_\t_\t_\t_\n1\tvamos\tir\tVERB\t_\t_\t0\troot\t_\t_\n"
        "2\tnos\tnosotros\tPRON\t_\t_\t1\tobj\t_\t_\n3\tya\tya\tADV\t_\t_\t1\tadvmod\t_\t_\n\n"
    )
    assert columns(rows(tmp_path, "a.conllu", data.encode())) == [
        {"tokens": ["vamos", "nos", "ya"], "tags": ["VERB", "PRON", "ADV"]}
    ]


def test_words_with_tags_as_the_peoples_daily_has_them(tmp_path: Path) -> None:
    data = "19980101-01-001-001/m  迈向/v  [中央/n  电台/n]nt  的/u  1/2/m\n\nno tags\n"
    found = rows(tmp_path, "a.txt", data.encode("gb18030"), format="word_tag")
    assert columns(found[:1]) == [
        {"tokens": ["迈向", "中央", "电台", "的", "1/2"], "tags": ["v", "n", "n", "u", "m"]}
    ]
    assert found[1]["dropped"] == "read:bad_line"


PAIRS = [{"source": "Hello.", "target": "你好。"}, {"source": "Bye.", "target": "再见。"}]


def test_parallel_text(tmp_path: Path) -> None:
    table = "".join(f"{pair['source']}\t{pair['target']}\n" for pair in PAIRS).encode()
    assert columns(rows(tmp_path, "a.tsv", table, columns=["source", "target"])) == PAIRS
    translations = lines(*({"translation": {"en": pair["source"], "zh": pair["target"]}} for pair in PAIRS))
    assert columns(rows(tmp_path, "a.jsonl", translations)) == PAIRS


def test_translation_memories(tmp_path: Path) -> None:
    units = "".join(
        f'<tu><tuv xml:lang="EN-US"><seg>{pair["source"]}<bpt i="1">code</bpt></seg></tuv>'
        f'<tuv xml:lang="zh-CN"><seg>{pair["target"]}</seg></tuv></tu>'
        for pair in PAIRS
    )
    tmx = (
        f'<?xml version="1.0"?><!DOCTYPE tmx SYSTEM "tmx14.dtd"><tmx version="1.4"><body>{units}</body></tmx>'
    )
    assert columns(rows(tmp_path, "a.tmx", tmx.encode())) == PAIRS
    turned = columns(rows(tmp_path, "a.tmx", tmx.encode(), languages=["zh", "en"]))
    assert turned == [{"source": pair["target"], "target": pair["source"]} for pair in PAIRS]
    found = rows(tmp_path, "a.tmx", tmx.encode(), languages=["de", "en"])
    assert {row["dropped"] for row in found} == {"read:no_such_language"}


def test_files_of_lines_that_stand_beside_each_other(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "n.zh").write_text("你好。\n再见。\n", "utf-8")
    settings_ = {"format": "moses", "files": {"source": "n.en", "target": "n.zh"}}
    assert columns(rows(tmp_path, "n.en", b"Hello.\nBye.\n", **settings_)) == PAIRS
    found = rows(tmp_path, "n.en", b"Hello.\n", **settings_)
    assert [row["dropped"] for row in found] == [None, "read:lines_differ"]


def test_a_hugging_face_dataset_on_disk(tmp_path: Path) -> None:
    features = {
        "text": {"dtype": "string", "_type": "Value"},
        "label": {"names": ["negative", "positive"], "_type": "ClassLabel"},
        "tags": {"feature": {"names": ["O", "B-PER"], "_type": "ClassLabel"}, "_type": "Sequence"},
    }
    table = pa.table(
        {"tokens": [["Tom", "ran"], ["x"]], "tags": [[1, 0], [0]], "label": [1, 0]},
    ).replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    for kind in (pa.ipc.new_stream, pa.ipc.new_file):
        out = io.BytesIO()
        with kind(out, table.schema) as writer:
            writer.write_table(table)
        found = rows(tmp_path, "data-00000-of-00001.arrow", out.getvalue(), label="label")
        assert [row["label"] for row in found] == ["positive", "negative"]
        assert columns(found)[0] == {"tokens": ["Tom", "ran"], "tags": ["B-PER", "O"]}


def test_sqlite(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "d") as database:
        database.execute('CREATE TABLE "odd ""name" (id INTEGER, text TEXT, stars INTEGER)')
        database.executemany(
            'INSERT INTO "odd ""name" VALUES (?, ?, ?)', [(1, "很好", 5), (2, None, 1), (3, b"\xff", 2)]
        )
        database.execute("CREATE TABLE other (id INTEGER)")
    database.close()
    data = (tmp_path / "d").read_bytes()
    found = rows(tmp_path, "a.db", data, label="stars")
    assert [(row["text"], row["label"], row["dropped"]) for row in found] == [
        ("很好", "5", None),
        ("", "1", "read:no_text"),
        ("", "2", "read:no_text"),
    ]
    query = 'SELECT text || "!" AS text FROM "odd ""name" WHERE stars > 4 ORDER BY id'
    assert texts(rows(tmp_path, "a.db", data, query=query)) == ["很好!"]
    assert told(rows(tmp_path, "a.db", data[:5000])) == {"a.db": "read:damaged"}


KEYS = [
    *(
        "text",
        "messages",
        "conversations",
        "from",
        "value",
        "role",
        "content",
        "instruction",
        "output",
        "history",
    ),
    *("data", "paragraphs", "qas", "answers", "context", "question", "translation", "tokens", "tags"),
    *("chosen", "rejected", "prompt"),
]
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)


@given(anything)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_records_of_any_shape_never_stop_the_run(tmp_path: Path, value: object) -> None:
    for name in ("a.jsonl", "a.json"):
        for row in rows(tmp_path, name, json.dumps(value).encode()):
            assert (row["dropped"] is None) == bool(row["text"].strip())
            assert row["dropped"] != "read:damaged"
