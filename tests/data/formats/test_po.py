from __future__ import annotations

import io
from pathlib import Path

import pytest
from babel.messages import Catalog
from babel.messages.pofile import read_po, write_po
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.data.formats.reads import columns, rows

CATALOG = r"""# Translations of a tool.
#, fuzzy
msgid ""
msgstr ""
"Language: zh_CN\n"
"Content-Type: text/plain; charset=UTF-8\n"
"Plural-Forms: nplurals=1; plural=0;\n"

#: main.c:12
#, c-format
msgid "Cannot open %s."
msgstr "无法打开 %s。"

msgctxt "menu"
msgid "_Open"
msgstr "打开(_O)"
msgid ""
"Two lines:\n"
"\"quoted\"\tend"
msgstr ""
"两行：\n"
"“引号”\t完"

msgid "%d file"
msgid_plural "%d files"
msgstr[0] "%d 个文件"

#, c-format, fuzzy
#| msgid "Close it"
msgid "Close"
msgstr "关"

msgid "Save"
msgstr ""

#~ msgid "Old"
#~ msgstr "旧"
"""
KEPT = [
    {"source": "Cannot open %s.", "target": "无法打开 %s。"},
    {"source": "_Open", "target": "打开(_O)"},
    {"source": 'Two lines:\n"quoted"\tend', "target": "两行：\n“引号”\t完"},
    {"source": "%d files", "target": "%d 个文件"},
]


def test_messages_are_pairs_at_their_lines(tmp_path: Path) -> None:
    found = rows(tmp_path, "zh.po", CATALOG.encode())
    kept = [row for row in found if row["dropped"] is None]
    assert columns(kept) == KEPT
    assert [row["offset"] for row in kept] == [12, 16, 20, 26]
    assert [(row["offset"], row["dropped"]) for row in found[4:]] == [
        (31, "read:fuzzy"),
        (34, "read:untranslated"),
        (37, "read:obsolete"),
    ]
    assert [row["text"] for row in found[4:]] == ["", "", ""]


def test_a_catalog_is_known_without_its_suffix(tmp_path: Path) -> None:
    assert columns(rows(tmp_path, "catalog", CATALOG.encode())[:4]) == KEPT
    template = CATALOG.encode().replace("无法打开 %s。".encode(), b"")
    assert rows(tmp_path, "tool.pot", template)[0]["dropped"] == "read:untranslated"


def test_languages_say_which_side_is_which(tmp_path: Path) -> None:
    turned = [{"source": pair["target"], "target": pair["source"]} for pair in KEPT]
    data = CATALOG.encode()
    assert columns(rows(tmp_path, "a.po", data, languages=["en", "zh"])[:4]) == KEPT
    assert columns(rows(tmp_path, "a.po", data, languages=["zh", "en"])[:4]) == turned
    other = rows(tmp_path, "a.po", data, languages=["en", "de"])
    assert {row["dropped"] for row in other[:4]} == {"read:no_such_language"}
    unnamed = data.replace(b'"Language: zh_CN\\n"\n', b"")
    assert columns(rows(tmp_path, "a.po", unnamed, languages=["en", "de"])[:4]) == KEPT


def test_each_form_that_counts_is_a_pair(tmp_path: Path) -> None:
    data = b"""
msgid "%d file"
msgid_plural "%d files"
msgstr[0] "%d soubor"
msgstr[1] "%d soubory"
msgstr[2] ""
"""
    found = rows(tmp_path, "cs.po", data)
    assert columns(found[:2]) == [
        {"source": "%d file", "target": "%d soubor"},
        {"source": "%d files", "target": "%d soubory"},
    ]
    assert found[2]["dropped"] == "read:untranslated"


def test_the_header_tells_the_encoding(tmp_path: Path) -> None:
    for charset, codec in (("GB2312", "gb18030"), ("Big5", "big5")):
        data = CATALOG.replace("UTF-8", charset).replace("“引号”", "引").encode(codec, "replace")
        assert columns(rows(tmp_path, "a.po", data)[:1])[0]["source"] == "Cannot open %s."
    data = CATALOG.replace("UTF-8", "GB2312").encode("gb18030")
    assert columns(rows(tmp_path, "a.po", data)[:4]) == KEPT


@pytest.mark.parametrize("charset", ["CHARSET", "utf-32", "rot13", "punycode", "cp9999", "x" * 5000])
def test_an_encoding_that_is_none_is_detected(tmp_path: Path, charset: str) -> None:
    data = CATALOG.replace("UTF-8", charset).encode("gb18030")
    assert columns(rows(tmp_path, "a.po", data)[:4]) == KEPT


def test_what_breaks_the_rules_is_dropped_alone(tmp_path: Path) -> None:
    good = 'msgid "Good"\nmsgstr "好"\n\n'.encode()
    for bad, why in (
        (b'msgid "a\nmsgstr "b"\n', "read:bad_line"),
        (b'msgid "a"\n', "read:bad_line"),
        (b'msgid "a"\nmsgid "b"\n', "read:bad_line"),
        (b'msgstr "b"\n', "read:bad_line"),
        (b'msgid "a"\nmsgstr "b"\nmsgstr "c"\n', "read:bad_line"),
        (b'msgid "a"\nmsgid_plural "as"\nmsgstr[4000000000] "b"\n', "read:bad_line"),
        (b'"floating"\n', "read:bad_line"),
        (b"<html>\n", "read:bad_line"),
        (b'msgid "a"\nmsgstr "\xff\xfe"\n', "read:not_text"),
        (b'msgid "a"\nmsgstr "' + b"b" * 3000 + b'"\n', "read:too_large"),
        (b'msgid "a"\nmsgstr ""\n' + b'"bb"\n' * 3000, "read:too_large"),
    ):
        found = rows(tmp_path, "a.po", good + bad + b"\n" + good, max_document_bytes=2000, encoding="utf-8")
        assert {row["dropped"] for row in found[1:-1]} == {why}, bad[:40]
        assert columns([found[0], found[-1]]) == [{"source": "Good", "target": "好"}] * 2


TEXT = st.text(
    st.characters(codec="utf-8", exclude_characters="\r\x85\u2028\u2029\x1c\x1d\x1e\x0b\x0c"), min_size=1
)


@given(st.dictionaries(TEXT.filter(str.strip), st.tuples(TEXT.filter(str.strip), st.booleans()), max_size=6))
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_reads_what_babel_writes_as_babel_reads_it(
    tmp_path: Path, messages: dict[str, tuple[str, bool]]
) -> None:
    catalog = Catalog(locale="zh_CN")
    for source, (target, fuzzy) in messages.items():
        catalog.add(source, target, flags=["fuzzy"] if fuzzy else [])
    file = io.BytesIO()
    write_po(file, catalog)
    again = read_po(io.BytesIO(file.getvalue()))
    theirs = {one.id: one.string for one in again if one.id and not one.fuzzy}
    found = rows(tmp_path, "a.po", file.getvalue())
    ours = {one["source"]: one["target"] for one in columns([row for row in found if row["dropped"] is None])}
    assert ours == theirs
    assert len(found) == len(messages)
