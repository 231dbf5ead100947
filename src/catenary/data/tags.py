"""Tags of tokens: what entities they tell of, which tags may follow which, and how a text is cut into tokens.

    >>> entities_of(["B-per", "I-per", "O", "B-loc"])
    [Entity(kind='per', start=0, end=2), Entity(kind='loc', start=3, end=4)]
    >>> entities_of(["O", "S-loc", "B-per", "E-per"])
    [Entity(kind='loc', start=1, end=2), Entity(kind='per', start=2, end=4)]

BIO: B- begins an entity and I- goes on with it (Ramshaw and Marcus 1995; Tjong Kim Sang 2002). BIOES marks the end (E-)
and an entity of one token (S-) too. Tags without such a prefix, parts of speech for one, tell of no entities.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

OUTSIDE = "O"
BEGINS, GOES_ON, ENDS, SINGLE = "B", "I", "E", "S"
PREFIXED = re.compile(r"[BIES]-.")
# Characters that stand alone as tokens: what is written without spaces. Runs of other letters and digits stay whole.
PIECES = re.compile(r"[^\W\d_぀-ヿ㐀-鿿가-힯豈-﫿]+|\d+|\S")


class Entity(NamedTuple):
    """Tokens `start` to `end` (exclusive) are one entity."""

    kind: str
    start: int
    end: int


def entities_of(tags: Sequence[str], *, strict: bool = False) -> list[Entity]:
    """The entities that a row of tags tells of.

    As the CoNLL-2000 script and seqeval's default have it, an I- that follows no entity of its kind begins one; with
    `strict` only what begins with B- (or S-), and in BIOES ends with E-, is an entity.
    """
    found: list[Entity] = []
    scheme_ends = any(tag.startswith(("E-", "S-")) for tag in tags)
    begun: Entity | None = None
    sound = True
    last = OUTSIDE
    for place, tag in enumerate([*tags, OUTSIDE]):
        prefix, kind = _parts(tag)
        if begun is not None and (
            last in (ENDS, SINGLE) or prefix in (BEGINS, SINGLE, OUTSIDE) or kind != begun.kind
        ):
            whole = sound and (not scheme_ends or last in (ENDS, SINGLE))
            if whole or not strict:
                found.append(begun._replace(end=place))
            begun = None
        if begun is None and prefix != OUTSIDE:
            begun, sound = Entity(kind, place, place + 1), prefix in (BEGINS, SINGLE)
        last = prefix
    return found


def _parts(tag: str) -> tuple[str, str]:
    return (tag[0], tag[2:]) if PREFIXED.match(tag) else (OUTSIDE, "")


def names_entities(tags: Sequence[str]) -> bool:
    """Whether these are tags of entities: each is O or has a prefix, and one at least has."""
    return any(PREFIXED.match(tag) for tag in tags) and all(
        tag == OUTSIDE or PREFIXED.match(tag) for tag in tags
    )


def may_follow(before: str | None, tag: str, *, ends: bool) -> bool:
    """Whether `tag` may come after `before` (None: the beginning); `ends` says that the scheme marks ends."""
    prefix, kind = _parts(tag)
    last, last_kind = _parts(before or OUTSIDE)
    inside = last in (BEGINS, GOES_ON)
    if prefix in (GOES_ON, ENDS):
        return inside and kind == last_kind
    return not (ends and inside)


def cut(text: str) -> list[tuple[int, int]]:
    """Where the tokens of a text stand: each Chinese character and mark alone, other words and numbers whole.

    >>> [text[a:b] for text in ["用Python写3行。"] for a, b in cut(text)]
    ['用', 'Python', '写', '3', '行', '。']
    """
    return [found.span() for found in PIECES.finditer(text)]


@dataclass(frozen=True, slots=True)
class TagView:
    """What of tagged words is learnt: the tags as they are, or the entities among parts of speech.

    `entities`: words with these tags become entities, B-tag I-tag …, all others O. Neighbours with a tag of `join` are
    one entity: a Chinese surname and its given name are two words in many corpora. `units`: what is tagged, words or
    their characters.
    """

    entities: tuple[str, ...] = ()
    join: tuple[str, ...] = ()
    units: Literal["words", "characters"] = "words"

    def of(self, tokens: Sequence[str], tags: Sequence[str]) -> tuple[list[str], list[str]]:
        """Tokens and tags as they are seen so.

        >>> TagView(("nr", "ns"), ("nr",), "characters").of(["江", "泽民", "访", "法国"], ["nr", "nr", "v", "ns"])[1]
        ['B-nr', 'I-nr', 'I-nr', 'O', 'B-ns', 'I-ns']
        """
        if self.entities:
            tags = [
                OUTSIDE
                if tag not in self.entities
                else f"{GOES_ON}-{tag}"
                if place and tags[place - 1] == tag and tag in self.join
                else f"{BEGINS}-{tag}"
                for place, tag in enumerate(tags)
            ]
        if self.units == "words":
            return list(tokens), list(tags)
        characters, told = [], []
        for token, tag in zip(tokens, tags, strict=True):
            for place, character in enumerate(token):
                characters.append(character)
                told.append(_inner(tag) if place else tag)
        return characters, told


def _inner(tag: str) -> str:
    """The tag of a character inside a word: a B- goes on as I-; parts of speech stay as they are."""
    prefix, kind = _parts(tag)
    return f"{GOES_ON}-{kind}" if prefix == BEGINS else tag
