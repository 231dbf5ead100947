"""EPUB (EPUB 3.3, also 2): the chapters in reading order, each a part `book.epub!/text/1.xhtml`."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from typing import BinaryIO
from urllib.parse import unquote

from catenary.data.formats.opened import Input, UnreadableError, buffered
from catenary.data.formats.reading import Reading
from catenary.data.formats.records import Records
from catenary.data.formats.xml import local, parse
from catenary.data.formats.zip_file import Entry, entries, open_entry

CONTAINER = "META-INF/container.xml"
MOST_FILES = 20_000


def read(one: Input, reading: Reading) -> Iterator[Records]:
    """The chapters; a book under digital rights management has none that can be read."""
    with one.seekable() as file:
        found: dict[str, Entry] = {}
        for entry in entries(file):
            found[entry.name] = entry
            if len(found) > MOST_FILES:
                raise UnreadableError("read:too_many_parts")
        package = _package(_opened(file, found, CONTAINER, reading))
        for name in dict.fromkeys(_spine(_opened(file, found, package, reading), package)):
            if name in found:
                stream = open_entry(file, found[name])
                yield from reading.inside(one, name, stream, found[name].bytes, "html")
            else:
                yield reading.refused(one, name, "read:unreadable")


def _opened(file: BinaryIO, found: Mapping[str, Entry], name: str, reading: Reading) -> BinaryIO:
    if name not in found:
        raise UnreadableError("read:wrong_format")
    return buffered(open_entry(file, found[name]), reading.expanded)


def _package(container: BinaryIO) -> str:
    paths: list[str] = []

    def start(name: str, attributes: Mapping[str, str]) -> None:
        if local(name) == "rootfile":
            paths.append(attributes.get("full-path", ""))

    parse(container, start, lambda name: None, lambda text: None)
    return paths[0] if paths else ""


def _spine(package: BinaryIO, where: str) -> list[str]:
    """The names of the chapters in reading order."""
    items: dict[str, str] = {}
    order: list[str] = []

    def start(name: str, attributes: Mapping[str, str]) -> None:
        element = local(name)
        if element == "item" and "html" in attributes.get("media-type", ""):
            items[attributes.get("id", "")] = attributes.get("href", "")
        elif element == "itemref":
            order.append(attributes.get("idref", ""))

    parse(package, start, lambda name: None, lambda text: None)
    folder = posixpath.dirname(where)
    return [posixpath.normpath(posixpath.join(folder, unquote(items[one]))) for one in order if one in items]
