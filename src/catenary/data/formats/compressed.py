"""Compressed files: gzip, bzip2, xz and Zstandard. What is inside keeps the file's name: it is that file."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Iterator
from typing import BinaryIO, cast

from catenary.data.formats.opened import BUFFER_BYTES, Input
from catenary.data.formats.reading import Reading
from catenary.data.formats.records import Records

MEMORY_BYTES = 256 << 20  # that xz may take: `xz -9` needs 65 MB
SHORT = {".tgz": ".tar", ".tbz2": ".tar", ".txz": ".tar", ".tzst": ".tar"}


def read_gzip(one: Input, reading: Reading) -> Iterator[Records]:
    """RFC 1952, several members too."""
    return reading.unwrapped(one, _inner_name(one.name), cast(BinaryIO, gzip.GzipFile(fileobj=one.stream)))


def read_bzip2(one: Input, reading: Reading) -> Iterator[Records]:
    """bzip2, several streams too."""
    return reading.unwrapped(one, _inner_name(one.name), cast(BinaryIO, bz2.BZ2File(one.stream)))


def read_xz(one: Input, reading: Reading) -> Iterator[Records]:
    """xz, several streams too; never with more than `MEMORY_BYTES`."""
    from catenary.data.formats.zip_file import Pieces

    return reading.unwrapped(one, _inner_name(one.name), cast(BinaryIO, Pieces(_xz_pieces(one.stream))))


def read_zstd(one: Input, reading: Reading) -> Iterator[Records]:
    """RFC 8878, several frames too."""
    return reading.unwrapped(one, _inner_name(one.name), zstd_stream(one.stream))


def zstd_stream(stream: BinaryIO) -> BinaryIO:
    """The decompressed stream, whose end is noticed when it is missing. The window is zstd's own limit, 128 MB."""
    import pyarrow as pa

    return cast(BinaryIO, pa.CompressedInputStream(pa.PythonFile(stream, "r"), "zstd"))


def _xz_pieces(stream: BinaryIO) -> Iterator[bytes]:
    decompressor = lzma.LZMADecompressor(memlimit=MEMORY_BYTES)
    data = b""
    while True:
        if decompressor.eof:
            data = (decompressor.unused_data or stream.read(BUFFER_BYTES)).lstrip(
                b"\0"
            )  # padding between streams
            if not data:
                return
            decompressor = lzma.LZMADecompressor(memlimit=MEMORY_BYTES)
        elif decompressor.needs_input and not data:
            data = stream.read(BUFFER_BYTES)
            if not data:
                raise EOFError
        yield decompressor.decompress(data, BUFFER_BYTES)
        data = b""


def _inner_name(name: str) -> str:
    stem, dot, suffix = name.rpartition(".")
    if not dot:
        return name
    return stem + SHORT.get(f".{suffix.lower()}", "")
