"""Subtitles (SubRip, WebVTT, Advanced SubStation Alpha): what is said, a cue a line, without times and styles."""

from __future__ import annotations

import re
from collections.abc import Iterator

from catenary.data.formats.opened import Input
from catenary.data.formats.reading import Reading
from catenary.data.formats.records import Records, one
from catenary.data.formats.text import encoding_meta, whole_text

CUE = re.compile(
    r"^\s*(?:\d+:)?\d{1,2}:\d{2}[.,]\d{1,3}\s*-->\s*(?:\d+:)?\d{1,2}:\d{2}[.,]\d{1,3}.*$", re.MULTILINE
)
TAG = re.compile(r"<[^<>\n]{0,200}>|\{[^{}\n]{0,500}\}")
FIELDS_BEFORE_TEXT = 9  # of `Dialogue:` where no `Format:` says otherwise


def read(given: Input, reading: Reading) -> Iterator[Records]:
    """One document; a cue that repeats the one before it, as rolling captions do, is taken once."""
    told = whole_text(given, reading)
    text = told.text.replace("\r\n", "\n").replace("\r", "\n")
    cues = list(_dialogue(text) if "[Events]" in text else _cues(text))
    said = [cue for at, cue in enumerate(cues) if cue and (at == 0 or cue != cues[at - 1])]
    yield one("\n".join(said), encoding_meta(told) | {"cues": str(len(cues))})


def _cues(text: str) -> Iterator[str]:
    """What stands between a line of times and the next empty line."""
    for body in CUE.split(text)[1:]:
        lines = body.strip("\n").split("\n\n")[0].split("\n")
        yield _plain(" ".join(line.strip() for line in lines))


def _dialogue(text: str) -> Iterator[str]:
    before = FIELDS_BEFORE_TEXT
    for line in text.split("[Events]", 1)[1].split("\n"):
        kind, _, rest = line.partition(":")
        if kind == "Format":
            before = max(rest.count(","), 1)
        elif kind == "Dialogue":
            fields = rest.split(",", before)
            if len(fields) > before:
                yield _plain(re.sub(r"\\[Nnh]", " ", fields[before]))


def _plain(text: str) -> str:
    return " ".join(TAG.sub("", text).replace("&nbsp;", " ").replace("&amp;", "&").split())
