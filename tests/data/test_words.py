from __future__ import annotations

import re
import unicodedata

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catenary.data.words import words


def words_of(*texts: str) -> list[list[str]]:
    column = pa.array(list(texts), pa.large_string())
    return words(column).listed(column)


def test_chinese_by_dictionary_other_by_space() -> None:
    assert words_of("我们去北京大学看书。", "Don't (really) use os.path.join()... ok", " \n", "") == [
        ["我们", "去", "北京大学", "看书", "。"],
        ["Don't", "(", "really", ")", "use", "os.path.join", "(", ")", "...", "ok"],
        [],
        [],
    ]


def is_letter_or_digit(character: str) -> bool:
    return character.isalnum() or character == "_" or unicodedata.category(character)[0] == "M"


def reference(text: str) -> list[str]:
    """The documented rule for texts with spaces, written down a second time."""
    found: list[str] = []
    for chunk in text.split():
        inside = [at for at, character in enumerate(chunk) if is_letter_or_digit(character)]
        first, last = (inside[0], inside[-1] + 1) if inside else (len(chunk), len(chunk))
        for part, is_core in ((chunk[:first], False), (chunk[first:last], True), (chunk[last:], False)):
            found += [part] * bool(part) if is_core else [m.group() for m in re.finditer(r"(.)\1*", part)]
    return found


@given(st.text(alphabet="ab é-.,'(\n_!7µ", max_size=40))
@settings(deadline=None)
def test_words_between_spaces(text: str) -> None:
    text = "letters and " + text  # without letters it would count as Chinese
    assert words_of(text) == [reference(text)]


@pytest.mark.parametrize("text", ["他说“好”。", "価格は100円です", "我爱 Python 编程，你呢？"])
def test_no_character_is_lost(text: str) -> None:
    assert "".join(words_of(text)[0]) == text.replace(" ", "")


@given(st.lists(st.text(alphabet="我们去北京大学看书。ab \r\n\u3000\u2028!7", max_size=30), max_size=8))
@settings(deadline=None)
def test_texts_that_are_cut_together_are_as_cut_alone(texts: list[str]) -> None:
    together = words_of(*texts, "我们去北京大学看书。" * 500, *texts)
    alone = [words_of(text)[0] for text in texts]
    assert together[: len(texts)] == together[len(texts) + 1 :] == alone
