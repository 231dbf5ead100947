from __future__ import annotations

import csv
import hashlib
import io
import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catenary.data import Source, read, resolve
from catenary.data.formats.encoding import BOMS
from catenary.data.formats.lines import blocks_of_lines
from catenary.data.settings import parse
from catenary.digest import text_sha256
from catenary.records import document_id, document_schema

FORMATS = ("lines", "text", "jsonl", "csv", "tsv", "parquet")
anything = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def rows(folder: Path, data: bytes, format: str = "lines", **more: object) -> list[dict[str, object]]:  # noqa: A002
    (folder / "f").write_bytes(data)
    source = parse(Source, {"path": "f", "format": format, "licence": "MIT", **more})
    batches = list(read(source, resolve(source, folder), "s"))
    assert all(batch.schema == document_schema() for batch in batches)
    for batch in batches:
        batch.validate(full=True)
    return [row for batch in batches for row in batch.to_pylist()]


def texts(found: list[dict[str, object]]) -> list[object]:
    return [row["text"] for row in found]


def reasons(found: list[dict[str, object]]) -> list[object]:
    return [row["dropped"] for row in found]


def test_lines_with_their_numbers_ids_and_digests(tmp_path: Path) -> None:
    found = rows(tmp_path, "\ufeff很好\r\n\n很好\n最后".encode(), consent="public")
    assert texts(found) == ["很好", "", "很好", "最后"]
    assert reasons(found) == [None, "read:empty", None, None]
    assert [row["offset"] for row in found] == [1, 2, 3, 4]
    assert [row["id"] for row in found] == [
        document_id("s", "f", text, n) for text, n in (("很好", 0), ("", 0), ("很好", 1), ("最后", 0))
    ]
    assert [row["sha256"] for row in found] == [text_sha256(str(text)) for text in texts(found)]
    assert {(row["licence"], row["consent"], row["source"], row["file"]) for row in found} == {
        ("MIT", "public", "s", "f")
    }


def test_only_line_feeds_end_lines(tmp_path: Path) -> None:
    assert texts(rows(tmp_path, "a\u2028b\x0bc\x85d\re\n".encode())) == ["a\u2028b\x0bc\x85d\re"]


def test_bytes_that_are_no_text_cost_only_their_line(tmp_path: Path) -> None:
    found = rows(tmp_path, b"good\n\xff\xfe bad\nalso good\n")
    assert texts(found) == ["good", "", "also good"]
    assert reasons(found) == [None, "read:not_text", None]
    assert found[1]["sha256"] == hashlib.sha256(b"\xff\xfe bad").hexdigest()


@pytest.mark.parametrize("encoding", ["gb18030", "gbk", "big5", "latin-1"])
def test_other_encodings(tmp_path: Path, encoding: str) -> None:
    text = "caf\xe9" if encoding == "latin-1" else "中文"
    [row] = rows(tmp_path, text.encode(encoding) + b"\n", encoding=encoding)
    assert row["text"] == text
    assert row["sha256"] == text_sha256(text)


@given(st.lists(st.text(st.characters(codec="gb18030", exclude_characters="\n\r"), min_size=1), min_size=1))
@anything
def test_gb18030_lines_come_back(tmp_path: Path, lines: list[str]) -> None:
    found = rows(tmp_path, "".join(line + "\n" for line in lines).encode("gb18030"), encoding="gb18030")
    assert texts(found) == lines


@pytest.mark.parametrize("format", ["lines", "jsonl"])
def test_a_line_over_the_limit_is_told_of_but_not_held(tmp_path: Path, format: str) -> None:  # noqa: A002
    long = b"x" * 3_000_000
    found = rows(
        tmp_path, b'{"text": "a"}\n' + long + b"\r\n" + b'{"text": "b"}', format, max_document_bytes=1000
    )
    assert reasons(found) == [None, "read:too_large", None]
    assert found[1]["text"] == ""
    assert len(found) == 3
    assert dict(found[1]["meta"]) == {"quarantined_bytes": "3000000"}
    [row] = rows(tmp_path, long, format, max_document_bytes=1000)
    assert row["sha256"] == hashlib.sha256(long).hexdigest()


@given(
    st.lists(st.binary(max_size=12).map(lambda line: line.replace(b"\n", b"")), max_size=30),
    st.integers(1, 9),
    st.integers(1, 9),
)
def test_lines_do_not_hang_on_where_blocks_end(lines: list[bytes], block_bytes: int, limit: int) -> None:
    def all_lines(size: int) -> list[tuple[bytes, object]]:
        blocks = blocks_of_lines(io.BytesIO(data), limit, size)
        return [
            (line, block.too_large.get(at, "")) for block in blocks for at, line in enumerate(block.lines)
        ]

    lines = [b"x", *lines]  # no byte-order mark, which must stand in the first block
    data = b"".join(line + b"\n" for line in lines)
    assert all_lines(block_bytes) == all_lines(1 << 20)
    for (line, sha256), expected in zip(all_lines(1 << 20), lines, strict=True):
        bare = expected.removesuffix(b"\r")
        assert (line, bool(sha256)) == ((b"", True) if len(bare) > limit else (bare, False))


