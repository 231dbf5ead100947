"""The files of a source, of which there may be millions.

>>> files = Listed(SourceFile("data", name, name, None, 7, None) for name in ("a.txt", "b.txt"))
>>> files[1].name, files[1].bytes, len(files)
('b.txt', 7, 2)
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of a source. `name` is its path below the source's folder, the same on every machine.

    There may be millions: where it stands is two texts, of which `name` is mostly the second, not a Path.
    """

    folder: str
    below: str  # the folder
    name: str
    label: str | None
    bytes: int
    format: str | None  # as the source declares it; None: found in its content and name when it is read
    refused: str | None = None  # why it must not be read
    url: str | None = None  # where it is read from when it is not on this machine
    fingerprint: str | None = None  # what it holds, of a file or of rows that have no SHA-256 on this machine
    other: Path | None = None  # the file whose lines stand beside its own (`format: moses`)

    @property
    def path(self) -> Path:
        """Where it stands on this machine."""
        return Path(self.folder, self.below)


class Listed(Sequence[SourceFile]):
    """Files in a seventh of the memory that so many objects take, where most differ in name and size alone."""

    def __init__(self, files: Iterable[SourceFile]) -> None:
        self._names = bytearray()  # one after the other
        self._ends = array("q", [0])
        self._bytes = array("q")
        self._folder: str | None = None  # of those that stand here …
        self._format: str | None = None
        self._others: dict[int, SourceFile] = {}  # … and those that have something else to tell
        for file in files:
            self._add(file)

    def _add(self, file: SourceFile) -> None:
        if self._folder is None:
            self._folder, self._format = file.folder, file.format
        if self._is_plain(file):
            self._names += file.name.encode("utf-8", "surrogateescape")
        else:
            self._others[len(self)] = file
        self._ends.append(len(self._names))
        self._bytes.append(file.bytes)

    def _is_plain(self, file: SourceFile) -> bool:
        told = (file.label, file.refused, file.url, file.fingerprint, file.other)
        return (
            file.below == file.name
            and file.folder == self._folder
            and file.format == self._format
            and told == (None,) * 5
        )

    def __len__(self) -> int:
        return len(self._bytes)

    @overload
    def __getitem__(self, at: int) -> SourceFile: ...
    @overload
    def __getitem__(self, at: slice) -> list[SourceFile]: ...
    def __getitem__(self, at: int | slice) -> SourceFile | list[SourceFile]:
        if isinstance(at, slice):
            return [self[one] for one in range(*at.indices(len(self)))]
        size = self._bytes[at]  # raises IndexError
        at %= len(self)
        if at in self._others:
            return self._others[at]
        assert self._folder is not None
        name = self._names[self._ends[at] : self._ends[at + 1]].decode("utf-8", "surrogateescape")
        return SourceFile(self._folder, name, name, None, size, self._format)

    def __iter__(self) -> Iterator[SourceFile]:
        return (self[at] for at in range(len(self)))
