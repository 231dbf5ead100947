from __future__ import annotations

import pytest

from catenary.data import curate
from catenary.errors import InvalidInput

ENGLISH = "the quick brown fox jumps over the lazy dog while seven wizards watch from the hill"
CHINESE = "请问在下列四个选项之中哪一个最能够概括这段文字的中心思想"


def dropped(texts: list[str], settings: object) -> list[str | None]:
    done = curate(
        texts, [{"decontaminate": settings}], helpers={"held_out": lambda: [ENGLISH, CHINESE, "short"]}
    )
    return [document.dropped for document in done.documents]


def test_shared_runs_go() -> None:
    words = ENGLISH.split()
    texts = [
        "He wrote: " + ENGLISH + " and left.",
        "x " + " ".join(words[:13]) + " y",
        "x " + " ".join(words[:12]) + " y",
        "题目：" + CHINESE[:20] + "？答案是甲",
        "题目：" + CHINESE[:19] + "？答案是甲",
        "short",
        "",
    ]
    gone = "decontaminate:shared"
    assert dropped(texts, {}) == [gone, gone, None, gone, None, None, None]
    assert dropped(texts, {"runs": 3}) == [gone, None, None, None, None, None, None]
    assert dropped(texts, {"words": 12, "characters": 19}) == [gone] * 5 + [None] * 2


def test_without_a_held_out_set() -> None:
    with pytest.raises(InvalidInput, match="no held-out set"):
        curate(["a"], ["decontaminate"])
