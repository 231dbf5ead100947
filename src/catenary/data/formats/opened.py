"""An opened input: a file, or what stands in another file, read once from its start within limits.

What is decompressed is counted over all that is nested in a file. A bomb (42.zip, overlapping entries, a gigabyte of
zeros in a megabyte of gzip) is over the limit long before memory or disk are; see `reading.py` for what becomes of it.
"""

from __future__ import annotations

import hashlib
import io
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

BUFFER_BYTES = 1 << 18
FREE_EXPANSION_BYTES = 100 << 20  # a file may expand this far, however small it is
MAX_EXPANSION = 200  # times its own size; text in gzip is 3 to 20 times smaller, the most repetitive logs 100


class UnreadableError(Exception):
    """A file, or a part of one, that is not read; `why` becomes its reason, `read:…`."""

    def __init__(self, why: str, sha256: str | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.sha256 = sha256


class BombError(UnreadableError):
    """A file that expands beyond all measure: nothing more of it is read, not even its other parts."""

    def __init__(self) -> None:
        super().__init__("read:bomb")


@dataclass(slots=True)
class Expansion:
    """How many bytes a file's decompressors have made, all levels together, and how many they may."""

    limit: int
    bytes: int = 0

    @classmethod
    def of(cls, file_bytes: int) -> Expansion:
        """What is allowed to a file of this size."""
        return cls(max(FREE_EXPANSION_BYTES, MAX_EXPANSION * file_bytes))

    def add(self, count: int) -> None:
        """Count bytes. Raises BombError beyond the limit."""
        self.bytes += count
        if self.bytes > self.limit:
            raise BombError


class Tapped(io.RawIOBase):
    """A stream that calls `tap` with the number of bytes of each piece that is read."""

    def __init__(self, inner: BinaryIO, tap: Callable[[int], None]) -> None:
        self._inner = inner
        self._tap = tap

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: object) -> int:
        """Fill `buffer` as far as the stream goes, so that the first piece is as large as can be."""
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        filled = 0
        while filled < len(view):
            piece = self._inner.read(len(view) - filled)
            if not piece:
                break
            view[filled : filled + len(piece)] = piece
            filled += len(piece)
            self._tap(len(piece))
        return filled


@dataclass(slots=True)
class Input:
    """A file or a part of one. `name` is its own; `part` its path inside the file, empty for the file itself."""

    name: str
    stream: io.BufferedReader
    part: str = ""
    path: Path | None = None  # where it stands on disk by itself
    other: Path | None = None  # the file that it is read together with: the other language of parallel text
    content_bytes: int | None = None
    depth: int = 0

    def head(self, count: int = 4096) -> bytes:
        """Its first bytes; reading goes on from the start. To be asked before anything is read."""
        return self.stream.peek(count)[:count]

    def whole(self, limit: int) -> bytes:
        """All of it. Raises UnreadableError `read:too_large` with its digest where that is over `limit` bytes."""
        pieces: list[bytes] = []
        size = 0
        while size <= limit:  # a buffer of the whole limit would be made, were that asked for at once
            block = self.stream.read(min(max(size, BUFFER_BYTES), limit + 1 - size))
            if not block:
                return b"".join(pieces)
            pieces.append(block)
            size += len(block)
        sha256 = hashlib.sha256(b"".join(pieces))
        while block := self.stream.read(BUFFER_BYTES):
            sha256.update(block)
        raise UnreadableError("read:too_large", sha256.hexdigest())

    @contextmanager
    def seekable(self) -> Iterator[BinaryIO]:
        """It as a file to jump about in: the file itself, or a temporary copy of what stands in another."""
        if self.path is not None:
            with self.path.open("rb") as file:
                yield file
            return
        with tempfile.SpooledTemporaryFile(max_size=4 << 20) as copy:
            shutil.copyfileobj(self.stream, copy, BUFFER_BYTES)
            copy.seek(0)
            yield copy  # type: ignore[misc] # it has all methods of a binary file

    @contextmanager
    def on_disk(self) -> Iterator[Path]:
        """It as a path, for libraries that open files by name."""
        if self.path is not None:
            yield self.path
            return
        with tempfile.NamedTemporaryFile() as copy:
            shutil.copyfileobj(self.stream, copy, BUFFER_BYTES)
            copy.flush()
            yield Path(copy.name)


def buffered(stream: BinaryIO, tap: Callable[[int], None]) -> io.BufferedReader:
    """`stream` for an Input."""
    return io.BufferedReader(Tapped(stream, tap), BUFFER_BYTES)
