"""Which format a file has: by its first bytes, its name, and what the source declares, where these agree.

    >>> format_of("report.PDF", b"%PDF-1.7 ...", None)
    'pdf'
    >>> format_of("notes", b"<!DOCTYPE html><title>Notes</title>", None)
    'html'

A file that says one thing and is another raises UnreadableError `read:wrong_format`: a program in a `.txt`, a web page
in a `.zip`. One that says nothing we know raises `read:unknown_format`.
"""

from __future__ import annotations

import re

from catenary.data.formats import by_suffix, find
from catenary.data.formats.opened import UnreadableError

MAGIC = (
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),  # with nothing in it
    (b"%PDF-", "pdf"),
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"PAR1", "parquet"),
    (b"ARROW1\x00\x00", "arrow"),
    (b"\xff\xff\xff\xff", "arrow"),  # a stream of messages, as `datasets` writes them
    (b"SQLite format 3\x00", "sqlite"),
)
PDF_WITHIN_BYTES = 1024  # readers have always allowed something before a PDF's header
IN_ZIP = ("docx", "epub")
UNSAID = ("text", "json", "code")  # names that say little: a declared format may stand in such a file
CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
STRAY = 0.005  # of a text's bytes: manual pages and old mail hold some control characters
SNIFFED = (
    (re.compile(rb"\s*(<!--.*?-->\s*)*<(!doctype\s+html|html|head|body)\b", re.I | re.S), "html"),
    (re.compile(rb"\s*<\?xml[^>]*>\s*(<!doctype\s+html|<html\b)", re.I), "html"),
    (
        re.compile(rb"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*(<!doctype\s+tmx[^>]*>\s*)?<tmx\b", re.I | re.S),
        "tmx",
    ),
    (re.compile(rb'\s*(#[^\n]*\n\s*)*msgid\s+""\s*\nmsgstr\s+""'), "po"),
    (re.compile(rb"WARC/1\.[01]\r?\n"), "warc"),
    (re.compile(rb"From \S+.*\n([\w-]+: |>From )"), "mbox"),
    (
        re.compile(
            rb"((received|return-path|from|to|subject|date|message-id|mime-version): .*\n[ \t]*){2}", re.I
        ),
        "eml",
    ),
    (re.compile(rb"WEBVTT\b"), "subtitles"),
    (re.compile(rb"\[Script Info\]"), "subtitles"),
    (re.compile(rb"\s*\{[^\n]*\}\s*\n\s*\{"), "jsonl"),
    (re.compile(rb'\s*[\[{]\s*["\[{\]}]'), "json"),
)


def format_of(name: str, head: bytes, declared: str | None, nested: bool = False) -> str:
    """The name of the format in `FORMATS`. `nested`: the file stands in another, whose format is not asked here.

    Raises UnreadableError for one that lies, that nobody knows, or that is not what is `declared`.
    """
    told = _by_content(head)
    if declared is not None:
        return _as_declared(declared, name, told, nested)
    said = by_suffix(name)
    if said is None:
        return told or _sniffed(head)
    if _fits(said, told):
        return said
    raise UnreadableError("read:wrong_format" if head else "read:empty")


def _as_declared(declared: str, name: str, told: str | None, nested: bool) -> str:
    if _fits(declared, told):
        said = by_suffix(name)
        if nested and said not in (None, declared, *UNSAID) and declared not in UNSAID:
            raise UnreadableError("read:other_format")
        return declared
    if told is not None and _holds(told):
        return told
    raise UnreadableError("read:wrong_format")


def _fits(format: str, told: str | None) -> bool:  # noqa: A002
    """Whether first bytes that speak of `told` may begin a file of this format."""
    kind = find(format)
    assert kind is not None, format
    if not kind.binary:
        return told is None
    return told == format or (told == "zip" and format in IN_ZIP)


def _holds(format: str) -> bool:  # noqa: A002
    kind = find(format)
    return kind is not None and kind.holds


def _by_content(head: bytes) -> str | None:
    if head[257:262] == b"ustar":
        return "tar"
    for magic, name in MAGIC:
        if head.startswith(magic):
            return _kind_of_zip(head) if name == "zip" else name
    return "pdf" if b"%PDF-" in head[:PDF_WITHIN_BYTES] and CONTROLS.search(head) else None


def _kind_of_zip(head: bytes) -> str:
    if head[30:].startswith(b"mimetypeapplication/epub+zip"):
        return "epub"
    if b"[Content_Types].xml" in head[30:60] and b"word/" in head:
        return "docx"
    return "zip"


def _sniffed(head: bytes) -> str:
    """The format of a file whose name says nothing."""
    if not head:
        raise UnreadableError("read:empty")
    for pattern, name in SNIFFED:
        if pattern.match(head):
            return name
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or _is_text(head):
        return "text"
    raise UnreadableError("read:unknown_format")


def _is_text(head: bytes) -> bool:
    return (
        b"\x00" not in head
        and len(CONTROLS.findall(head)) <= STRAY * len(head)
        and not head.lstrip().startswith(b"<?xml")
    )
