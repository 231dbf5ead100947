from __future__ import annotations

from catenary.search import ChunkSettings, chunks
from catenary.search.chunk import columns

HANDBOOK = """\
# 手册

前言说明本书的结构。

## 备份

用 rsync 备份。每天一次。

```
# 这是命令，不是标题
rsync -a / /backup
```

### 恢复

从备份恢复。

## 网络

配置地址。
"""


def test_passages_follow_headings_and_know_them_all() -> None:
    found = chunks(HANDBOOK)
    assert [one.headings for one in found] == [
        ("手册",),
        ("手册", "备份"),
        ("手册", "备份", "恢复"),
        ("手册", "网络"),
    ]
    assert "# 这是命令，不是标题" in found[1].text


def test_a_passage_is_what_stands_at_its_place() -> None:
    for one in chunks(HANDBOOK, ChunkSettings(40, 10)):
        assert HANDBOOK[one.start : one.end] == one.text
        assert one.text == one.text.strip()


def test_nothing_is_lost_and_nothing_is_too_wide() -> None:
    text = "\n".join(f"第{n}句说的是第{n}件事。It says {n} in English, too." for n in range(200))
    found = chunks(text, ChunkSettings(200, 50))
    assert all(columns(one.text) <= 200 for one in found)
    covered = {at for one in found for at in range(one.start, one.end)}
    assert all(text[at].isspace() for at in set(range(len(text))) - covered)


def test_neighbours_share_whole_sentences() -> None:
    text = "一二三四五六。" * 50
    first, second, *_ = chunks(text, ChunkSettings(140, 30))
    assert second.start < first.end
    assert first.text.endswith(text[second.start : first.end])
    assert text[second.start : first.end].endswith("。")


def test_one_endless_sentence_is_cut_at_spaces() -> None:
    text = "word " * 1000
    found = chunks(text, ChunkSettings(100, 0))
    assert all(columns(one.text) <= 100 and set(one.text.split()) == {"word"} for one in found)
    assert len(found) < 80


def test_texts_without_words_have_no_passages() -> None:
    assert chunks("") == chunks("\n \n") == chunks("# 只有标题\n") == []
