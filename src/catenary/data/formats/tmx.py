"""TMX 1.4b: translation memories. Each unit is a pair `source`, `target`.

Which two of its languages, `languages: [en, zh]` of the source says; the first two where it says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from catenary.data.annotations import annotations_in, text_of
from catenary.data.formats.opened import Input, UnreadableError
from catenary.data.formats.reading import Reading
from catenary.data.formats.records import Records
from catenary.data.formats.xml import local, steps

XML_LANG = "http://www.w3.org/XML/1998/namespace lang"
SKIPPED = frozenset({"bpt", "ept", "ph", "it", "ut"})  # codes of the format that the segment comes from


def read(one: Input, reading: Reading) -> Iterator[Records]:
    """A pair a unit; offsets count units."""
    units = _Units(reading.source.max_document_bytes)
    wanted = tuple(language.lower() for language in reading.source.languages or ())
    offset = 0
    try:
        for _ in steps(one.stream, units.start, units.end, units.data):
            yield _records(units.take(), wanted, offset)
            offset = units.count
    except UnreadableError:
        yield _records(units.take(), wanted, offset)  # what came before is whole
        raise


Unit = list[tuple[str, str]]  # language, segment


def _records(units: list[Unit], wanted: tuple[str, ...], offset: int) -> Records:
    records = Records(annotations=[])
    for at, unit in enumerate(units, offset + 1):
        pair = _pair(unit, wanted)
        if pair is None:
            records.add(at, why="read:no_such_language")
        else:
            columns = {"source": pair[0], "target": pair[1]}
            records.add(at, text_of(columns) or "", None, annotations_in(columns))
    return records


def _pair(unit: Unit, wanted: tuple[str, ...]) -> tuple[str, str] | None:
    if not wanted:
        return (unit[0][1], unit[1][1]) if len(unit) > 1 else None
    found = [_segment(unit, language) for language in wanted]
    return (found[0], found[1]) if found[0] is not None and found[1] is not None else None


def _segment(unit: Unit, language: str) -> str | None:
    """The segment in a language: `zh` finds `zh-CN`."""
    for told, segment in unit:
        if told == language or told.startswith(f"{language}-"):
            return segment
    return None


class _Units:
    def __init__(self, limit: int) -> None:
        self.count = 0
        self._limit = limit
        self._done: list[Unit] = []
        self._unit: Unit = []
        self._language = ""
        self._pieces: list[str] | None = None
        self._skipping = 0
        self._size = 0

    def take(self) -> list[Unit]:
        """The units that have ended since this was last asked."""
        done, self._done = self._done, []
        return done

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        element = local(name)
        if element == "tu":
            self._unit, self._size = [], 0
        elif element == "tuv":
            self._language = attributes.get(XML_LANG, attributes.get("lang", "")).lower()
        elif element == "seg":
            self._pieces = []
        elif element in SKIPPED:
            self._skipping += 1

    def end(self, name: str) -> None:
        element = local(name)
        if element == "seg" and self._pieces is not None:
            self._unit.append((self._language, " ".join("".join(self._pieces).split())))
            self._pieces = None
        elif element == "tu":
            self._done.append(self._unit)
            self.count += 1
            self._unit = []
        elif element in SKIPPED:
            self._skipping -= 1

    def data(self, text: str) -> None:
        if self._pieces is not None and not self._skipping:
            self._size += len(text)
            if self._size > self._limit:
                raise UnreadableError("read:too_large")
            self._pieces.append(text)
