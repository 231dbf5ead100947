from __future__ import annotations

import random

import pytest

from catenary.data import curate
from catenary.records import Document

SETTINGS = [{"substrings": {"min_chars": 60}}]


def passage(seed: int, size: int, alphabet: str) -> str:
    r = random.Random(seed)
    return "".join(r.choice(alphabet) for _ in range(size))


@pytest.mark.parametrize("alphabet", ["abcdefghijklmno", "天地玄黄宇宙洪荒日月盈昃辰宿列张寒来暑往"])
def test_a_long_passage_stays_once(alphabet: str) -> None:
    shared = passage(0, 200, alphabet)
    texts = [passage(n, 150, alphabet) + shared + passage(n + 50, 150, alphabet) for n in range(1, 9)]
    done = curate([Document(text, id=f"{n:02d}") for n, text in enumerate(texts)], SETTINGS)
    kept = [document.text for document in done.documents]
    assert kept[0] == texts[0]  # the first by id is whole
    for old, new in zip(texts[1:], kept[1:], strict=True):
        assert 300 - 1 <= len(new) <= 300 + 60  # the passage went, up to its ends
        assert old.startswith(new[:140])
        assert old.endswith(new[-140:])


def test_what_is_short_or_new_is_left_alone() -> None:
    short = "a common phrase of thirty"
    texts = [passage(n, 300, "abcdefgh") + short + passage(n + 50, 300, "abcdefgh") for n in range(1, 6)]
    assert [one.text for one in curate(texts, SETTINGS).documents] == texts


def test_a_copy_is_dropped_and_a_loop_is_cut() -> None:
    text = passage(1, 400, "abcdefgh ")
    done = curate([Document(text, id="a"), Document(text, id="b"), Document("z" * 5 + text, id="c")],
                  [{"substrings": {"min_chars": 60, "min_left": 40}}])  # fmt: skip
    assert [one.dropped for one in done.documents] == [None, *["substrings:nothing_left"] * 2]


def test_every_planted_repeat_is_found() -> None:
    r = random.Random(2)
    texts = [passage(n, 2000, "的一是了我不在人有他这中大来上个国到说们") for n in range(60)]
    planted = 0
    for at in range(30, 60):
        size = r.randrange(60, 200)
        start, place = r.randrange(1700), r.randrange(1700)
        texts[at] = texts[at][:place] + texts[at - 30][start : start + size] + texts[at][place:]
        planted += 1
    done = curate([Document(text, id=f"{n:03d}") for n, text in enumerate(texts)], SETTINGS)
    assert sum(one.text != text for one, text in zip(done.documents, texts, strict=True)) == planted
