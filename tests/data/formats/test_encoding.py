from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catenary.data.formats.encoding import decoded, detected
from tests.data.formats.reads import rows, texts

SIMPLIFIED = (
    "酒店很好，下次还来。",
    "交通便利",
    "床前明月光，疑是地上霜。",
    "安装软件包之前请检查依赖关系并更新配置",
)
TRADITIONAL = (
    "床前明月光，疑是地上霜。舉頭望明月，低頭思故鄉。",
    "臺灣的天氣很好",
    "這家飯店的服務態度非常好，房間也很乾淨。",
)
JAPANESE = ("これは日本語の文章です。", "カタカナとひらがな", "東京の天気はとても良いです")
WESTERN = (
    "Käse und Brötchen",
    "Le café de la gare",
    "El niño pequeño comió",
    "“Quoted” — and £5",
    "På gården løber hønsene",
)


@pytest.mark.parametrize(
    ("encoding", "all_texts"),
    [("gb18030", SIMPLIFIED), ("big5", TRADITIONAL), ("cp932", JAPANESE), ("cp1252", WESTERN)],
)
def test_encodings_are_told_apart_by_short_texts(encoding: str, all_texts: tuple[str, ...]) -> None:
    for text in all_texts:
        told = decoded(text.encode(encoding))
        assert told is not None
        assert told.text == text
        for other in ("utf-8", "utf-16", "utf-32", "utf-8-sig"):
            found = decoded(text.encode(other))
            assert found is not None
            assert found.text == text
            assert found.errors == 0


@given(st.text())
def test_what_is_utf8_is_read_as_utf8(text: str) -> None:
    data = text.encode("utf-8", "replace")
    if not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        assert detected(data) in ("utf-8", None) or "\x00" in text
    found = decoded(data, "utf-8")
    assert found is not None


@given(st.binary(max_size=200))
def test_any_bytes_are_text_or_are_not(data: bytes) -> None:
    told = decoded(data)
    assert told is None or told.errors <= 0.01 * len(told.text)


def test_noise_is_no_text() -> None:
    assert decoded(b"\x81\x8d\x8f\x90\x9d" * 10) is None
    assert decoded(bytes(range(128, 256)) * 4) is None


def test_a_few_errors_are_counted_and_many_are_not_forgiven() -> None:
    text = ("酒店很好，下次还来。" * 50).encode()
    told = decoded(text[:-6] + b"\xff" + text[-6:])
    assert told is not None
    assert (told.encoding, told.errors) == ("utf-8", 1)
    assert decoded(text + b"\xff" * 100) is None
    assert decoded(text + b"\xff", "utf-8") is None


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-16-le", "gb18030", "cp1252"])
def test_lines_in_any_encoding(tmp_path: Path, encoding: str) -> None:
    lines = ["first line", "Käse und Brötchen", "last"] if encoding == "cp1252" else ["first", *SIMPLIFIED]
    declared = {"encoding": encoding} if encoding == "utf-16-le" else {}
    data = "\n".join(lines).encode(encoding)
    assert texts(rows(tmp_path, "a.lines", data, **declared)) == lines
    table = "text\n" + "\n".join(lines).replace(",", ";")
    assert texts(rows(tmp_path, "a.csv", table.encode(encoding), **declared)) == lines


def test_the_first_lines_may_be_ascii(tmp_path: Path) -> None:
    data = b"plain line\n" * 50_000 + SIMPLIFIED[0].encode("gb18030")
    assert texts(rows(tmp_path, "a.lines", data))[-1] == SIMPLIFIED[0]
