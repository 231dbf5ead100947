"""What must not harm: bombs, names that lead out, links, loops of entities, files that lie. Nothing is followed."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catenary.data.formats import FORMATS
from tests.data.formats.reads import rows, texts, told
from tests.data.formats.test_documents import PAGE, message, pdf, warc, zipped

COMPRESSED = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": lambda data: pa.compress(data, codec="zstd", asbytes=True),
}


def tarred(*members: tarfile.TarInfo | tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                archive.addfile(info, io.BytesIO(member[1]))
    return out.getvalue()


def link(name: str, target: str, kind: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


@pytest.mark.parametrize("suffix", COMPRESSED)
def test_compressed_files(tmp_path: Path, suffix: str) -> None:
    pack = COMPRESSED[suffix]
    assert texts(rows(tmp_path, f"a.lines{suffix}", pack(b"one\ntwo\n"))) == ["one", "two"]
    twice = pack(b"one\n") + pack(b"two\n")
    assert texts(rows(tmp_path, f"b.lines{suffix}", twice)) == ["one", "two"]
    assert (
        "read:" in told(rows(tmp_path, f"c.lines{suffix}", pack(b"one\n" * 50_000)[:-9]))[f"c.lines{suffix}"]
    )
    assert texts(rows(tmp_path, f"d{suffix}", pack(b'{"text": "x"}\n'), format="jsonl")) == ["x"]


def test_files_in_archives_keep_their_paths(tmp_path: Path) -> None:
    inner = zipped(("c.jsonl", '{"text": "deep"}\n'), ("d/e.html", PAGE.format(charset="utf-8")))
    archive = gzip.compress(
        tarred(("a/b.txt", b"text"), ("a/in.zip", inner), ("pic.png", b"\x89PNG\r\n\x1a\n\0\0"))
    )
    for name in ("x.tar.gz", "x.tgz"):
        found = told(rows(tmp_path, name, archive))
        assert found[f"{name}!/a/b.txt"] == "text"
        assert found[f"{name}!/a/in.zip!/c.jsonl"] == "deep"
        assert "悬链" in found[f"{name}!/a/in.zip!/d/e.html"]
        assert found[f"{name}!/pic.png"] == "read:unknown_format"


def test_archives_of_more_than_65535_files(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number in range(66_000):
            archive.writestr(f"{number}/", "")  # folders: nothing is read of them
        archive.writestr("last.txt", "the last")
    assert told(rows(tmp_path, "a.zip", out.getvalue())) == {"a.zip!/last.txt": "the last"}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive, archive.open("a.txt", "w", force_zip64=True) as file:
        file.write(b"large")
    [row] = rows(tmp_path, "b.zip", out.getvalue())
    assert row["text"] == "large"


def test_chinese_names_in_old_archives(tmp_path: Path) -> None:
    data = bytearray(zipped(("abcd.txt", "内容")))
    raw = "文档".encode("gbk")
    assert told(rows(tmp_path, "a.zip", bytes(data).replace(b"abcd.txt", raw + b".txt"))) == {
        "a.zip!/文档.txt": "内容"
    }


def test_names_that_lead_out_and_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    secret = str(tmp_path / "secret.txt")
    archive = tarred(
        ("../../secret.txt", b"x"),
        (secret, b"x"),
        link("soft", secret, tarfile.SYMTYPE),
        link("hard", secret, tarfile.LNKTYPE),
        link("fifo", "", tarfile.FIFOTYPE),
        ("ok.txt", b"fine"),
        ("ok.txt", b"again"),
    )
    assert list(told(rows(tmp_path, "a.tar", archive)).values()) == [
        "read:outside_source",
        "read:outside_source",
        "read:link",
        "read:link",
        "read:not_a_file",
        "fine",
        "again",
    ]
    soft = zipfile.ZipInfo("soft")
    soft.create_system, soft.external_attr = 3, 0o120777 << 16
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive_:
        archive_.writestr(soft, secret)
        archive_.writestr("..\\up.txt", "x")
        archive_.writestr("C:/up.txt", "x")
    assert list(told(rows(tmp_path, "a.zip", out.getvalue())).values()) == [
        "read:link",
        *["read:outside_source"] * 2,
    ]


def nest(depth: int, width: int, size: int) -> bytes:
    """Like 42.zip: each level holds `width` times the one below it."""
    data = zipped(("0.txt", b"\0" * size))
    for _ in range(depth):
        data = zipped(*((f"{number}.zip", data) for number in range(width)))
    return data


def test_bombs_are_put_out(tmp_path: Path) -> None:
    found = rows(tmp_path, "42.zip", nest(3, 16, 50 << 20))
    assert found[-1]["file"] == "42.zip"
    assert found[-1]["dropped"] == "read:bomb"
    assert len(found) < 10
    assert found[-1]["meta"] == {"quarantined_bytes": str((tmp_path / "files" / "42.zip").stat().st_size)}
    for suffix in (".gz", ".zst"):
        [row] = rows(tmp_path, f"a.lines{suffix}", COMPRESSED[suffix](b"\0" * (300 << 20)))
        assert row["dropped"] == "read:bomb"


def test_nests_have_an_end(tmp_path: Path) -> None:
    found = rows(tmp_path, "deep.zip", nest(20, 1, 10))
    assert [row["dropped"] for row in found] == ["read:too_deep"]


def test_a_million_tiny_files_in_little_memory(tmp_path: Path) -> None:
    """Of a smaller archive here; what grows with the number of files is a name's digest."""
    data = zipped(*((f"{number:06}.txt", str(number)) for number in range(3000)))
    found = rows(tmp_path, "many.zip", data)
    assert texts(found) == [str(number) for number in range(3000)]


