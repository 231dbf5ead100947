"""Files of lines, each a document; and the lines that other formats are made of, in bounded memory."""

from __future__ import annotations

import codecs
import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from catenary.data.formats.encoding import BOMS, WIDE, LineDecoder, detected
from catenary.data.formats.opened import Input
from catenary.data.formats.reading import QUARANTINED, Reading
from catenary.data.formats.records import BLOCK_BYTES, Records, empty

BOM = b"\xef\xbb\xbf"


def read_lines(one: Input, reading: Reading) -> Iterator[Records]:
    """A document a line."""
    offset = 0
    for block, texts in decoded_blocks(one, reading):
        held = [text or "" for text in texts]
        # In UTF-8 the bytes that were read are those of the text.
        data = block.lines if block.utf8 else [text.encode() for text in held]
        records = Records(
            offsets=list(range(offset + 1, offset + 1 + len(texts))),
            texts=held,
            sha256s=[hashlib.sha256(line).hexdigest() for line in data],
            dropped=[empty(text) for text in held],
        )
        for at, text in enumerate(texts) if None in texts else ():
            if text is None:
                records.dropped[at] = "read:not_text"
                records.sha256s[at] = hashlib.sha256(block.lines[at]).hexdigest()
        for at, large in block.too_large.items():
            records.dropped[at], records.sha256s[at] = "read:too_large", large.sha256
        if block.too_large:
            records.metas = [_meta(block, at) for at in range(len(texts))]
        offset += len(texts)
        yield records


def _meta(block: Lines, at: int) -> dict[str, str]:
    large = block.too_large.get(at)
    return {QUARANTINED: str(large.length)} if large else {}


@dataclass(frozen=True, slots=True)
class TooLarge:
    """What is known of a line that was not held."""

    sha256: str
    length: int


@dataclass(slots=True)
class Lines:
    """Lines without their ends. One longer than the limit is empty, and stands in `too_large` by its place."""

    lines: list[bytes]
    too_large: dict[int, TooLarge]
    utf8: bool = True


def decoded_blocks(
    one: Input, reading: Reading, encoding: str | None = None
) -> Iterator[tuple[Lines, list[str | None]]]:
    """Blocks of lines with the text of each, None where it is none. `encoding` is what the file itself tells."""
    decoder = LineDecoder(reading.source.encoding or encoding)
    stream = text_stream(one, decoder)
    for block in blocks_of_lines(stream, reading.source.max_document_bytes, decoder=decoder):
        block.utf8 = decoder.name == "utf-8"
        yield block, decoder.decode(block.lines)
    reading.notes[f"encoding.{decoder.name}"] += 1
    reading.notes["encoding_errors"] += decoder.errors


def text_lines(one: Input, reading: Reading) -> Iterator[str | None]:
    """The text of each line; None where it is none, or longer than a document may be."""
    for block, texts in decoded_blocks(one, reading):
        for at, text in enumerate(texts):
            yield None if at in block.too_large else text


def text_stream(one: Input, decoder: LineDecoder) -> BinaryIO:
    """The input's bytes for cutting at line feeds: UTF-16 and UTF-32 are made UTF-8 on the way."""
    name = decoder.encoding or detected(one.head())
    if name not in WIDE and codecs.lookup(name or "utf-8").name not in ("utf-16", "utf-32"):
        return one.stream
    decoder.encoding = "utf-8"
    for bom, of in BOMS:
        if name == of and one.head(4).startswith(bom):
            one.stream.read(len(bom))
    return io.BufferedReader(_Recoded(one.stream, name or "utf-8"), BLOCK_BYTES)


class _Recoded(io.RawIOBase):
    """A stream of text in another encoding as UTF-8."""

    def __init__(self, inner: BinaryIO, encoding: str) -> None:
        self._inner = inner
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        self._held = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        while not self._held:
            data = self._inner.read(BLOCK_BYTES)
            self._held = self._decoder.decode(data, final=not data).encode("utf-8", "replace")
            if not data:
                break
        piece, self._held = self._held[: len(view)], self._held[len(view) :]
        view[: len(piece)] = piece
        return len(piece)


def blocks_of_lines(
    file: BinaryIO, limit: int, block_bytes: int = BLOCK_BYTES, decoder: LineDecoder | None = None
) -> Iterator[Lines]:
    """Lines end with LF or CRLF. Holds at most `limit` bytes of an unfinished line, and one block."""
    held: list[bytes] = []
    held_bytes = 0
    outgrown = None  # the digest of a line that is longer than the limit
    first = True
    while block := file.read(block_bytes):
        if first:
            block, first = block.removeprefix(BOM), False
        if decoder is not None:
            decoder.settle(block)
        lines = block.split(b"\n")
        rest = lines.pop()
        if lines:
            too_large: dict[int, TooLarge] = {}
            if outgrown is not None:
                outgrown.update(lines[0])
                too_large[0], lines[0], outgrown = outgrown.told(), b"", None
            elif held:
                lines[0] = b"".join((*held, lines[0]))
            held, held_bytes = [], 0
            yield _bounded(lines, too_large, limit)
        if outgrown is not None:
            outgrown.update(rest)
        elif rest:
            held.append(rest)
            held_bytes += len(rest)
            if held_bytes > limit + 1:  # + 1: a CR that belongs to the line's end
                outgrown = _Outgrown(b"".join(held))
                held, held_bytes = [], 0
    if outgrown is not None:
        yield Lines([b""], {0: outgrown.told()})
    elif held:
        yield _bounded([b"".join(held)], {}, limit)


class _Outgrown:
    """The digest of a line that is not held. A CR at its end belongs to the line's end, wherever blocks are cut."""

    def __init__(self, data: bytes) -> None:
        self._sha256 = hashlib.sha256()
        self._held = b""
        self._length = 0
        self.update(data)

    def update(self, data: bytes) -> None:
        data = self._held + data
        self._held = data[-1:] if data.endswith(b"\r") else b""
        data = data.removesuffix(b"\r")
        self._sha256.update(data)
        self._length += len(data)

    def told(self) -> TooLarge:
        return TooLarge(self._sha256.hexdigest(), self._length)


def _bounded(lines: list[bytes], too_large: dict[int, TooLarge], limit: int) -> Lines:
    if any(line.endswith(b"\r") for line in lines):
        lines = [line.removesuffix(b"\r") for line in lines]
    if max(map(len, lines)) > limit:
        for at, line in enumerate(lines):
            if len(line) > limit:
                too_large[at] = TooLarge(hashlib.sha256(line).hexdigest(), len(line))
                lines[at] = b""
    return Lines(lines, too_large)
