"""Facts that a sentence states by its form: what something is, what stands under what, what is named together.

Names are found by capitals; where a tagger is asked, those that it finds are names too, Chinese ones with them, and
each sentence says that they are a person, a place or an organisation.

>>> [(fact.subject, fact.relation, fact.object) for fact in facts("LVM is an abstraction of disks.")]
[('LVM', 'is', 'an abstraction of disks')]
>>> [(fact.subject, fact.relation, fact.object) for fact in facts("绿茶是一种不发酵的茶。")]
[('绿茶', 'is', '一种不发酵的茶')]

Patterns read form, not sense: they miss most of what a text says, and take "Paris is a must" for a definition.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, NamedTuple

from catenary.data.sentences import sentence_spans
from catenary.data.stop_words import ASKED_WITH, LITTLE_SAID

Relation = Literal["is", "with", "under", "kind"]
RELATIONS: tuple[Relation, ...] = ("is", "with", "under", "kind")
WORD = r"[A-Za-z0-9][\w.+/-]*\w"
PROPER = r"[A-Z][\w+/-]*\w"
DEFINED = (
    re.compile(
        rf"(?:(?:The|An?) )?(?P<name>{PROPER}(?: {PROPER}){{0,3}}|{WORD})(?: \([^()]{{2,60}}\))?"
        r" (?:is|are) (?P<what>(?:an?|the) [^.;:]{3,120})"
    ),
    re.compile(
        r"(?P<name>[A-Za-z][\w.+/ -]{1,30}|[\u4e00-\u9fff]{2,10})\s?(?:（[^（）]{2,40}）)?\s?"
        r"(?:是|就是)(?P<what>(?:一[种个款套类项组门]|指)[^，。；：]{2,60})"
    ),
)
NAMED = re.compile(rf"{PROPER}(?: {PROPER}){{0,3}}")
NO_NAMES = frozenset(
    {"this", "that", "these", "those", "it", "they", "here", "there", "one", "such", "another"}
)
_OPENERS = """above after although as at because before below but by for from how however if in next now on since so
then though thus unless until what when where whereas which while who why with"""
OPENERS = frozenset(_OPENERS.split())  # "Since LXC is a …" begins a clause, and names nothing so
POINTS = re.compile(
    r"[这那它此该其我你他她如但而也都就不有的]|因为|所以|一[个种]"
)  # 这是一个…: nothing is named
NUMBERED = re.compile(r"(?:第\s*)?[\d.]+\s*(?:[章节]\s*)?")
LIST_OF_NAMES = 8  # a sentence that names more is a list: it says nothing of any two of them
LONGEST = 40  # characters of a name
WORD_CHARACTERS = re.compile(r"[A-Za-z0-9]{2}")


@dataclass(frozen=True, slots=True)
class Fact:
    """`subject` stands in `relation` to `object`, say characters `start` to `end` of the text."""

    subject: str
    relation: Relation
    object: str
    start: int
    end: int


class Named(NamedTuple):
    """Characters `start` to `end` of a text name one of this kind: a person, a place, an organisation."""

    kind: str
    start: int
    end: int


def facts(text: str, headings: Sequence[str] = (), named: Sequence[Named] = ()) -> list[Fact]:
    """What a passage under these headings states, in its order. `named`: what a tagger found in it."""
    found = list(_placed(headings, len(text)))
    for start, end in sentence_spans(text):
        sentence = text[start:end]
        found += (Fact(name, "is", what, start, end) for name, what in _defined(sentence))
        here = [one for one in named if start <= one.start and one.end <= end and _whole(text, one)]
        tagged = {text[one.start : one.end]: one.kind for one in here}
        found += (Fact(name, "kind", kind, start, end) for name, kind in tagged.items())
        within = [(one.start - start, one.end - start) for one in here]
        names = sorted({*tagged, *_names(sentence, within)})
        if len(names) <= LIST_OF_NAMES:
            found += (Fact(one, "with", other, start, end) for one, other in combinations(names, 2))
    return found


def bare_heading(heading: str) -> str:
    """A heading without its number."""
    return NUMBERED.sub("", heading, count=1).strip() if NUMBERED.match(heading) else heading.strip()


def _placed(headings: Sequence[str], end: int) -> Iterator[Fact]:
    names = [name for heading in headings if 1 < len(name := bare_heading(heading)) <= LONGEST]
    if len(names) > 1 and names[-1] != names[-2]:
        yield Fact(names[-1], "under", names[-2], 0, end)


def _defined(sentence: str) -> Iterator[tuple[str, str]]:
    for form in DEFINED:
        match = form.match(sentence)
        if match is None:
            continue
        name = match["name"].strip()
        if _says_something(name):
            yield name, match["what"].strip()


def _whole(text: str, one: Named) -> bool:
    """Whether it is of a name's length and no part of a longer word."""
    name = text[one.start : one.end]
    cut = WORD_CHARACTERS.search(
        text[max(one.start - 1, 0) : one.start] + name[:1]
    ) or WORD_CHARACTERS.search(name[-1:] + text[one.end : one.end + 1])
    return 1 < len(name) <= LONGEST and not cut and not any(mark.isspace() and mark != " " for mark in name)


def _names(sentence: str, tagged: Sequence[tuple[int, int]] = ()) -> Iterator[str]:
    """By capitals; none where a tagger found one."""
    for match in NAMED.finditer(sentence):
        if any(start < match.end() and match.start() < end for start, end in tagged):
            continue
        name = match[0]
        # A capital at the beginning of a sentence names nothing by itself; RAID and Debian GNU do.
        told = match.start() > 0 or any(one.isupper() or one.isdigit() for one in name[1:])
        if told and len(name) <= LONGEST and _says_something(name):
            yield name


def _says_something(name: str) -> bool:
    known = name.casefold()
    if (
        known in NO_NAMES
        or known in LITTLE_SAID
        or known in ASKED_WITH
        or known.isdigit()
        or known.split()[0] in OPENERS
    ):
        return False
    return name.isascii() or not POINTS.search(name)
