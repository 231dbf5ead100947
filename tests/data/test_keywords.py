from __future__ import annotations

import pytest

from catenary.data import curate
from catenary.errors import InvalidInput


def reasons(texts: list[str], settings: object) -> list[str | None]:
    return [document.dropped for document in curate(texts, [{"keywords": settings}]).documents]


def test_chinese_anywhere_latin_alone() -> None:
    texts = ["他们在赌场输光了", "A BITCH of a day", "bitchumen and Scunthorpe", "今天天气很好", "用fuck骂人"]
    assert reasons(texts, ["abuse", "gambling"]) == [
        "keywords:gambling", "keywords:abuse", None, None, "keywords:abuse",
    ]  # fmt: skip


def test_own_words_masked_or_counted() -> None:
    ours = {"words": {"ours": ["Top Secret", "内部资料"]}, "do": "mask"}
    done = curate(["这是内部资料，TOP SECRET!", "无"], [{"keywords": ours}])
    assert [document.text for document in done.documents] == ["这是****，**********!", "无"]
    assert done.report.steps[-1].notes == {"found.ours": 1}
    assert reasons(["内部资料"], {**ours, "do": "count"}) == [None]
    assert reasons(["内部资料", "内部资料 内部资料"], {**ours, "do": "drop", "at_least": 2}) == [
        None,
        "keywords:ours",
    ]


def test_a_list_that_does_not_exist() -> None:
    with pytest.raises(InvalidInput, match="did you mean `gambling`"):
        reasons(["a"], ["gamblin"])
    with pytest.raises(InvalidInput, match="no word"):
        reasons(["a"], {})
