"""ZIP, read an entry at a time: the directory is never in memory as a whole (APPNOTE.TXT 6.3.10, sections 4.3, 4.4).

The standard library's reader makes half a kilobyte of objects for each entry before it gives the first: 10⁶ tiny files
are 600 MB there, and nothing here.
"""

from __future__ import annotations

import bz2
import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, cast

from catenary.data.formats.opened import UnreadableError

END, END_SIZE = b"PK\x05\x06", 22
LONGEST_COMMENT = 65_535
DIRECTORY = struct.Struct("<4s6H3L5H2L")
LOCAL = struct.Struct("<4s5H3L2H")
UTF8_NAME = 0x800
ENCRYPTED = 0x1
STORED, DEFLATED, BZIP2, ZSTD = 0, 8, 12, 93
UNIX = 3
LINK = 0o120000
BLOCK_BYTES = 1 << 16
UNKNOWN_32 = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in an archive, as the directory has it."""

    name: str
    method: int
    encrypted: bool
    compressed_bytes: int
    bytes: int
    at: int
    crc: int
    is_link: bool

    @property
    def is_folder(self) -> bool:
        """Whether it only names a folder."""
        return self.name.endswith("/")


def entries(file: BinaryIO) -> Iterator[Entry]:
    """The entries in the order of the directory. Raises UnreadableError where there is none."""
    at, count, shift = _directory(file)
    for _ in range(count):
        file.seek(at)
        fixed = file.read(DIRECTORY.size)
        if len(fixed) < DIRECTORY.size or fixed[:4] != b"PK\x01\x02":
            raise UnreadableError("read:damaged")
        told = DIRECTORY.unpack(fixed)
        flags, method, packed, size = told[3], told[4], told[8], told[9]
        name_bytes, extra_bytes, comment_bytes = told[10:13]
        outside, local = told[15], told[16]
        raw, extra = file.read(name_bytes), file.read(extra_bytes)
        size, packed, local = _sizes(extra, size, packed, local)
        yield Entry(
            name=_name(raw, flags),
            method=method,
            encrypted=bool(flags & ENCRYPTED),
            compressed_bytes=packed,
            bytes=size,
            at=local + shift,
            crc=told[7],
            is_link=told[1] >> 8 == UNIX and (outside >> 16) & 0o170000 == LINK,
        )
        at += DIRECTORY.size + name_bytes + extra_bytes + comment_bytes


def open_entry(file: BinaryIO, entry: Entry) -> BinaryIO:
    """The content of an entry. Raises UnreadableError for what is encrypted or packed in a way that is not known."""
    if entry.encrypted:
        raise UnreadableError("read:encrypted")
    file.seek(entry.at)
    fixed = file.read(LOCAL.size)
    if len(fixed) < LOCAL.size or fixed[:4] != b"PK\x03\x04":
        raise UnreadableError("read:damaged")
    told = LOCAL.unpack(fixed)
    start = entry.at + LOCAL.size + told[9] + told[10]
    return io.BufferedReader(Pieces(_content(file, start, entry)), BLOCK_BYTES)


def _directory(file: BinaryIO) -> tuple[int, int, int]:
    """Where the directory stands, how many entries it has, and what was put before the archive."""
    length = file.seek(0, io.SEEK_END)
    file.seek(max(0, length - END_SIZE - LONGEST_COMMENT))
    tail = file.read()
    found = tail.rfind(END)
    if found < 0 or len(tail) - found < END_SIZE:
        raise UnreadableError("read:damaged")
    end = length - len(tail) + found
    count, size, at = struct.unpack_from("<HLL", tail, found + 10)
    if large := _large_directory(file, end):
        count, size, at, end = large
    shift = end - size - at
    if shift < 0:
        raise UnreadableError("read:damaged")
    return at + shift, count, shift


def _large_directory(file: BinaryIO, end: int) -> tuple[int, int, int, int] | None:
    """The same of a ZIP64 archive: entries, bytes, place, and where its directory ends."""
    file.seek(max(0, end - 20))
    locator = file.read(20)
    if locator[:4] != b"PK\x06\x07":
        return None
    [where] = struct.unpack_from("<Q", locator, 8)
    file.seek(min(where, end))
    told = file.read(56)
    if len(told) < 56 or told[:4] != b"PK\x06\x06":
        raise UnreadableError("read:damaged")
    count, size, at = struct.unpack_from("<QQQ", told, 32)
    return count, size, at, where


def _sizes(extra: bytes, size: int, packed: int, local: int) -> tuple[int, int, int]:
    """Sizes and place of an entry, those over 4 GB from its ZIP64 field."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        if kind == 1:
            field = extra[at + 4 : at + 4 + length]
            values = iter(struct.unpack(f"<{len(field) // 8}Q", field[: len(field) // 8 * 8]))
            size = next(values, size) if size == UNKNOWN_32 else size
            packed = next(values, packed) if packed == UNKNOWN_32 else packed
            local = next(values, local) if local == UNKNOWN_32 else local
        at += 4 + length
    return size, packed, local


def _name(raw: bytes, flags: int) -> str:
    """UTF-8 where it is marked so or is so; else what Chinese systems write, which no mark tells."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        pass
    try:
        return raw.decode("cp437" if flags & UTF8_NAME else "gb18030")
    except UnicodeDecodeError:
        return raw.decode("cp437")


class Pieces(io.RawIOBase):
    """Pieces of bytes as a stream."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._held = b""

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: object) -> int:
        """Fill `buffer` from the piece at hand."""
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        while not self._held:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._held = piece
        piece, self._held = self._held[: len(view)], self._held[len(view) :]
        view[: len(piece)] = piece
        return len(piece)


def _content(file: BinaryIO, start: int, entry: Entry) -> Iterator[bytes]:
    """The content, which must have the checksum that the directory states."""
    packed = _packed(file, start, entry.compressed_bytes)
    if entry.method == STORED:
        pieces = packed
    elif entry.method == DEFLATED:
        pieces = _inflated(packed)
    elif entry.method == BZIP2:
        pieces = _read(cast(BinaryIO, bz2.BZ2File(io.BufferedReader(Pieces(packed)))))
    elif entry.method == ZSTD:
        from catenary.data.formats.compressed import zstd_stream

        pieces = _read(zstd_stream(io.BufferedReader(Pieces(packed))))
    else:
        raise UnreadableError("read:unknown_format")
    crc = 0
    for piece in pieces:
        crc = zlib.crc32(piece, crc)
        yield piece
    if crc != entry.crc:
        raise UnreadableError("read:damaged")


def _inflated(packed: Iterator[bytes]) -> Iterator[bytes]:
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    for data in packed:
        while data and not inflate.eof:
            yield inflate.decompress(data, BLOCK_BYTES)
            data = inflate.unconsumed_tail
        if inflate.eof:
            return
    yield inflate.flush()
    if not inflate.eof:
        raise EOFError


def _read(stream: BinaryIO) -> Iterator[bytes]:
    while piece := stream.read(BLOCK_BYTES):
        yield piece


def _packed(file: BinaryIO, at: int, left: int) -> Iterator[bytes]:
    while left:
        file.seek(at)  # others read from the same file in between
        data = file.read(min(BLOCK_BYTES, left))
        if not data:
            raise EOFError
        yield data
        at += len(data)
        left -= len(data)
