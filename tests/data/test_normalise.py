from __future__ import annotations

import itertools
import sys
import unicodedata

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from catenary.data.normalise import NormaliseSettings, by_points, normalised, normalised_text

ALL = [
    NormaliseSettings(unicode=form, punctuation=punctuation, whitespace=space)
    for form, punctuation, space in itertools.product(
        ("nfkc", "nfc", "none"), ("keep", "full", "half"), ("lines", "single", "keep")
    )
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ＡＢＣ１２３，真的！（好）", "ABC123，真的！（好）"),
        ("价格：￥９９．５０……", "价格：¥99.50……"),
        ("ﾊﾝｶｸ ｶﾞ", "ハンカク ガ"),
        ("①㎏㈱", "1kg(株)"),
        ("Cafe\u0301 ﬁn", "Café fin"),
        ("  多 \t 个\u3000空格 ", "多 个 空格"),
        ("一\r\n\r\n\r\n\r\n二\n三\r四", "一\n\n二\n三\n四"),
        ("零\u200b宽\ufeff字\u00ad符\x00\x07", "零宽字符"),
        ("👩\u200d👩\u200d👧 and a\u200db", "👩\u200d👩\u200d👧 and ab"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("\u1112\u1161\u11ab", "한"),
        ("「引」《书》、。“双”—", "「引」《书》、。“双”—"),
        ("", ""),
        (" \n\t ", ""),
    ],
)
def test_what_a_chinese_curator_wants(text: str, expected: str) -> None:
    assert normalised_text(text) == expected


def test_punctuation() -> None:
    text = "质量很好,值得买!（真的） Mr. Smith, hi"
    assert (
        normalised_text(text, NormaliseSettings(punctuation="full"))
        == "质量很好，值得买！（真的） Mr. Smith, hi"
    )
    assert (
        normalised_text(text, NormaliseSettings(punctuation="half")) == "质量很好,值得买!(真的) Mr. Smith, hi"
    )


def test_half_is_plain_nfkc_for_every_character_that_is_text() -> None:
    half = NormaliseSettings(punctuation="half", whitespace="keep")
    chars = [
        chr(point)
        for point in range(0x21, 0x32400)
        if unicodedata.category(chr(point)) not in ("Cc", "Cf", "Cn", "Cs", "Co", "Zl", "Zp")
    ]
    column = normalised(pa.array(chars, pa.large_string()), half).to_pylist()
    assert [
        (char, got)
        for char, got in zip(chars, column, strict=True)
        if got != unicodedata.normalize("NFKC", char)
    ] == []
    assert sys.maxunicode == 0x10FFFF


@given(st.text(), st.sampled_from(ALL))
@example("ｶ\u200bﾞ", ALL[0])
@example("，\u0338", ALL[0])
@example("a\u00a8\n \u3000", ALL[0])
@settings(max_examples=500, deadline=None)
def test_twice_is_once(text: str, chosen: NormaliseSettings) -> None:
    once = normalised_text(text, chosen)
    assert normalised_text(once, chosen) == once


# What the rules look at: white space, line ends, controls, joiners, full width, marks that combine, plain letters.
TRICKY = st.text(
    st.sampled_from(
        "ab ,\t\n\r\x0b\x85\u00a0\u2028\u3000\u200b\u200c\u200d\ufeffＡ！，…悬é\u0301½ｶﾞ한\u11ab😀\ufa6cſ"
    )
)


@given(st.lists(st.text() | TRICKY), st.sampled_from(ALL))
@example(["a", "\u200d悬"], ALL[0])
@example(["a\r", "\n"], ALL[2])
@settings(deadline=None)
def test_a_column_is_its_texts(texts: list[str], chosen: NormaliseSettings) -> None:
    column = pa.array(texts, pa.large_string())
    assert normalised(column, chosen).to_pylist() == [normalised_text(text, chosen) for text in texts]


@given(st.lists(st.text() | TRICKY), st.sampled_from(ALL))
@example(["\U000e0041\ue000\U0010ffff悬"], ALL[0])
@settings(max_examples=300, deadline=None)
def test_one_pass_is_rule_by_rule(texts: list[str], chosen: NormaliseSettings) -> None:
    column = pa.array(texts, pa.large_string())
    assert normalised(column, chosen).to_pylist() == by_points(column, chosen).to_pylist()


def test_every_character_is_rewritten_as_by_its_code_point() -> None:
    chars = [f"悬{chr(point)}链 {chr(point)}" for point in range(0x32400) if not 0xD800 <= point < 0xE000]
    chars += [f"悬{chr(point)}链" for point in range(0x32400, 0x110000, 61)]
    column = pa.array(chars, pa.large_string())
    for chosen in (NormaliseSettings(), NormaliseSettings(unicode="nfc", whitespace="single")):
        assert normalised(column, chosen).equals(by_points(column, chosen))
