"""Formats: one file for each kind of thing that documents come in, all of one shape.

A reader takes an opened input and the reading that it is part of, and yields `Records`: texts (or structured records)
with their places, a bounded piece at a time. What holds other files (zip, tar, mail, EPUB) hands those back to the
reading, which finds their format in turn.

    def read(input: Input, reading: Reading) -> Iterator[Records]: ...

A plugin enters the same table: an entry point of the group `catenary.formats` that names a `Format`.

    [project.entry-points."catenary.formats"]
    minutes = "acme.minutes:FORMAT"        # FORMAT = Format(read=read_minutes, suffixes=(".min",))
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module, metadata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from catenary.data.formats.opened import Input
    from catenary.data.formats.reading import Reading
    from catenary.data.formats.records import Records

    Reader = Callable[[Input, Reading], Iterator[Records]]

GROUP = "catenary.formats"


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of file. `read` is a reader, or the module of this room and the function in it that is one.

    `binary`: its first bytes tell it (`detect.MAGIC`), and a file without them is no such file.
    `plain`: read by a few lines of our own, in a time and memory that no content can stretch.
    `holds`: it holds other files, or one file in compressed form: a declared format is that of what is inside.
    """

    read: Reader | tuple[str, str]
    suffixes: tuple[str, ...] = ()
    binary: bool = False
    holds: bool = False
    plain: bool = False

    def reader(self) -> Reader:
        """The function that reads it."""
        if not isinstance(self.read, tuple):
            return self.read
        module, function = self.read
        found: Reader = getattr(import_module(f"catenary.data.formats.{module}"), function)
        return found


FORMATS: dict[str, Format] = {
    "lines": Format(("lines", "read_lines"), (".lines",), plain=True),
    "text": Format(("text", "read"), (".txt", ".text", ".md", ".markdown", ".rst"), plain=True),
    "html": Format(("html", "read"), (".html", ".htm", ".xhtml")),
    "pdf": Format(("pdf", "read"), (".pdf",), binary=True),
    "docx": Format(("docx", "read"), (".docx",), binary=True),
    "epub": Format(("epub", "read"), (".epub",), binary=True),
    "mbox": Format(("mail", "read_mbox"), (".mbox",)),
    "eml": Format(("mail", "read_eml"), (".eml",)),
    "jsonl": Format(("jsonl", "read"), (".jsonl", ".ndjson"), plain=True),
    "json": Format(("json", "read"), (".json",)),
    "csv": Format(("separated", "read_csv"), (".csv",), plain=True),
    "tsv": Format(("separated", "read_tsv"), (".tsv", ".tab"), plain=True),
    "parquet": Format(("parquet", "read"), (".parquet", ".pq"), binary=True),
    "arrow": Format(("arrow", "read"), (".arrow", ".feather", ".ipc"), binary=True),
    "sqlite": Format(("sqlite", "read"), (".sqlite", ".sqlite3", ".db"), binary=True),
    "warc": Format(("warc", "read"), (".warc",)),
    "subtitles": Format(("subtitles", "read"), (".srt", ".vtt", ".ass", ".ssa")),
    "code": Format(("code", "read"), (), plain=True),  # its suffixes are those of `code.LANGUAGES`
    "conll": Format(("tagged", "read_conll"), (".conll", ".conllu", ".bio", ".bioes"), plain=True),
    "word_tag": Format(("tagged", "read_word_tag"), plain=True),
    "tmx": Format(("tmx", "read"), (".tmx",)),
    "po": Format(("po", "read"), (".po", ".pot"), plain=True),
    "moses": Format(("moses", "read"), plain=True),
    "zip": Format(("zip", "read"), (".zip",), binary=True, holds=True),
    "tar": Format(("tar", "read"), (".tar",), binary=True, holds=True),
    "gzip": Format(("compressed", "read_gzip"), (".gz", ".tgz"), binary=True, holds=True),
    "bzip2": Format(("compressed", "read_bzip2"), (".bz2", ".tbz2"), binary=True, holds=True),
    "xz": Format(("compressed", "read_xz"), (".xz", ".txz"), binary=True, holds=True),
    "zstd": Format(("compressed", "read_zstd"), (".zst", ".tzst"), binary=True, holds=True),
}


def formats() -> Mapping[str, Format]:
    """The whole table: our own formats, and those of installed plugins."""
    return {**_plugins(), **FORMATS}


def find(name: str) -> Format | None:
    """The format of this name; plugins are looked for only where it is none of ours."""
    return FORMATS.get(name) or _plugins().get(name)


def plugin_version(name: str) -> str | None:
    """`distribution version` of the plugin that brings a format, None for our own: what a recipe must name."""
    if name in FORMATS:
        return None
    for point in _entry_points():
        if point.name == name and point.dist is not None:
            return f"{point.dist.name} {point.dist.version}"
    return None


def by_suffix(name: str) -> str | None:
    """The format that a file's name speaks of, None where it speaks of none."""
    dot = name.rfind(".")
    return None if dot < 0 or "/" in name[dot:] else _suffixes().get(name[dot:].lower())


@cache
def _suffixes() -> dict[str, str]:
    from catenary.data.formats.code import LANGUAGES

    found = dict.fromkeys(LANGUAGES, "code")
    for name, one in (*_plugins().items(), *FORMATS.items()):
        found.update(dict.fromkeys(one.suffixes, name))
    return found


@cache
def _plugins() -> dict[str, Format]:
    found: dict[str, Format] = {}
    for point in _entry_points():
        loaded: Any = point.load()
        assert isinstance(loaded, Format), f"{point.value} is no catenary.data.formats.Format"
        found[point.name] = loaded
    return found


def _entry_points() -> Iterable[metadata.EntryPoint]:
    return metadata.entry_points(group=GROUP)