def test_entities_are_refused(tmp_path: Path) -> None:
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    (tmp_path / "secret.txt").write_text("secret")
    for declared in (f'<!ENTITY l0 "lol">{laughs}', f'<!ENTITY l9 SYSTEM "file://{tmp_path}/secret.txt">'):
        unit = "<tmx><body><tu><tuv><seg>&l9;</seg></tuv></tu></body></tmx>"
        tmx = f"<?xml version='1.0'?><!DOCTYPE tmx [{declared}]>{unit}"
        assert told(rows(tmp_path, "a.tmx", tmx.encode())) == {"a.tmx": "read:entities"}
        docx = zipped(("[Content_Types].xml", ""), ("word/document.xml", tmx))
        assert told(rows(tmp_path, "a.docx", docx)) == {"a.docx": "read:entities"}
    deep = b"<tmx>" * 200_000
    assert told(rows(tmp_path, "a.tmx", deep)) == {"a.tmx": "read:too_deep"}


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("page.zip", b"<html></html>", "read:wrong_format"),
        ("text.txt", pdf("x"), "read:wrong_format"),
        ("table.parquet", b"a,b\n1,2\n", "read:wrong_format"),
        ("report.pdf", zipped(("a", "b")), "read:wrong_format"),
        ("program", b"\x7fELF\x02\x01\x01\x00\x00\x00", "read:unknown_format"),
        ("empty.zip", b"", "read:empty"),
        ("lines.lines", gzip.compress(b"x"), "read:wrong_format"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",  # archives hold the time they were made at
)
def test_a_file_that_lies_is_quarantined(tmp_path: Path, name: str, data: bytes, why: str) -> None:
    [row] = rows(tmp_path, name, data)
    assert (row["dropped"], row["text"]) == (why, "")
    assert row["meta"] == {"quarantined_bytes": str(len(data))}


def test_what_an_encrypted_archive_holds_is_not_read(tmp_path: Path) -> None:
    data = bytearray(zipped(("a.txt", "x")))
    data[data.index(b"PK\x01\x02") + 8] |= 1
    assert told(rows(tmp_path, "a.zip", bytes(data))) == {"a.zip!/a.txt": "read:encrypted"}


SEEDS = {
    "a.zip": zipped(("a.txt", "x"), ("b.html", "<p>y</p>")),
    "a.tar": tarred(("a.txt", b"x"), ("b.lines", b"y\nz\n")),
    "a.lines.gz": gzip.compress(b"x\ny\n"),
    "a.lines.xz": lzma.compress(b"x\ny\n"),
    "a.pdf": pdf("some text"),
    "a.docx": zipped(("[Content_Types].xml", ""), ("word/document.xml", "<d><p><t>x</t></p></d>")),
    "a.eml": message("Subject", "Body").as_bytes(),
    "a.mbox": b"From x Mon\n" + message("Subject", "Body").as_bytes(),
    "a.warc": warc(("response", "http://a/", b"HTTP/1.1 200 OK\r\n\r\n<p>x</p>")),
    "a.html": PAGE.format(charset="gbk").encode("gbk"),
    "a.tmx": b"<tmx><tu><tuv><seg>a</seg></tuv><tuv><seg>b</seg></tuv></tu></tmx>",
    "a.po": b'msgid ""\nmsgstr "Content-Type: text/plain; charset=GBK\\n"\n\nmsgid "a"\nmsgstr "\\xe4b"\n',
    "a.srt": b"1\n00:00:01,000 --> 00:00:02,000\nHello\n",
}
hostile = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=60,
)


@given(
    st.sampled_from(sorted(SEEDS)),
    st.lists(st.tuples(st.integers(0, 1 << 16), st.binary(max_size=4)), max_size=6),
)
@hostile
def test_damage_never_stops_the_run(tmp_path: Path, name: str, changes: list[tuple[int, bytes]]) -> None:
    data = bytearray(SEEDS[name])
    for at, new in changes:
        at %= len(data)
        data[at : at + len(new)] = new
    for row in rows(tmp_path, name, bytes(data[: 1 << 16])):
        assert row["dropped"] is None or not row["text"].strip()


@given(st.sampled_from(sorted(set(FORMATS) - {"moses"})), st.binary(max_size=300))
@hostile
def test_any_bytes_are_read_in_any_format(tmp_path: Path, format: str, data: bytes) -> None:  # noqa: A002
    rows(tmp_path, "f", data, format=format)
    kind = FORMATS[format]
    if kind.suffixes:
        rows(tmp_path, f"f{kind.suffixes[0]}", data)


def test_large_files_stay_within_memory(tmp_path: Path) -> None:
    files = tmp_path / "files"
    files.mkdir()
    with (files / "line.lines").open("wb") as file:
        file.truncate(512 << 20)  # a sparse file: zeros without a line feed
    with (files / "value.json").open("wb") as file:
        file.write(b'["')
        file.truncate(512 << 20)
    program = (
        "import sys, resource; resource.setrlimit(resource.RLIMIT_DATA, 2 * (700 << 20,))\n"
        "from pathlib import Path; from catenary.data import *\n"
        "source = Source(path='files', licence='MIT')\n"
        "for batch in read(source, resolve(source, Path(sys.argv[1])), 's'):\n"
        "    print(batch.column('dropped').to_pylist())\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == ["['read:too_large']", "['read:too_large']"]
