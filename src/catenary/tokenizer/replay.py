"""Going through texts more than once, also those of an iterator that gives each only once."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import BinaryIO


@contextmanager
def replayable(texts: Iterable[str]) -> Iterator[Iterable[str]]:
    """`texts` as something that can be gone through again and again inside the block."""
    if iter(texts) is not texts:
        yield texts
        return
    with tempfile.TemporaryFile() as file:
        for text in texts:
            data = text.encode("utf-8", "surrogatepass")
            file.write(len(data).to_bytes(8, "little"))
            file.write(data)
        yield _Kept(file)


class _Kept:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def __iter__(self) -> Iterator[str]:
        self._file.seek(0)
        while size := self._file.read(8):
            yield self._file.read(int.from_bytes(size, "little")).decode("utf-8", "surrogatepass")
