from __future__ import annotations

import io
import zipfile
from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.data.formats.reads import rows, texts, told

PAGE = """<!DOCTYPE html><html lang="zh"><head><meta charset="{charset}"><title>链 的
文档</title><script>var x = 1;</script></head><body>
<nav><ul><li><a href="/">首页</a></li><li><a>登录</a></li></ul></nav>
<main><article><h1>悬链</h1><p>悬链把语料变成数据集，再变成模型，每个回答都能追溯到原始文档。
团队用自己的语料做出自己的模型，并且能够为它负责：哪一句话来自哪一份文件，谁签过字，都有据可查。</p>
<p>第二段也在正文里。</p></article></main>
<footer>版权所有</footer></body></html>"""


def zipped(*files: tuple[str, str | bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files:
            archive.writestr(name, data)
    return out.getvalue()


def pdf(*pages: str) -> bytes:
    """A PDF of these pages of ASCII text."""
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b""]
    kids = []
    for page in pages:
        stream = f"BT /F1 12 Tf 20 100 Td ({page}) Tj ET".encode()
        objects.append(b"<< /Length %d >>\nstream\n%b\nendstream" % (len(stream), stream))
        font = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 400 200] /Contents %d 0 R"
            b" /Resources << /Font << /F1 %b >> >> >>" % (len(objects), font)
        )
        kids.append(b"%d 0 R" % len(objects))
    objects[1] = b"<< /Type /Pages /Kids [%b] /Count %d >>" % (b" ".join(kids), len(kids))
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    return out + b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, start)


@pytest.mark.parametrize(
    ("charset", "encoding"), [("utf-8", "utf-8"), ("gb2312", "gb18030"), ("big5", "big5")]
)
def test_html_gives_its_main_text(tmp_path: Path, charset: str, encoding: str) -> None:
    page = PAGE if charset != "big5" else PAGE.translate(str.maketrans("链数据变语档个", "鏈數據變語檔個"))
    data = page.format(charset=charset).encode(encoding, "ignore")
    [row] = rows(tmp_path, "page.html", data)
    assert "第二段也在正文" in row["text"] or charset == "big5"
    assert "首页" not in row["text"]
    assert "var x" not in row["text"]
    assert row["meta"]["language"] == "zh"
    assert row["meta"].get("encoding", "utf-8") == encoding
    assert "\n" not in row["meta"]["title"]


@pytest.mark.parametrize("how", ["main", "precise", "all", "raw"])
def test_what_is_taken_of_a_page_is_said_by_the_source(tmp_path: Path, how: str) -> None:
    [row] = rows(tmp_path, "page.html", PAGE.format(charset="utf-8").encode(), extract=how)
    assert "每个回答都能追溯" in row["text"]
    if how != "precise":  # trafilatura doubts short pages
        assert ("登录" in row["text"]) == (how in ("all", "raw"))
    assert ("<p>" in row["text"]) == (how == "raw")


def test_pdf(tmp_path: Path) -> None:
    [row] = rows(tmp_path, "a.pdf", pdf("The first page", "and the second"))
    assert row["text"] == "The first page\n\nand the second"
    assert row["meta"]["pages"] == "2"
    assert told(rows(tmp_path, "b.pdf", b"%PDF-1.4\nnothing more")) == {"b.pdf": "read:damaged"}


DOCX = (
    '<?xml version="1.0"?><w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>'
    "<w:p><w:r><w:t>第一段，</w:t></w:r><w:r><w:t>同一段。</w:t></w:r><w:del><w:r><w:delText>gone</w:delText></w:r></w:del></w:p>"
    "<w:tbl><w:tr><w:tc><w:p><w:r><w:t>a</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>b</w:t></w:r></w:p></w:tc></w:tr>"
    "</w:tbl></w:body></w:document>"
)


def test_docx(tmp_path: Path) -> None:
    data = zipped(("[Content_Types].xml", "<Types/>"), ("word/document.xml", DOCX))
    assert texts(rows(tmp_path, "a.docx", data)) == ["第一段，同一段。\na\nb"]
    assert texts(rows(tmp_path, "without-a-name", data))[0].startswith("第一段")
    assert told(rows(tmp_path, "b.docx", zipped(("x", "y")))) == {"b.docx": "read:wrong_format"}


def test_epub_gives_its_chapters_in_reading_order(tmp_path: Path) -> None:
    book = zipped(
        ("mimetype", "application/epub+zip"),
        (
            "META-INF/container.xml",
            '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
            '<rootfile full-path="OPS/book.opf"/></rootfiles></container>',
        ),
        (
            "OPS/book.opf",
            '<package xmlns="http://www.idpf.org/2007/opf"><manifest>'
            '<item id="b" href="b.xhtml" media-type="application/xhtml+xml"/>'
            '<item id="a" href="a%20.xhtml" media-type="application/xhtml+xml"/>'
            '<item id="c" href="c.css" media-type="text/css"/></manifest>'
            '<spine><itemref idref="a"/><itemref idref="b"/><itemref idref="c"/></spine></package>',
        ),
        ("OPS/b.xhtml", "<html><body><p>The second chapter.</p></body></html>"),
        ("OPS/a .xhtml", "<html><body><p>The first chapter.</p></body></html>"),
    )
    assert list(told(rows(tmp_path, "book.epub", book)).items()) == [
        ("book.epub!/OPS/a .xhtml", "The first chapter."),
        ("book.epub!/OPS/b.xhtml", "The second chapter."),
    ]


def message(subject: str, body: str, charset: str = "utf-8") -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "anna@example.com", "tom@example.org", subject
    mail["Date"] = "Mon, 01 Jan 2024 10:00:00 +0800"
    mail.set_content(body, charset=charset)
    return mail


