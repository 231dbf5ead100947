"""Sentences of a text, in Chinese and in languages with spaces.

>>> sentences('他说：“走吧。”我们就走了！It is 3.14, Dr. Li. Really?')
['他说：“走吧。”', '我们就走了！', 'It is 3.14, Dr. Li.', 'Really?']

A sentence ends behind 。！？… and what closes a quotation or bracket, or behind . ! ? before white space and something
that does not go on in lower case, unless the full stop belongs to a common abbreviation or an initial. A line end ends
it too.
"""

from __future__ import annotations

import re

_ENDS = re.compile(r"(?:[。！？!?…⋯｡]|(?<=\s)\.{3,}|\.(?=[\s\"'”’)\]]|$))+[”’」』）】〉》\"')\]]*")
_ABBREVIATED = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|vs|etc|al|Fig|No|Vol|pp|Inc|Ltd|Co|Corp|e\.g|i\.e|cf|approx|dept|est"
    r"|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sep|Sept|Oct|Nov|Dec)|\b[A-Z])\.$"
)
_GOES_ON = re.compile(r"\s+[a-z,;:]")


def sentences(text: str) -> list[str]:
    """The sentences of a text, without white space around them."""
    return [text[start:end] for start, end in sentence_spans(text)]


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Where the sentences of a text stand, in characters, without white space around them."""
    found: list[tuple[int, int]] = []
    at = 0
    for line in text.split("\n"):
        start = 0
        for end in _ENDS.finditer(line):
            mark = end.group()
            if mark[0] == "." and (
                _ABBREVIATED.search(line, start, end.end()) or _GOES_ON.match(line, end.end())
            ):
                continue
            after = line[end.end() : end.end() + 1]
            if mark.isascii() and after.isascii() and after.isalnum():  # a?b in an address
                continue
            found.append(_bare(line, start, end.end(), at))
            start = end.end()
        found.append(_bare(line, start, len(line), at))
        at += len(line) + 1
    return [(start, end) for start, end in found if start < end]


def _bare(line: str, start: int, end: int, at: int) -> tuple[int, int]:
    part = line[start:end]
    return at + start + len(part) - len(part.lstrip()), at + start + len(part.rstrip())
