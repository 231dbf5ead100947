"""DOCX (ECMA-376, part 1, WordprocessingML): the text of the body, a paragraph a line, table cells by tabs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from catenary.data.formats.opened import Input, UnreadableError, buffered
from catenary.data.formats.reading import Reading
from catenary.data.formats.records import Records, one
from catenary.data.formats.xml import local, parse
from catenary.data.formats.zip_file import entries, open_entry

BODY = "word/document.xml"
UNREAD = frozenset({"delText", "instrText", "fldData"})  # deleted text, and codes of fields


def read(given: Input, reading: Reading) -> Iterator[Records]:
    """The document's text, without headers, comments and what was deleted under tracked changes."""
    with given.seekable() as file:
        for entry in entries(file):
            if entry.name == BODY:
                words = _Words(reading.source.max_document_bytes)
                parse(buffered(open_entry(file, entry), reading.expanded), words.start, words.end, words.data)
                yield one("".join(words.pieces).strip("\n"))
                return
    raise UnreadableError("read:wrong_format")


class _Words:
    def __init__(self, limit: int) -> None:
        self.pieces: list[str] = []
        self._in_text = 0
        self._left = limit

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        element = local(name)
        if element == "t":
            self._in_text += 1
        elif element in ("tab", "tc") and self.pieces and not self.pieces[-1].endswith("\n"):
            self.pieces.append("\t")
        elif element in ("br", "cr"):
            self.pieces.append("\n")

    def end(self, name: str) -> None:
        element = local(name)
        if element == "t":
            self._in_text -= 1
        elif element == "p":
            self.pieces.append("\n")

    def data(self, text: str) -> None:
        if self._in_text:
            self._left -= len(text)
            if self._left < 0:
                raise UnreadableError("read:too_large")
            self.pieces.append(text)