def test_mail_in_any_charset_with_its_attachments(tmp_path: Path) -> None:
    mail = message("会议", "明天开会。", "gb2312")
    mail.add_attachment(b"x,text\n1,in the table", maintype="text", subtype="csv", filename="../t.csv")
    [row] = rows(tmp_path, "a.eml", mail.as_bytes())
    assert row["text"] == "会议\n\n明天开会。"
    assert row["meta"]["attachments"] == "t.csv"
    assert "example" not in str(row)
    found = rows(tmp_path, "a.eml", mail.as_bytes(), attachments="read")
    assert told(found) == {"a.eml": "会议\n\n明天开会。", "a.eml!/t.csv": "in the table"}


def test_a_mailbox(tmp_path: Path) -> None:
    page = EmailMessage()
    page["Subject"] = "Page"
    page.set_content("<p>Only <b>HTML</b> here</p>", subtype="html")
    mails = [message("One", "Hello.\n>From here on."), page, message("Three", "Bye.")]
    data = b"".join(b"From someone Mon Jan  1 10:00:00 2024\n" + mail.as_bytes() + b"\n" for mail in mails)
    found = rows(tmp_path, "all.mbox", data)
    assert texts(found) == ["One\n\nHello.\nFrom here on.", "Page\n\nOnly HTML here", "Three\n\nBye."]
    assert [row["offset"] for row in found] == [1, 2, 3]
    assert texts(rows(tmp_path, "inbox", data)) == texts(found)
    large = rows(tmp_path, "all.mbox", data.replace(b"Bye.", b"Bye.\n" * 1000), max_document_bytes=500)
    assert [row["dropped"] for row in large] == [None, None, "read:too_large"]
    assert int(large[2]["meta"]["quarantined_bytes"]) > 5000


def warc(*records: tuple[str, str, bytes]) -> bytes:
    return b"".join(
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: {url}\r\nContent-Type: "
        f"{'application/http' if kind in ('response', 'request') else 'text/plain'}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n".encode()
        + body
        + b"\r\n\r\n"
        for kind, url, body in records
    )


def test_warc(tmp_path: Path) -> None:
    page = PAGE.format(charset="utf-8").encode()
    chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(page), page)
    ok = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
    data = warc(
        ("warcinfo", "", b"software: x"),
        ("request", "http://a/", b"GET / HTTP/1.1\r\n\r\n"),
        ("response", "http://a/", ok + b"\r\n" + page),
        ("response", "http://b/", ok + b"Transfer-Encoding: chunked\r\n\r\n" + chunked),
        ("response", "http://c/", b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\n\r\n<p>no</p>"),
        ("conversion", "http://d/", "纯文本".encode()),
        (
            "response",
            "http://e/",
            b"HTTP/1.1 200 OK\r\nContent-Type: application/pdf\r\n\r\n" + pdf("In a PDF"),
        ),
    )
    found = rows(tmp_path, "crawl.warc", data)
    assert [(row["offset"], row["meta"].get("url")) for row in found] == [
        (3, "http://a/"),
        (4, "http://b/"),
        (6, "http://d/"),
        (1, None),
    ]
    assert found[0]["text"] == found[1]["text"] != ""
    assert (found[2]["text"], found[3]["text"], found[3]["file"]) == ("纯文本", "In a PDF", "crawl.warc!/7")
    assert told(rows(tmp_path, "cut.warc", data[:-1000]))["cut.warc"] == "read:damaged"


def test_subtitles(tmp_path: Path) -> None:
    srt = (
        "1\r\n00:00:01,000 --> 00:00:02,000\r\n<i>Hello</i>,\r\nworld.\r\n\r\n"
        "2\r\n00:00:03,000 --> 00:00:04,000\r\n你好。\r\n"
    )
    [row] = rows(tmp_path, "a.srt", srt.encode("gb18030"))
    assert row["text"] == "Hello, world.\n你好。"
    vtt = (
        "WEBVTT\n\nNOTE x\n\n00:01.000 --> 00:02.000 align:start\nHello\n\n"
        "id\n00:02.000 --> 00:03.000\nHello\n\n00:04.000 --> 00:05.000\nBye\n"
    )
    assert texts(rows(tmp_path, "a.vtt", vtt.encode())) == ["Hello\nBye"]
    ass = (
        "[Script Info]\nTitle: x\n[Events]\n"
        "Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
        "Dialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,{\\b1}你好，\\N世界\n"
    )
    assert texts(rows(tmp_path, "a.ass", ("\ufeff" + ass).encode("utf-16"))) == ["你好， 世界"]


def test_code_with_the_licence_in_its_head(tmp_path: Path) -> None:
    [row] = rows(tmp_path, "a.rs", b"// SPDX-License-Identifier: MIT OR Apache-2.0\nfn main() {}\n")
    assert row["meta"] == {"programming_language": "rust", "licence_in_file": "MIT OR Apache-2.0"}
    head = b"# Licensed under the Apache\n# License, Version 2.0 (the ...)\nimport os\n"
    [row] = rows(tmp_path, "a.py", head)
    assert row["meta"]["licence_in_file"] == "Apache-2.0"
    assert row["text"] == head.decode()


def test_a_stray_control_character_makes_no_text_a_program(tmp_path: Path) -> None:
    page = (
        b'.TH "BASH" 1\n.if \x01x\x01\\n(zZ\x01 .ig zZ\n' + b"The shell reads commands from its input.\n" * 20
    )
    [row] = rows(tmp_path, "bash.1", page)
    assert row["dropped"] is None
    assert row["text"].startswith(".TH")