@given(st.binary(max_size=300))
@anything
def test_any_bytes_are_read_in_any_format(tmp_path: Path, data: bytes) -> None:
    for format in FORMATS:  # noqa: A001
        found = rows(tmp_path, data, format, label="label", max_document_bytes=100)
        assert len({row["id"] for row in found}) == len(found)
        if data and data not in (bom for bom, _ in BOMS) and format in ("lines", "text", "parquet"):
            assert found


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(st.lists(st.fixed_dictionaries({"text": json_values, "label": json_values}) | json_values, min_size=1))
@anything
def test_any_json_lines_are_read(tmp_path: Path, values: list[object]) -> None:
    data = "".join(json.dumps(value) + "\n" for value in values).encode()
    found = rows(tmp_path, data, "jsonl", label="label")
    assert len(found) == len(values)
    for value, row in zip(values, found, strict=True):
        if isinstance(value, dict) and isinstance(value.get("text"), str) and row["dropped"] is None:
            assert row["text"] == value["text"]


def test_json_lines_that_are_not_documents(tmp_path: Path) -> None:
    data = b'{"text": "ok", "label": 1}\n{"text": \n[1]\n{"other": 1}\n{"text": "\\ud800"}\n{"text": " "}\n\n'
    deep = b"[" * 100_000 + b"\n"
    found = rows(tmp_path, data + deep, "jsonl", label="label")
    assert reasons(found) == [
        None,
        "read:bad_json",
        "read:bad_json",
        "read:no_text",
        "read:not_text",
        "read:empty",
        "read:empty",
        "read:bad_json",
    ]
    assert found[0]["label"] == "1"


@given(
    st.lists(
        st.tuples(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n")),
            st.text(alphabet="ab"),
        )
    )
)
@anything
def test_csv_that_python_wrote_comes_back(tmp_path: Path, pairs: list[tuple[str, str]]) -> None:
    with (tmp_path / "written").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("label", "text"), *((label, text) for text, label in pairs)])
    found = rows(tmp_path, (tmp_path / "written").read_bytes(), "csv", label="label")
    assert [(row["text"], row["label"]) for row in found] == pairs


def test_csv_with_quoted_line_feeds_and_bad_rows(tmp_path: Path) -> None:
    data = 'id,text,label\n1,"two\nlines, ""quoted""",a\n2\n\n3,\xff,b\n4,last,c\n'.encode("latin-1")
    found = rows(tmp_path, data, "csv", label="label")
    assert texts(found) == ['two\nlines, "quoted"', "", "", "", "last"]
    assert reasons(found) == [None, "read:no_text", "read:empty", "read:not_text", None]
    assert [row["label"] for row in found] == ["a", None, None, None, "c"]


def test_a_quote_that_never_ends_costs_a_bounded_stretch(tmp_path: Path) -> None:
    data = b'text\n"' + b"never ends\n" * 1000 + b"good\n"
    found = rows(tmp_path, data, "csv", max_document_bytes=500)
    assert found[0]["dropped"] == "read:too_large"
    assert found[-1]["text"] == "good"


def test_tsv_takes_quotes_as_they_are(tmp_path: Path) -> None:
    found = rows(tmp_path, b'label\ttext\nx\t"hello" he said\n', "tsv", label="label")
    assert texts(found) == ['"hello" he said']


def test_a_table_without_a_header(tmp_path: Path) -> None:
    data = b'ham\tsee "you" then\nspam\tWIN now\n'
    found = rows(tmp_path, data, "tsv", columns=["class", "text"], label="class")
    assert [(row["offset"], row["text"], row["label"]) for row in found] == [
        (1, 'see "you" then', "ham"),
        (2, "WIN now", "spam"),
    ]


def test_a_table_without_the_column(tmp_path: Path) -> None:
    assert reasons(rows(tmp_path, b"a,b\n1,2\n3,4\n", "csv")) == ["read:no_text_column"]
    pq.write_table(pa.table({"body": ["x"]}), tmp_path / "t")
    data = (tmp_path / "t").read_bytes()
    assert reasons(rows(tmp_path, data, "parquet")) == ["read:no_text_column"]
    assert texts(rows(tmp_path, data, "parquet", text="body")) == ["x"]
    assert reasons(rows(tmp_path, data[:-20], "parquet", text="body")) == ["read:bad_parquet"]


def test_parquet(tmp_path: Path) -> None:
    table = pa.table({"text": ["a", None, "b" * 50], "n": [1, 2, 3]})
    pq.write_table(table, tmp_path / "t")
    found = rows(tmp_path, (tmp_path / "t").read_bytes(), "parquet", label="n", max_document_bytes=40)
    assert reasons(found) == [None, "read:no_text", "read:too_large"]
    assert [row["label"] for row in found] == ["1", "2", None]


def test_a_file_that_goes_away_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x\n")
    source = parse(Source, {"path": "f", "format": "lines", "licence": "MIT"})
    files = resolve(source, tmp_path)
    (tmp_path / "f").unlink()
    [batch] = read(source, files, "s")
    assert batch.column("dropped").to_pylist() == ["read:unreadable"]


def test_one_line_of_half_a_gigabyte_takes_no_memory(tmp_path: Path) -> None:
    with (tmp_path / "f").open("wb") as file:
        file.truncate(512 << 20)  # a sparse file: zeros without a line feed
    program = (
        "import sys, resource; resource.setrlimit(resource.RLIMIT_DATA, 2 * (512 << 20,))\n"
        "from pathlib import Path; from catenary.data import *\n"
        "source = Source(path='f', format=sys.argv[1], licence='MIT')\n"
        "[batch] = read(source, resolve(source, Path(sys.argv[2])), 's')\n"
        "assert batch.column('dropped').to_pylist() == ['read:too_large'], batch.column('dropped')\n"
    )
    for format in ("lines", "text"):  # noqa: A001
        subprocess.run([sys.executable, "-c", program, format, str(tmp_path)], check=True)
