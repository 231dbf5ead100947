"""Mail (RFC 5322, MIME) and mailboxes (RFC 4155): subject and body of each message.

Of alternatives the plain text is taken, else the HTML as text. `attachments: read` makes a part of each attachment,
`mail.mbox!/3/report.pdf`; otherwise they are named in `meta`. Who wrote to whom is not kept: it is personal data that
no step would see.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from hashlib import sha256

from catenary.data.formats.encoding import decoded
from catenary.data.formats.html import decoded_page, extract
from catenary.data.formats.lines import TooLarge
from catenary.data.formats.opened import Input, UnreadableError
from catenary.data.formats.parts import Names
from catenary.data.formats.reading import Reading, quarantined
from catenary.data.formats.records import Records

LARGEST_MESSAGE = 8  # documents' worth: attachments are three quarters of what they are in base64
MOST_PARTS = 1000
FROM = b"From "


def read_eml(one: Input, reading: Reading) -> Iterator[Records]:
    """One message."""
    data = one.whole(LARGEST_MESSAGE * reading.source.max_document_bytes)
    yield from _documents(one, reading, data, 1, "")


def read_mbox(one: Input, reading: Reading) -> Iterator[Records]:
    """The messages of a mailbox; offsets count them."""
    limit = LARGEST_MESSAGE * reading.source.max_document_bytes
    for number, message in enumerate(_messages(one, limit), 1):
        if isinstance(message, TooLarge):
            records = quarantined("read:too_large", message.length, one.part, number)
            records.sha256s = [message.sha256]
            yield records
        else:
            yield from _documents(one, reading, message, number, f"{number}/")


def _messages(one: Input, limit: int) -> Iterator[bytes | TooLarge]:
    """Each message, or what is known of one that is over the limit. Lines that begin with `>From ` are unquoted."""
    held: list[bytes] = []
    size, digest, blank, begun = 0, None, True, False
    while line := one.stream.readline(1 << 20):
        if blank and line.startswith(FROM):
            if begun:
                yield TooLarge(digest.hexdigest(), size) if digest else b"".join(held)
            held, size, digest, begun = [], 0, None, True
        elif not begun:
            raise UnreadableError("read:wrong_format")
        elif digest:
            digest.update(line)
            size += len(line)
        else:
            held.append(line[1:] if line.startswith(b">From ") else line)
            size += len(line)
            if size > limit:
                digest, held = sha256(b"".join(held)), []
        blank = not line.strip()
    if begun:
        yield TooLarge(digest.hexdigest(), size) if digest else b"".join(held)


def _documents(one: Input, reading: Reading, data: bytes, offset: int, prefix: str) -> Iterator[Records]:
    """The message, and its attachments when the source wants them."""
    records = Records(metas=[], part=one.part)
    attached: list[tuple[str, bytes]] = []
    try:
        message = message_from_bytes(data, policy=policy.default)
        assert isinstance(message, EmailMessage)
        text, attached = _read(message, reading)
    except UnreadableError as error:
        records.add(offset, whole=data, why=error.why)
        yield records
        return
    except Exception:  # the standard library's parser of headers raises a dozen kinds for hostile ones
        records.add(offset, whole=data, why="read:damaged")
        yield records
        return
    if len(text) > reading.source.max_document_bytes:
        records.add(offset, whole=data, why="read:too_large")
    else:
        meta = {"attachments": ", ".join(name for name, _ in attached)[:2000]} if attached else {}
        if date := _header(message, "date"):
            meta["date"] = date
        records.add(offset, text, meta=meta)
    yield records
    if reading.source.attachments == "read":
        names = Names()
        for name, content in attached:
            yield from reading.inside(one, prefix + names.unique(name), io.BytesIO(content), len(content))


def _header(message: EmailMessage, name: str) -> str:
    try:
        return " ".join(str(message.get(name, "")).split()).encode("utf-8", "replace").decode()[:500]
    except Exception:  # parsed when it is asked for
        return ""


def _read(message: EmailMessage, reading: Reading) -> tuple[str, list[tuple[str, bytes]]]:
    """The text of a message (its subject is the first line), and its attachments."""
    plain: list[str] = []
    pages: list[str] = []
    attached: list[tuple[str, bytes]] = []
    for number, part in enumerate(message.walk()):
        if number > MOST_PARTS:
            raise UnreadableError("read:too_many_parts")
        if part.is_multipart():
            continue
        content = part.get_payload(decode=True)
        if not isinstance(content, bytes):
            continue
        kind = part.get_content_type()
        name = _file_name(part)
        if name or part.get_content_disposition() == "attachment" or not kind.startswith("text/"):
            attached.append((name or f"part-{number}", content))
        elif kind == "text/html":
            page = decoded_page(content, reading.source.encoding, part.get_content_charset())
            pages.append(extract(page.text, "all"))
        else:
            plain.append(_plain(content, part.get_content_charset(), reading.source.encoding))
    body = plain if any(text.strip() for text in plain) else pages
    texts = [_header(message, "subject"), *(text.strip() for text in body)]
    return "\n\n".join(text for text in texts if text), attached


def _file_name(part: EmailMessage) -> str:
    name = part.get_filename() or ""
    return name.replace("\\", "/").rpartition("/")[2].encode("utf-8", "replace").decode()[:200]


def _plain(content: bytes, charset: str | None, stated: str | None) -> str:
    for name in (stated, _wider(charset)):
        if name:
            try:
                return content.decode(name).replace("\r\n", "\n")
            except (LookupError, ValueError):
                continue
    told = decoded(content)
    if told is None:
        raise UnreadableError("read:not_text")
    return told.text.replace("\r\n", "\n")


def _wider(charset: str | None) -> str | None:
    """What senders mean who write `gb2312`, and send characters that it does not have."""
    return "gb18030" if (charset or "").lower() in ("gb2312", "gbk", "hz") and charset != "hz" else charset
