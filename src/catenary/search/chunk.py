"""Passages of a document, along its structure.

A heading begins a passage, and each passage knows the headings that it stands under. Headings are Markdown's; pages
have them after `extract: markdown`. Below a heading paragraphs are kept together as long as they fit; one that does
not fit is cut at the ends of its sentences, and a sentence that does not fit, at a space. Within a section the last
sentences of a passage, up to `overlap`, stand at the start of the next one again.

Lengths are columns: a Chinese character counts as two, for it says about as much as two Latin letters do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from catenary.data.sentences import sentence_spans

HEADING = re.compile(r"(#{1,6})[ \t]+(.+?)[ \t]*#*[ \t]*$")
FENCE = re.compile(r"(```+|~~~+)")
FENCES = ("```", "~~~")


@dataclass(frozen=True, slots=True)
class ChunkSettings:
    """Columns of a passage at most, and of what two neighbours share."""

    size: int = 1000
    overlap: int = 150


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage: characters `start` to `end` of its document, under these headings, outermost first."""

    start: int
    end: int
    headings: tuple[str, ...]
    text: str


Span = tuple[int, int]


def chunks(text: str, settings: ChunkSettings | None = None) -> list[Chunk]:
    """The passages of a document in their order; none where it has no words."""
    settings = settings or ChunkSettings()
    found = []
    for headings, lines in _sections(text):
        for start, end in _packed(text, _pieces(text, lines, settings.size), settings):
            found.append(Chunk(start, end, headings, text[start:end]))
    return found


def columns(text: str) -> int:
    """How wide a text is: a character of three bytes in UTF-8 counts as two."""
    return len(text) if text.isascii() else (len(text) + len(text.encode("utf-8", "replace"))) // 2


def _fits(text: str, start: int, end: int, size: int) -> bool:
    """Whether a part is at most so many columns: most parts tell by their length alone, of 1 to 2.5 columns each."""
    length = end - start
    return 5 * length <= 2 * size or (length <= size and columns(text[start:end]) <= size)


def is_wide(text: str) -> bool:
    """Whether a text is mostly Chinese, Japanese or Korean, by what its characters are."""
    return columns(text) > 1.1 * len(text)


def _sections(text: str) -> Iterator[tuple[tuple[str, ...], list[Span]]]:
    """(headings, the lines below the last of them) in the document's order; lines without words are left out."""
    path: list[tuple[int, str]] = []
    lines: list[Span] = []
    fence = ""
    at = 0
    for line in text.splitlines(keepends=True):
        begin, at = at, at + len(line)
        bare = line.strip()
        if not bare:
            continue
        mark = FENCE.match(bare) if bare[:3] in FENCES else None
        if mark and (not fence or bare == fence):
            fence = "" if fence else mark[1]
        heading = None if fence or mark or line[0] != "#" else HEADING.match(bare)
        if heading is None:
            start = begin + len(line) - len(line.lstrip())
            lines.append((start, start + len(bare)))
            continue
        if lines:
            yield tuple(name for _, name in path), lines
            lines = []
        level = len(heading[1])
        path = [one for one in path if one[0] < level] + [(level, heading[2].strip())]
    if lines:
        yield tuple(name for _, name in path), lines


def _pieces(text: str, lines: list[Span], size: int) -> Iterator[Span]:
    """The lines; those that are too wide as their sentences, and such sentences in parts."""
    for start, end in lines:
        if _fits(text, start, end, size):
            yield start, end
            continue
        for first, last in sentence_spans(text[start:end]):
            yield from _parts(text, start + first, start + last, size)


def _parts(text: str, start: int, end: int, size: int) -> Iterator[Span]:
    while not _fits(text, start, end, size):
        stop = min(start + size, end)
        while not _fits(text, start, stop, size):
            stop = start + (stop - start) * 9 // 10
        space = text.rfind(" ", start + (stop - start) // 2, stop)
        stop = space if space > start else stop
        yield start, stop
        start = stop + (stop == space)
    if text[start:end].strip():
        yield start, end


def _packed(text: str, pieces: Iterator[Span], settings: ChunkSettings) -> Iterator[Span]:
    held: list[Span] = []
    for piece in pieces:
        if held and not _fits(text, held[0][0], piece[1], settings.size):
            yield held[0][0], held[-1][1]
            held = _shared(text, held, piece, settings)
        held.append(piece)
    if held:
        yield held[0][0], held[-1][1]


def _shared(text: str, held: list[Span], piece: Span, settings: ChunkSettings) -> list[Span]:
    """The last sentences of a passage that the next one begins with again: as many as fit there and in the overlap."""
    start, end = held[-1]
    spans = [(start + a, start + b) for a, b in sentence_spans(text[start:end])]
    spans = [*held[:-1], *spans]
    kept: list[Span] = []
    for span in reversed(spans):
        if not _fits(text, span[0], end, settings.overlap):
            break
        if not _fits(text, span[0], piece[1], settings.size):
            break
        kept.insert(0, span)
    return kept if len(kept) < len(spans) else []
