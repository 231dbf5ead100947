"""WARC 1.0 and 1.1 (ISO 28500): the pages that a crawler kept. Offsets count records; `meta` has each page's `url`.

Responses of HTTP and resources are read as HTML; conversions (Common Crawl's WET) as the plain text that they are;
anything else by its own format, as a part named by the record's number.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from catenary.data.formats.encoding import decoded
from catenary.data.formats.html import document
from catenary.data.formats.opened import Input, UnreadableError
from catenary.data.formats.reading import QUARANTINED, Reading
from catenary.data.formats.records import Records

LONGEST_LINE = 1 << 16
MOST_HEADERS = 500
PAGES = ("text/html", "application/xhtml+xml")


@dataclass(frozen=True, slots=True)
class _Record:
    headers: Mapping[str, str]
    body: bytes | None  # None: longer than a document may be


def read(one: Input, reading: Reading) -> Iterator[Records]:
    """The documents in the order of the records; requests, metadata and the like are none."""
    for number, record in enumerate(_records(one, reading.source.max_document_bytes), 1):
        kind = record.headers.get("warc-type", "")
        if kind not in ("response", "resource", "conversion"):
            continue
        url = record.headers.get("warc-target-uri", "").strip("<>").encode("utf-8", "replace").decode()
        found = Records(metas=[], part=one.part)
        try:
            if record.body is None:
                raise UnreadableError("read:too_large")
            told = _read(record, kind, number, reading)
        except UnreadableError as error:
            found.add(number, whole=record.body or b"", why=error.why)
            found.metas = [{"url": url, QUARANTINED: record.headers["content-length"]}]
            yield found
            continue
        if isinstance(told, bytes):
            yield from reading.inside(one, str(number), io.BytesIO(told), len(told))
        elif told is not None:
            assert told.metas is not None
            told.part = one.part
            told.metas = [{**told.metas[0], "url": url}]
            yield told


def _read(record: _Record, kind: str, number: int, reading: Reading) -> Records | bytes | None:
    """The document; or the bytes of one in another format; None for a page that was an error."""
    body, headers = record.body or b"", record.headers
    content_type = headers.get("content-type", "")
    if kind == "response" and content_type.startswith("application/http"):
        status, headers, body = _http(body)
        content_type = headers.get("content-type", "text/html")
        if not status.startswith("2"):
            return None
        body = _decoded(body, headers, reading)
    media, _, rest = content_type.partition(";")
    media = media.strip().lower()
    if media in PAGES:
        return document(body, reading, _charset(rest), number)
    if media == "text/plain":
        told = decoded(body, reading.source.encoding or None)
        if told is None:
            raise UnreadableError("read:not_text")
        found = Records(metas=[])
        found.add(number, told.text)
        return found
    return body


def _charset(rest: str) -> str | None:
    _, found, name = rest.lower().partition("charset=")
    return name.split(";")[0].strip(" \"'") or None if found else None


def _http(body: bytes) -> tuple[str, dict[str, str], bytes]:
    """Status, headers and body of an HTTP/1 response."""
    head, found, rest = body.partition(b"\r\n\r\n")
    if not found:
        head, _, rest = body.partition(b"\n\n")
    lines = head.decode("latin-1").splitlines()
    status = [*lines[0].split(" ", 2), "", ""][1] if lines else ""
    return status, _headers(lines[1:]), rest


def _decoded(body: bytes, headers: Mapping[str, str], reading: Reading) -> bytes:
    """A body without chunks and compression, which crawlers should have undone and often have not."""
    if "chunked" in headers.get("transfer-encoding", "").lower():
        body = _without_chunks(body)
    if headers.get("content-encoding", "").lower() in ("gzip", "x-gzip") and body.startswith(b"\x1f\x8b"):
        limit = reading.source.max_document_bytes
        try:
            body = gzip.GzipFile(fileobj=io.BytesIO(body)).read(limit + 1)
        except (OSError, EOFError, zlib.error):
            raise UnreadableError("read:damaged") from None
        if len(body) > limit:
            raise UnreadableError("read:too_large")
    return body


def _without_chunks(body: bytes) -> bytes:
    pieces: list[bytes] = []
    at = 0
    while (end := body.find(b"\r\n", at)) >= 0:
        try:
            size = int(body[at:end].split(b";")[0], 16)
        except ValueError:
            return body if at == 0 else b"".join(pieces)
        if size <= 0:
            break
        pieces.append(body[end + 2 : end + 2 + size])
        at = end + 2 + size + 2
    return b"".join(pieces)


def _headers(lines: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in lines[:MOST_HEADERS]:
        name, colon, value = line.partition(":")
        if colon:
            found.setdefault(name.strip().lower(), value.strip())
    return found


def _records(one: Input, limit: int) -> Iterator[_Record]:
    while True:
        line = one.stream.readline(LONGEST_LINE)
        while line in (b"\r\n", b"\n"):
            line = one.stream.readline(LONGEST_LINE)
        if not line:
            return
        if not line.startswith(b"WARC/"):
            raise UnreadableError("read:damaged")
        lines: list[str] = []
        while (line := one.stream.readline(LONGEST_LINE)) not in (b"\r\n", b"\n", b""):
            lines.append(line.decode("utf-8", "replace"))
            if len(lines) > MOST_HEADERS:
                raise UnreadableError("read:damaged")
        headers = _headers(lines)
        length = headers.get("content-length", "")
        if not length.isdecimal():
            raise UnreadableError("read:damaged")
        size = int(length)
        if size > limit:
            _skip(one, size)
            yield _Record(headers, None)
            continue
        body = one.stream.read(size)
        if len(body) < size:
            raise UnreadableError("read:damaged")
        yield _Record(headers, body)


def _skip(one: Input, size: int) -> None:
    while size > 0:
        block = one.stream.read(min(size, 1 << 18))
        if not block:
            raise UnreadableError("read:damaged")
        size -= len(block)
