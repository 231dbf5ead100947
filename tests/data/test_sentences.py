from __future__ import annotations

import pytest

from catenary.data.sentences import sentence_spans, sentences


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("他说：“走吧。”我们就走了！", ["他说：“走吧。”", "我们就走了！"]),
        ("真的吗？！是的……后来呢。", ["真的吗？！", "是的……", "后来呢。"]),
        ("It is 3.14, Dr. Li. Really? Yes.", ["It is 3.14, Dr. Li.", "Really?", "Yes."]),
        ("See a.b?c=d for e.g. this. Done", ["See a.b?c=d for e.g. this.", "Done"]),
        ("标题\n第一句。第二句", ["标题", "第一句。", "第二句"]),
        ("版本3.5发布了。下载！", ["版本3.5发布了。", "下载！"]),
        (" \n", []),
    ],
)
def test_where_sentences_end(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


def test_spans_are_where_the_sentences_stand() -> None:
    text = " 第一句。 第二句！\n\n  Third one. Fourth"
    assert [text[start:end] for start, end in sentence_spans(text)] == sentences(text)
    assert sentences(text) == ["第一句。", "第二句！", "Third one.", "Fourth"]
